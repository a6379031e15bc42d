package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

func TestConformance(t *testing.T) {
	provider, err := metrics.Lookup("recording")
	if err != nil {
		t.Fatal(err)
	}
	providertest.Run(t, providertest.Harness{
		Provider: provider,
		Query:    "answer",
		Memory: func(t *testing.T, a providertest.Answer) metrics.Source {
			t.Helper()
			// An answer may have no series or a single point; a lookback of one
			// step keeps that point from being seen at the next.
			return open(t, answerText(a), Options{Lookback: a.Grid.Step})
		},
		Lacks: []providertest.Feature{providertest.Warnings, providertest.Order, providertest.Histograms},
		Templates: []providertest.Template{
			{Query: `up{version="${value}"}`, Check: oneVersion},
			{Query: `up{version='${value}'}`, Check: oneVersion},
		},
	})
}

// answerText is a recording of the answer, and of something else.
func answerText(a providertest.Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "other 1 %d\n", a.Grid.Start.Unix())
	for _, s := range a.Series {
		var labels []string
		for name, value := range s.Labels {
			labels = append(labels, fmt.Sprintf(`%s="%s"`, name, strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value)))
		}
		for _, p := range s.Points {
			fmt.Fprintf(&b, "answer{%s} %v %d\n", strings.Join(labels, ","), p.Value, p.Time.Unix())
		}
	}
	return b.String() + "# EOF\n"
}

// oneVersion checks that a query is up{version="..."} with that value.
func oneVersion(value, expanded string) error {
	if !utf8.ValidString(value) {
		return nil // PromQL refuses the query as it is
	}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expanded)
	if err != nil {
		return err
	}
	selector, ok := e.(*parser.VectorSelector)
	if !ok || len(selector.LabelMatchers) != 2 || selector.LabelMatchers[0].Value != value {
		return fmt.Errorf("the query is %s", e)
	}
	return nil
}

func TestProvider(t *testing.T) {
	provider, err := metrics.Lookup("recording")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{rolloutPath, "file://" + rolloutPath, rolloutPath + "/metrics.om.gz"} {
		source, err := provider.Open(metrics.Settings{Name: "last month", URL: url, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		expr, err := provider.Expand(`sum(rate(app_requests_total{version="${version}"}[1m]))`, map[string]string{"version": "v2"})
		if err != nil {
			t.Fatal(err)
		}
		result, err := source.Query(t.Context(), metrics.Query{Expr: expr, Grid: metrics.Grid{Start: rolloutRelease, Step: time.Minute, N: 10}})
		if err != nil || len(result.Series) != 1 || len(result.Series[0].Points) != 10 {
			t.Errorf("%s: got %v, %v, want 10 points", url, result, err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
	source, err := provider.Open(metrics.Settings{Name: "last month", URL: "nowhere"})
	if reason, ok := metrics.ReasonOf(err); source != nil || !ok || reason != metrics.Misconfigured || !strings.Contains(err.Error(), "open last month: misconfigured") {
		t.Errorf("got %v, %v, want misconfigured", source, err)
	}
	_, err = provider.Open(metrics.Settings{Name: "last month", URL: rolloutPath, MaxResponseBytes: 1000})
	if reason, _ := metrics.ReasonOf(err); err == nil || reason != metrics.TooLarge {
		t.Errorf("got %v, want too large", err)
	}
}
