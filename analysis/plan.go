package analysis

import (
	"errors"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// Side is which arm a query is for, and which of its numbers.
type Side int

// The four queries a metric can have.
const (
	Baseline Side = iota
	Canary
	BaselineTotal
	CanaryTotal
	sides
)

// String names the side as people read it.
func (s Side) String() string {
	return [...]string{"baseline", "canary", "baseline total", "canary total"}[s]
}

// Plan is what will be asked of whom.
type Plan struct {
	// Config has all defaults filled in.
	Config  Config
	Window  metrics.Window
	History metrics.Window
	// Signals has one entry a metric, in the config's order.
	Signals []PlannedSignal
}

// PlannedSignal is one metric with its expanded queries.
type PlannedSignal struct {
	Metric Metric
	// Queries by Side; an empty string is not asked.
	Queries [sides]string
	// Err is set if the metric cannot be asked: unknown source, a variable
	// without a value. Its finding will be an error; the others go on.
	Err error
}

// NewPlan checks the config and expands its queries. It asks nobody. A
// *ConfigError is about the config as a whole; what concerns one metric is
// in its PlannedSignal.
func NewPlan(c Config, sources *Sources, window, history metrics.Window) (*Plan, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Plan{Config: c, Window: window, History: history}
	for _, m := range c.Metrics {
		p.Signals = append(p.Signals, planSignal(m, c.Scopes, sources))
	}
	return p, nil
}

func planSignal(m Metric, scopes Scopes, sources *Sources) PlannedSignal {
	s := PlannedSignal{Metric: m}
	provider, err := sources.Provider(m.Source)
	if err != nil {
		s.Err = err
		return s
	}
	for side, want := range [sides]struct {
		query string
		scope map[string]string
	}{
		Baseline: {m.Query, scopes.Baseline}, Canary: {m.Query, scopes.Canary},
		BaselineTotal: {m.Total, scopes.Baseline}, CanaryTotal: {m.Total, scopes.Canary},
	} {
		if want.query == "" {
			continue
		}
		q, err := provider.Expand(want.query, want.scope)
		if err != nil {
			s.Err = &metrics.Error{
				Op: "expand the " + Side(side).String() + " query for", Source: m.Source, Query: want.query,
				Reason: metrics.BadQuery, Err: err,
			}
			return s
		}
		s.Queries[side] = q
	}
	if s.Queries[Baseline] == s.Queries[Canary] && s.Queries[BaselineTotal] == s.Queries[CanaryTotal] {
		// Comparing a thing with itself would always pass.
		s.Err = &metrics.Error{
			Op: "compare two sides of", Source: m.Source, Query: s.Queries[Baseline], Reason: metrics.BadQuery,
			Err:  errors.New("baseline and canary ask the same query"),
			Hint: "use a ${variable} in it whose value differs between the scopes",
		}
	}
	return s
}

// evidence returns where the signal's data come from.
func (s PlannedSignal) evidence() judge.Evidence {
	return judge.Evidence{
		Source:             s.Metric.Source,
		BaselineQuery:      s.Queries[Baseline],
		CanaryQuery:        s.Queries[Canary],
		BaselineTotalQuery: s.Queries[BaselineTotal],
		CanaryTotalQuery:   s.Queries[CanaryTotal],
	}
}
