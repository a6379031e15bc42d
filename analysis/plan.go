package analysis

import (
	"errors"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
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
	// Signals has one entry a metric, in the config's order, and the traffic
	// check at the end, if there is one.
	Signals []PlannedSignal
	// Logs has one entry a log, in the config's order.
	Logs []PlannedLog
	// look is set by a Timeline.
	look Look
}

// PlannedSignal is one metric with its expanded queries.
type PlannedSignal struct {
	Metric Metric
	// Queries by Side; an empty string is not asked.
	Queries [sides]string
	// Own says that the canary is compared with its own past: nothing is asked of
	// the baseline.
	Own bool
	// Share of the traffic that the canary should get; 0 for signals that are not
	// the traffic check.
	Share float64
	// Err is set if the metric cannot be asked: unknown source, a variable
	// without a value. Its finding will be an error; the others go on.
	Err error
}

// NewPlan checks the config and expands its queries. It asks nobody. A
// *ConfigError is about the config as a whole; what concerns one metric is
// in its PlannedSignal.
func NewPlan(c Config, sources *Sources, window, history metrics.Window) (*Plan, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	p := &Plan{Config: c, Window: window, History: history}
	for _, m := range c.Metrics {
		p.Signals = append(p.Signals, planSignal(m, c.Scopes, sources, history))
	}
	for _, l := range c.Logs {
		p.Logs = append(p.Logs, planLog(l, c.Scopes, sources, history))
	}
	if t := c.Traffic; t != nil {
		s := planSignal(t.metric(), c.Scopes, sources, history)
		s.Share = t.Share
		p.Signals = append(p.Signals, s)
	}
	return p, nil
}

// againstItself reports whether a metric is compared with its own past: on
// request, or because there is no baseline.
func againstItself(m Metric, scopes Scopes) bool {
	return m.Judge == anomaly.Name || m.Judge == "" && len(scopes.Baseline) == 0 && len(scopes.Canary) > 0
}

func planSignal(m Metric, scopes Scopes, sources *Sources, history metrics.Window) PlannedSignal {
	s := PlannedSignal{Metric: m, Own: againstItself(m, scopes)}
	if s.Own && history.Duration() <= 0 {
		s.Err = &metrics.Error{
			Op: "compare with its own past", Source: m.Source, Query: m.Query, Reason: metrics.BadQuery,
			Err:  errors.New("there is no baseline and no history"),
			Hint: "give the schedule a history (schedule.history: 8h, longer than the window), or a baseline scope",
		}
		return s
	}
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
		if want.query == "" || s.Own && (Side(side) == Baseline || Side(side) == BaselineTotal) {
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
	if !s.Own && s.Queries[Baseline] == s.Queries[Canary] && s.Queries[BaselineTotal] == s.Queries[CanaryTotal] {
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
