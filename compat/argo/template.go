package argo

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of AnalysisTemplates.
type Imported = carry.Imported

// ImportTemplates makes one CanaryConfig of all AnalysisTemplates and
// ClusterAnalysisTemplates among the documents, which come with the paths of
// their files for messages. As in a rollout that names several templates, their
// metrics and arguments are joined. source is what the metrics ask; if it is
// empty, the provider's name.
//
// Metrics with the providers prometheus and datadog are taken. An argument is a
// variable of the scopes. Arguments called for a side (stable-hash and
// canary-hash) become one variable, so that both sides are asked by one query;
// two metrics that differ in nothing else, and a quotient or difference of two
// such queries, become one metric. A limit of a condition is a rule of the
// decision.
//
// The error is not nil if no metric could be taken; Imported then says why.
func ImportTemplates(documents iter.Seq2[string, *yaml.Node], source string) (Imported, error) {
	t := &templates{source: source, args: map[string]*templateArg{}}
	for path, document := range documents {
		t.Path = path
		t.document(document)
	}
	t.nameVariables()
	t.convert()
	if len(t.Config.GetMetrics()) == 0 {
		return t.Imported, errors.New("no metric of an AnalysisTemplate could be taken: judged asks the providers prometheus and datadog")
	}
	return t.Imported, nil
}

// templates collects what the documents say.
type templates struct {
	carry.Reader
	source  string
	names   []string
	args    map[string]*templateArg
	metrics []*templateMetric
	// used are the variables of queries that were taken.
	used map[string]bool
}

// templateArg is an argument; value is empty if whoever runs the template gives it.
type templateArg struct {
	value    string
	secret   bool
	variable string
	side     side
}

type templateMetric struct {
	place, name         string
	interval, delay     time.Duration
	count, failureLimit int
	success, failure    string
	provider, query     string
	side                side
	relation            byte // '/' or '-' if the query compared the sides itself
}

func (t *templates) document(n *yaml.Node) {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	switch kind := carry.Child(n, "kind").Value; kind {
	case "AnalysisTemplate", "ClusterAnalysisTemplate":
		name := carry.Child(carry.Child(n, "metadata"), "name").Value
		t.names = append(t.names, name)
		t.Each(carry.Child(n, "spec"), "spec", func(key string, value *yaml.Node) { t.spec(key, value) })
	case "List":
		for _, item := range carry.Child(n, "items").Content {
			if carry.Child(item, "kind").Value != kind { // a list of lists is none
				t.document(item)
			}
		}
	default:
		t.Lose(n, "kind", "%q is not converted, only AnalysisTemplate and ClusterAnalysisTemplate", kind)
	}
}

func (t *templates) spec(key string, value *yaml.Node) {
	switch key {
	case "args":
		for _, a := range t.Items(value, "spec.args") {
			name := carry.Child(a, "name").Value
			if old := t.args[name]; old == nil || old.value == "" {
				t.args[name] = &templateArg{value: carry.Child(a, "value").Value, secret: carry.Child(carry.Child(a, "valueFrom"), "secretKeyRef").Kind != 0}
			}
		}
	case "metrics":
		for i, m := range t.Items(value, "spec.metrics") {
			if len(t.metrics) == carry.MaxMetrics {
				t.Lose(m, "spec.metrics", "more than %d metrics do not fit into one config: split the templates", carry.MaxMetrics)
				break
			}
			t.metric(i, m)
		}
	case "measurementRetention": // how many measurements to show
	case "dryRun":
		t.Lose(value, "spec.dryRun", "judged has no metric that is only shown: remove it, or mark the others `critical: true`, so that they alone decide")
	case "templates":
		t.Lose(value, "spec.templates", "other templates are not looked up: give their files, too")
	default:
		t.Lose(value, "spec."+key, "is not known here")
	}
}

func (t *templates) metric(i int, n *yaml.Node) {
	where := fmt.Sprintf("metrics[%d]", i)
	if name := carry.Child(n, "name").Value; name != "" {
		where = fmt.Sprintf("metric %q", name)
	}
	m := &templateMetric{place: t.At(n, where)}
	ok := true
	t.Each(n, where, func(key string, value *yaml.Node) {
		text := value.Value
		switch key {
		case "name":
			m.name = text
		case "interval":
			m.interval = t.duration(value, where+".interval")
		case "initialDelay":
			m.delay = t.duration(value, where+".initialDelay")
		case "count":
			m.count = t.count(value, where+".count")
		case "failureLimit":
			m.failureLimit = t.count(value, where+".failureLimit")
			if m.failureLimit != 0 {
				t.Lose(value, where+".failureLimit", "failed measurements are not counted: the limits are compared with the canary's typical level instead of its worst interval")
			}
		case "successCondition":
			m.success = text
		case "failureCondition":
			m.failure = text
		case "inconclusiveLimit", "consecutiveErrorLimit":
			t.Lose(value, where+"."+key, "measurements are not counted: all looks are judged together, and a source that fails is asked again")
		case "consecutiveSuccessLimit":
			t.Lose(value, where+"."+key, "has no equivalent: `schedule: {stop: EARLY}`, the default, ends when the evidence is enough")
		case "provider":
			ok = t.provider(value, where, m)
		default:
			t.Lose(value, where+"."+key, "is not known here")
		}
	})
	if !ok {
		return
	}
	if m.query == "" {
		t.Lose(n, where, "has no query: it is left out")
		return
	}
	t.metrics = append(t.metrics, m)
}

