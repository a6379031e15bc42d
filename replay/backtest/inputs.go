package backtest

import (
	"fmt"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/pods"
)

// Inputs returns what a judge is given of a case: one signal a metric, in order.
// The slices of the case are used as they are where that is possible.
//
//   - A counter is a judge.Count, a ratio with totals a judge.Ratio, everything
//     else a judge.Gauge: a share without its total is a level.
//   - Arms of unlike length are compared over the shorter one's first points,
//     histories over the shorter one's last: they end where the window begins.
//   - Pods go to Sample.Pods. The arms are then the mean of the pods that
//     report, for counters the sum with the number of pods as the exposure.
//   - Arms of a randomized assignment are alike by design, all others may
//     differ as instances do.
//   - Margins are the defaults; no signal is critical, so all decide.
func Inputs(c *Case) []analysis.Input {
	inputs := make([]analysis.Input, len(c.Metrics))
	names := make(map[string]bool, len(c.Metrics))
	for i := range c.Metrics {
		m := &c.Metrics[i]
		inputs[i].Sample = sample(m, unique(names, m.Name, i))
		if c.Randomized {
			inputs[i].Sample.Assignment = judge.Randomized
		}
		if !m.Concurrent() {
			notConcurrent(&inputs[i])
		}
	}
	return inputs
}

var successive = []string{"the arms did not run at the same time: what hit one did not hit the other"}

// notConcurrent marks an input whose intervals are pairs by position only. A
// judge cannot see it: judge.Sample has no place for it.
func notConcurrent(in *analysis.Input) { in.Warnings = successive }

// unique returns a name for metric i that no other has.
func unique(taken map[string]bool, name string, i int) string {
	if name == "" {
		name = fmt.Sprintf("metric %d", i+1)
	}
	given := name
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s (%d)", given, n)
	}
	taken[name] = true
	return name
}

func sample(m *Metric, name string) judge.Sample {
	s := judge.Sample{Step: m.Step}
	signal := judge.Signal{Name: name, Direction: m.Direction}
	switch {
	case m.Kind == Counter:
		signal.Kind = judge.Count
	case m.Kind == Ratio && m.BaselineTotals != nil:
		signal.Kind = judge.Ratio
	}
	n := m.points()
	if m.hasPods() {
		s.Pods = podsOf(m, n)
		s.Pair, s.History = pods.Pool(signal.Kind, s.Pods)
	} else {
		s.Baseline, s.Canary = side(m.Baseline, m.BaselineTotals, n), side(m.Canary, m.CanaryTotals, n)
		if m.BaselineHistory != nil {
			h := min(len(m.BaselineHistory), len(m.CanaryHistory))
			s.History = &judge.Pair{
				Baseline: side(last(m.BaselineHistory, h), last(m.BaselineHistoryTotals, h), h),
				Canary:   side(last(m.CanaryHistory, h), last(m.CanaryHistoryTotals, h), h),
			}
		}
	}
	s.Signal = analysis.DefaultMargins(signal, analysis.Given{})
	return s
}

func side(values, totals []float64, n int) judge.Side {
	s := judge.Side{Values: values[:n]}
	if totals != nil {
		s.Totals = totals[:n]
	}
	return s
}

func last(values []float64, n int) []float64 {
	if values == nil {
		return nil
	}
	return values[len(values)-n:]
}

// podsOf returns the pods' sides, cut to n points and to the common length of
// their histories.
func podsOf(m *Metric, n int) *judge.Pods {
	h := podPoints(m.BaselinePodsHistory, m.CanaryPodsHistory)
	window := func(s []float64) []float64 { return s[:n] }
	older := func(s []float64) []float64 { return last(s, h) }
	return &judge.Pods{
		Baseline:        sides(m.BaselinePods, window),
		Canary:          sides(m.CanaryPods, window),
		BaselineHistory: sides(m.BaselinePodsHistory, older),
		CanaryHistory:   sides(m.CanaryPodsHistory, older),
	}
}

func sides(series [][]float64, cut func([]float64) []float64) []judge.Side {
	if series == nil {
		return nil
	}
	out := make([]judge.Side, len(series))
	for i, s := range series {
		out[i].Values = cut(s)
	}
	return out
}

// firstIntervals fills to with the inputs as they were after n intervals.
func firstIntervals(to, inputs []analysis.Input, n int) []analysis.Input {
	to = append(to[:0], inputs...)
	for i := range to {
		s := &to[i].Sample
		s.Baseline, s.Canary = firstOf(s.Baseline, n), firstOf(s.Canary, n)
		if s.Pods != nil {
			p := *s.Pods
			p.Baseline, p.Canary = firstOfEach(p.Baseline, n), firstOfEach(p.Canary, n)
			s.Pods = &p
		}
	}
	return to
}

func firstOf(s judge.Side, n int) judge.Side {
	s.Values = s.Values[:min(n, len(s.Values))]
	if s.Totals != nil {
		s.Totals = s.Totals[:min(n, len(s.Totals))]
	}
	return s
}

func firstOfEach(sides []judge.Side, n int) []judge.Side {
	out := make([]judge.Side, len(sides))
	for i, s := range sides {
		out[i] = firstOf(s, n)
	}
	return out
}

// intervals is the length of the longest window.
func intervals(inputs []analysis.Input) int {
	n := 0
	for i := range inputs {
		n = max(n, len(inputs[i].Sample.Baseline.Values))
	}
	return n
}
