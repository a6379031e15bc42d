// Package deploy_test checks that what operators are given fits the server: every query of the dashboard and the alert rules asks
// for metrics and labels that a real /metrics has, every alert has its runbook, and a backup of a store in use can be gone on with.
// What needs other programs (helm, promtool, systemd) is in check.sh.
package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A query is one that somebody reads: legend and texts around it name labels of its result.
type query struct{ where, expr, text string }

// metricName is the label that holds a series' name.
const metricName = "__name__"

// vocabulary is what a server exports: metrics, their labels, the labels' values.
type vocabulary map[string]map[string][]string

func vocabularyOf(series []labels.Labels) vocabulary {
	v := vocabulary{"up": {}} // Prometheus' own
	for _, s := range series {
		name := s.Get(metricName)
		if v[name] == nil {
			v[name] = map[string][]string{}
		}
		s.Range(func(l labels.Label) { v[name][l.Name] = append(v[name][l.Name], l.Value) })
	}
	return v
}

// given are the labels that Prometheus adds to whatever it scrapes.
func given(label string) bool { return label == "job" || label == "instance" }

// check returns what is wrong with a query: its grammar, names that nobody exports, labels that its metrics do not have.
func (v vocabulary) check(q query) []string {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", q.where, err)}
	}
	var (
		problems []string
		known    = map[string]bool{"job": true, "instance": true}
		grouping []string
	)
	wrong := func(format string, args ...any) {
		problems = append(problems, q.where+": "+fmt.Sprintf(format, args...)+" in "+q.expr)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			has, ok := v[n.Name]
			if !ok {
				wrong("there is no metric %s", n.Name)
				return nil
			}
			for label := range has {
				known[label] = true
			}
			for _, m := range n.LabelMatchers {
				switch {
				case m.Name == metricName || given(m.Name):
				case has[m.Name] == nil:
					wrong("%s has no label %s", n.Name, m.Name)
				case m.Type == labels.MatchEqual && !slices.Contains(has[m.Name], m.Value):
					wrong("%s has no %s=%q", n.Name, m.Name, m.Value)
				}
			}
		case *parser.AggregateExpr:
			grouping = append(grouping, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouping = append(append(grouping, n.VectorMatching.MatchingLabels...), n.VectorMatching.Include...)
			}
		}
		return nil
	})
	for _, label := range grouping {
		if !known[label] {
			wrong("nothing has the label %s that is grouped by", label)
		}
	}
	_, aggregated := expr.(*parser.AggregateExpr)
	for _, match := range regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`).FindAllStringSubmatch(q.text, -1) {
		if label := match[1]; !known[label] || aggregated && !slices.Contains(grouping, label) {
			wrong("the text %q names the label %s, which the result does not have", q.text, label)
		}
	}
	return problems
}

// dashboard reads the queries of grafana/judged.json, with Grafana's variables filled in.
func dashboard(t *testing.T) []query {
	t.Helper()
	text, err := os.ReadFile("grafana/judged.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Annotations struct {
			List []struct{ Name, Expr, TitleFormat string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("$__rate_interval", "2m", "$__interval", "1m", "$job", "judged", "$instance", ".*")
	var queries []query
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for _, o := range d.Panels[:i] {
			a, b := p.GridPos, o.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("the panels %q and %q lie on each other", o.Title, p.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, query{"panel " + p.Title, filled.Replace(target.Expr), target.LegendFormat})
		}
	}
	for _, a := range d.Annotations.List {
		queries = append(queries, query{"annotation " + a.Name, filled.Replace(a.Expr), a.TitleFormat})
	}
	return queries
}

func TestQueriesFitTheServer(t *testing.T) {
	b := newBusy(t)
	v := vocabularyOf(b.scrape(t))
	var queries []query
	queries = append(queries, dashboard(t)...)
	for _, r := range rules(t) {
		queries = append(queries, query{"alert " + r.Alert, r.Expr, strings.Join([]string{r.Annotations["summary"], r.Annotations["description"]}, "\n")})
	}
	if len(queries) < 30 {
		t.Fatalf("found %d queries: are the files still where they were?", len(queries))
	}
	for _, q := range queries {
		for _, problem := range v.check(q) {
			t.Error(problem)
		}
	}
	// What the server counts is shown somewhere.
	for name := range v {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		if strings.HasPrefix(name, "judged_") && !slices.ContainsFunc(queries, func(q query) bool { return strings.Contains(q.expr, base) }) {
			t.Errorf("no panel and no alert shows %s", name)
		}
	}
}

// The check above must find what it is there for.
func TestQueriesThatDoNotFit(t *testing.T) {
	v := vocabularyOf([]labels.Labels{
		labels.FromStrings(metricName, "judged_tasks", "kind", "notify", "state", "dead"),
		labels.FromStrings(metricName, "judged_build_info", "version", "v1"),
	})
	for _, c := range []struct{ expr, text, want string }{
		{`max by (kind) (judged_tasks{job="judged", state="dead"})`, "{{kind}}", ""},
		{`judged_build_info unless on (job, instance) judged_tasks`, "{{ $labels.instance }} {{version}}", ""},
		{`sum(judged_tasks`, "", "unclosed left parenthesis"},
		{`judged_task`, "", "there is no metric judged_task"},
		{`judged_tasks{status="dead"}`, "", "judged_tasks has no label status"},
		{`judged_tasks{state="dad"}`, "", `judged_tasks has no state="dad"`},
		{`sum by (source) (judged_tasks)`, "", "nothing has the label source"},
		{`sum by (kind) (judged_tasks)`, "{{state}}", "names the label state"},
		{`judged_tasks`, "{{ $labels.source }}", "names the label source"},
	} {
		got := strings.Join(v.check(query{"case", c.expr, c.text}), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %q: got %q, want %q", c.expr, c.text, got, c.want)
		}
	}
}

// While the store does not answer, what is counted in it must be gone from the metrics: the alert JudgedStoreUnavailable is about
// that.
func TestMetricsWithoutStore(t *testing.T) {
	b := newBusy(t)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	v := vocabularyOf(b.scrape(t))
	if v["judged_analyses_live"] != nil || v["judged_tasks"] != nil {
		t.Error("the metrics tell of analyses and tasks that nobody could read")
	}
	if v["judged_build_info"] == nil || v["judged_verdicts_total"] == nil || v["process_start_time_seconds"] == nil {
		t.Error("with the store, all other metrics are gone, too")
	}
	if status := b.status(t, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz without a store: status %d: a restart would not help", status)
	}
	if status := b.status(t, "GET", "/readyz", ""); status != 503 {
		t.Errorf("/readyz without a store: status %d, want 503", status)
	}
}
