package kayenta

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Exported is a canary config of Kayenta's made of a CanaryConfig.
type Exported struct {
	Config *Config
	// Lost says what Kayenta cannot be told.
	Lost []string
	// Check says what was assumed or has to be given with each execution.
	Check []string
}

// Export makes a canary config of Kayenta's. It holds the metrics; scopes and
// schedule are in Kayenta part of each request.
func Export(c *judgedv1.CanaryConfig) Exported {
	x := &exporter{}
	x.convert(c)
	return x.out
}

type exporter struct{ out Exported }

// rest says what a config has that Kayenta's has not.
func (x *exporter) rest(c *judgedv1.CanaryConfig, variables []string) {
	if c.GetScopes() != nil || c.GetSchedule() != nil {
		x.check("scopes and schedule are given with each execution")
	}
	params := slices.DeleteFunc(variables, func(name string) bool { return name == "scope" || name == "location" })
	if len(params) > 0 {
		x.check("give %s as extendedScopeParams of both scopes", strings.Join(params, ", "))
	}
	d := c.GetDecision()
	for _, unsaid := range []struct {
		name  string
		given bool
	}{
		{"decision.alpha", d.GetAlpha() != 0},
		{"decision.fail", d.GetFail() != ""},
		{"decision.inconclusive", d.GetInconclusive() != ""},
		{"decision.pass", d.GetPass() != ""},
		{"windows", c.GetWindows() != nil},
		{"traffic", c.GetTraffic() != nil},
		{"assignment", c.GetAssignment() == judgedv1.Assignment_RANDOMIZED},
	} {
		if unsaid.given {
			x.lose(unsaid.name, "Kayenta has no equivalent")
		}
	}
}

func (x *exporter) lose(where, format string, args ...any) {
	x.out.Lost = append(x.out.Lost, where+": "+fmt.Sprintf(format, args...))
}

func (x *exporter) check(format string, args ...any) {
	x.out.Check = append(x.out.Check, fmt.Sprintf(format, args...))
}

func (x *exporter) convert(c *judgedv1.CanaryConfig) {
	version, application := "1", c.GetApplication()
	if application == "" {
		application = c.GetName()
		x.check("the config names no application: %q is taken", application)
	}
	groups, description, ok := groupsOf(c)
	if !ok {
		groups = x.groups(c)
	}
	out := &Config{
		Name: notInConfigName.ReplaceAllString(c.GetName(), "-"), ConfigVersion: &version,
		Applications: []string{application},
		Judge:        &JudgeConfig{Name: mannwhitneyName, JudgeConfigurations: Object{}},
		Templates:    map[string]string{}, Classifier: &Classifier{},
	}
	x.out.Config = out
	if description != "" {
		out.Description = &description
	}
	if out.Name != c.GetName() {
		x.lose("name", "Kayenta's names have letters, digits, dashes and underscores: it became %q", out.Name)
	}
	memberOf := map[string][]string{}
	for _, g := range groups {
		out.Classifier.GroupWeights = append(out.Classifier.GroupWeights, mannwhitney.GroupWeight{Group: g.name, Weight: g.weight})
		for _, m := range g.metrics {
			memberOf[m] = append(memberOf[m], g.name)
		}
	}
	plain := wire.Config(c) // with kinds and directions filled in
	for n, m := range plain.Metrics {
		where := fmt.Sprintf("metrics[%d] %q", n, m.Name)
		if m.Kind == judge.Distribution {
			x.lose(where, "a histogram cannot be compared by Kayenta: the metric is left out; query a quantile of it")
			continue
		}
		query := m.Query
		if m.Total != "" {
			query = "(" + m.Query + ") / (" + m.Total + ")"
			x.lose(where+".total", "Kayenta compares quotients as they are, without how many requests they stand for")
		}
		canary := map[string]any{"direction": m.Direction.String()}
		if m.Critical {
			canary["critical"] = true
		}
		if size := m.Margin.Relative; m.HasMargin && size > 0 {
			effect := map[string]any{}
			if m.Direction != judge.Decrease {
				effect["allowedIncrease"] = math.Round((1+size)*1e9) / 1e9
			}
			if m.Direction != judge.Increase {
				effect["allowedDecrease"] = math.Round(max(0, 1-size)*1e9) / 1e9
			}
			canary["effectSize"] = effect
		}
		for _, unsaid := range []struct {
			name  string
			given bool
		}{
			{"margin.absolute", m.Margin.Absolute > 0},
			{"tolerance", m.HasTolerance},
			{"pods", m.Pods != ""},
			{"judge", m.Judge != ""},
			{"unit", m.Unit != ""},
		} {
			if unsaid.given {
				x.lose(where+"."+unsaid.name, "Kayenta has no equivalent")
			}
		}
		name := "default"
		out.Metrics = append(out.Metrics, Metric{
			Name: m.Name, named: true, Groups: append([]string{}, memberOf[m.Name]...), ScopeName: &name,
			Query:          x.query(m.Name, m.Source, query),
			configurations: map[string]any{"canary": canary},
		})
	}
	x.rest(c, plain.Variables())
}

// query returns a query of the store that the source's name says.
func (x *exporter) query(name, source, query string) *QueryConfig {
	store, template := prometheusStore, "PromQL:"+query
	if strings.Contains(strings.ToLower(source), datadogStore) {
		store, template = datadogStore, query
	}
	if source != store {
		x.check("metric %q: the source %q is taken to be a %s", name, source, store)
	}
	return &QueryConfig{Type: store, fields: map[string]any{"type": store, "serviceType": store, "customInlineTemplate": template}}
}

// groups returns groups of equal weight, with the shares of the score that the
// metrics have.
func (x *exporter) groups(c *judgedv1.CanaryConfig) []group {
	weight := func(m *judgedv1.Metric) float64 {
		if m.GetWeight() == 0 {
			return 1
		}
		return m.GetWeight()
	}
	total := 0.0
	for _, m := range c.GetMetrics() {
		if m.GetKind() != judgedv1.Kind_HISTOGRAM {
			total += weight(m)
		}
	}
	var groups []group
	at := map[float64]int{}
	for _, m := range c.GetMetrics() {
		if m.GetKind() == judgedv1.Kind_HISTOGRAM {
			continue
		}
		w := weight(m)
		n, ok := at[w]
		if !ok {
			n = len(groups)
			at[w] = n
			groups = append(groups, group{name: "weight " + formatWeight(w)})
		}
		groups[n].weight += 100 * w / total
		groups[n].metrics = append(groups[n].metrics, m.GetName())
	}
	if len(groups) == 1 {
		groups[0].name = "metrics"
	}
	for n := range groups {
		groups[n].weight = math.Round(groups[n].weight*1e6) / 1e6
	}
	return groups
}