func (t *templates) provider(n *yaml.Node, where string, m *templateMetric) (ok bool) {
	where += ".provider"
	t.Each(n, where, func(name string, provider *yaml.Node) {
		where := where + "." + name
		if name != "prometheus" && name != "datadog" {
			t.Lose(provider, where, "judged does not ask this provider through a template: the metric is left out; write it for a source of judged (docs/sources.md)")
			return
		}
		ok, m.provider = true, name
		t.Each(provider, where, func(key string, value *yaml.Node) {
			where := where + "." + key
			switch {
			case key == "query":
				m.query = value.Value
			case name == "prometheus" && key == "address":
				if u, err := url.Parse(value.Value); err == nil && u.Host != "" && !strings.Contains(u.Host, "{") {
					// Without user and password, which may stand in it.
					t.Assume("the source of %q should be the one at %s://%s", m.name, u.Scheme, u.Host)
				}
			case name == "prometheus" && key == "rangeQuery":
				t.Lose(value, where, "judged asks for one value an interval of its schedule")
			case name == "datadog" && key == "queries":
				ok = t.formula(carry.Child(provider, "formula"), value, where, m)
			case name == "datadog" && (key == "apiVersion" || key == "interval" || key == "formula"):
				// The API is judged's affair; it asks for one value an interval.
			case name == "datadog" && key == "aggregator":
				t.Lose(value, where, "judged compares all values of the window: write .rollup(%s, 60) into the query if that is what an interval should be", value.Value)
			default:
				// Values are not shown: some are secrets.
				t.Lose(value, where, "how a source is reached is said in the server's settings (docs/sources.md)")
			}
		})
	})
	return ok
}

// formulaText is arithmetic of names and numbers.
var (
	formulaText = regexp.MustCompile(`^[A-Za-z0-9_.+\-*/() ]+$`)
	formulaName = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// formula writes Datadog's named queries into their formula.
func (t *templates) formula(formula, queries *yaml.Node, where string, m *templateMetric) bool {
	byName := map[string]string{}
	t.Each(queries, where, func(name string, query *yaml.Node) { byName[name] = query.Value })
	text := formula.Value
	if text == "" && len(byName) == 1 {
		for name := range byName {
			text = name
		}
	}
	known, size := true, len(text)
	m.query = formulaName.ReplaceAllStringFunc(text, func(name string) string {
		query, ok := byName[name]
		size += len(query) + 2
		known = known && ok && size <= carry.MaxQuery // a short formula may name a long query often
		if !known {
			return ""
		}
		if text == name {
			return query
		}
		return "(" + query + ")"
	})
	if text == "" || !formulaText.MatchString(text) || !known {
		t.Lose(formula, where, "the formula is more than arithmetic of the queries: the metric is left out; write it as one query")
		return false
	}
	return true
}

var argReference = regexp.MustCompile(`\{\{ *args\.([A-Za-z0-9_.-]+) *\}\}`)

// maxValue is the length of a scope's value; what is filled in elsewhere is not
// longer.
const maxValue = 253

// literal fills in arguments with a value; false if one has none.
func (t *templates) literal(text string) (string, bool) {
	known := len(text) <= carry.MaxRule
	text = argReference.ReplaceAllStringFunc(text, func(reference string) string {
		a := t.args[argReference.FindStringSubmatch(reference)[1]]
		if a == nil || a.value == "" || a.secret || len(a.value) > maxValue || !known {
			known = false
			return ""
		}
		return a.value
	})
	return text, known
}

// convert makes metrics of what was read.
func (t *templates) convert() {
	t.used = map[string]bool{}
	config := &judgedv1.CanaryConfig{}
	t.Config = config
	if len(t.names) > 0 {
		config.Name = t.names[0]
	}
	var taken []*templateMetric
	for _, m := range t.metrics {
		if t.neutral(m) && !t.merged(taken, m) {
			taken = append(taken, m)
		}
	}
	names := map[string]bool{}
	var rules decisionRules
	for _, m := range taken {
		name := m.name
		for i := 2; name == "" || names[name]; i++ {
			name = fmt.Sprintf("%s %d", m.name, i)
		}
		if name != m.name {
			t.Assume("another metric is called %q: this one became %q", m.name, name)
		}
		names[name] = true
		out := &judgedv1.Metric{Name: name, Source: t.source, Query: m.query}
		if out.GetSource() == "" {
			out.Source = m.provider
		}
		t.conditions(m, out, &rules)
		config.Metrics = append(config.Metrics, out)
	}
	config.Decision = rules.decision()
	if rules.full {
		t.Lost = append(t.Lost, "the rules of all limits are longer than a decision can be: the last limits are left out; split the templates")
	}
	config.Schedule = t.schedule(taken)
	config.Scopes = t.scopes(taken)
}
