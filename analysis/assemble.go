package analysis

import (
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// assemble puts the answers of one signal on one grid.
func assemble(p *Plan, s PlannedSignal, answers map[ask]answer) (judge.Sample, []string, error) {
	sample := judge.Sample{Signal: s.Metric.Signal}
	step := p.Config.Schedule.Interval
	var warnings []string
	// The coarsest answer decides the grid, so that both sides and their
	// totals always have the same intervals.
	for _, history := range []bool{false, true} {
		for _, q := range s.Queries {
			if a, ok := answers[ask{s.Metric.Source, q, history}]; ok && q != "" && a.err == nil {
				step = max(step, a.result.Step)
			}
		}
	}
	if step > p.Config.Schedule.Interval {
		warnings = append(warnings, fmt.Sprintf("the source answered in steps of %v instead of %v", step, p.Config.Schedule.Interval))
	}
	sample.Step = step
	pair, w, err := assemblePair(s, answers, false, metrics.NewGrid(p.Window, step))
	warnings = append(warnings, w...)
	if err != nil {
		return sample, warnings, err
	}
	sample.Pair = pair
	if p.History.Duration() >= step {
		// History only calibrates: without it the judgment is wider, not wrong.
		h, _, err := assemblePair(s, answers, true, metrics.NewGrid(p.History, step))
		switch {
		case err != nil:
			warnings = append(warnings, "judged without history: "+err.Error())
		case !hasData(h.Baseline.Values) || !hasData(h.Canary.Values):
			warnings = append(warnings, "judged without history: the source has no data of both sides before the release")
		default:
			sample.History = &h
		}
	}
	return sample, dedupe(warnings), nil
}

func assemblePair(s PlannedSignal, answers map[ask]answer, history bool, g metrics.Grid) (judge.Pair, []string, error) {
	fold := metrics.Mean
	if s.Metric.Kind != judge.Gauge {
		fold = metrics.Sum
	}
	var (
		columns  [sides][]float64
		warnings []string
	)
	for side, q := range s.Queries {
		if q == "" {
			continue
		}
		a := answers[ask{s.Metric.Source, q, history}]
		if a.err != nil {
			return judge.Pair{}, warnings, a.err
		}
		points, err := single(a.result)
		if err == nil {
			var aligned metrics.Alignment
			aligned, err = metrics.Align(points, g, fold)
			columns[side] = aligned.Values
			warnings = append(warnings, aligned.Warnings...)
		}
		if err != nil {
			return judge.Pair{}, warnings, &metrics.Error{
				Op: "read the " + Side(side).String() + " of", Source: s.Metric.Source, Query: q,
				Reason: metrics.BadAnswer, Err: err,
			}
		}
		warnings = append(warnings, a.result.Warnings...)
	}
	return judge.Pair{
		Baseline: sideOf(columns[Baseline], columns[BaselineTotal]),
		Canary:   sideOf(columns[Canary], columns[CanaryTotal]),
	}, warnings, nil
}

// sideOf joins events and totals. Backends that create a series at its first
// event (Prometheus) answer with nothing where nothing happened: where the
// total is known and the events are not, there were none.
func sideOf(values, totals []float64) judge.Side {
	if totals == nil {
		return judge.Side{Values: values}
	}
	for i, v := range values {
		if math.IsNaN(v) && !math.IsNaN(totals[i]) {
			values[i] = 0
		}
	}
	return judge.Side{Values: values, Totals: totals}
}

func hasData(values []float64) bool {
	return slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
}

func dedupe(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
