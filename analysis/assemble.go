package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/pods"
	"github.com/judged-dev/judged/metrics"
)

// assemble puts the answers of one signal on one grid.
func assemble(p *Plan, s PlannedSignal, answers map[ask]answer) (judge.Sample, []string, error) {
	sample := judge.Sample{Signal: s.Metric.Signal, Assignment: p.Config.Assignment}
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
	now, w, err := read(s, answers, false, metrics.NewGrid(p.Window, step))
	warnings = append(warnings, w...)
	if err != nil {
		return sample, warnings, err
	}
	sample.Pair, sample.Pods = now.pair, now.pods
	if s.Own {
		sample.Baseline, sample.Pods = judge.Side{}, nil
	}
	if p.History.Duration() >= step {
		// History only calibrates: without it the judgment is wider, not wrong.
		before, _, err := read(s, answers, true, metrics.NewGrid(p.History, step))
		switch {
		case err != nil:
			warnings = append(warnings, "judged without history: "+err.Error())
		case s.Own && !hasData(before.pair.Canary):
			warnings = append(warnings, "judged without history: the source has no data from before the release")
		case !s.Own && (!hasData(before.pair.Baseline) || !hasData(before.pair.Canary)):
			warnings = append(warnings, "judged without history: the source has no data of both sides before the release")
		default:
			if s.Own {
				bridge(&before.pair.Canary, p.Window.Start.Sub(p.History.End), step)
			}
			sample.History = &before.pair
		}
		if sample.Pods != nil && err == nil {
			withPast(sample.Pods, before.pods, metrics.NewGrid(p.History, step).N)
		}
	}
	return sample, dedupe(warnings), nil
}

// arms is a signal's data of both sides over one stretch of time.
type arms struct {
	pair judge.Pair
	// pods is nil for a signal that is not asked for pod by pod.
	pods *judge.Pods
}

// read returns what was answered about one stretch of time, on the grid.
func read(s PlannedSignal, answers map[ask]answer, history bool, g metrics.Grid) (arms, []string, error) {
	var (
		columns  [sides]column
		warnings []string
	)
	for side, q := range s.Queries {
		if q == "" {
			continue
		}
		a := answers[ask{s.Metric.Source, q, history}]
		if a.err != nil {
			return arms{}, warnings, a.err
		}
		c, w, err := columnOf(s.Metric, a.result, g)
		if err != nil {
			return arms{}, warnings, &metrics.Error{
				Op: "read the " + Side(side).String() + " of", Source: s.Metric.Source, Query: q,
				Reason: metrics.BadAnswer, Err: err,
			}
		}
		columns[side] = c
		warnings = append(append(warnings, w...), a.result.Warnings...)
	}
	if s.Metric.Pods == "" {
		return arms{pair: judge.Pair{
			Baseline: columns[Baseline].side(columns[BaselineTotal]),
			Canary:   columns[Canary].side(columns[CanaryTotal]),
		}}, warnings, nil
	}
	p := &judge.Pods{}
	p.Baseline, p.BaselineNames = columns[Baseline].podSides(columns[BaselineTotal], g.N)
	p.Canary, p.CanaryNames = columns[Canary].podSides(columns[CanaryTotal], g.N)
	pair, _ := pods.Pool(s.Metric.Kind, p)
	return arms{pair: evenly(pair, g.N), pods: p}, warnings, nil
}

// column is the answer to one query on the grid, in one of three forms.
type column struct {
	values     []float64
	byPod      map[string][]float64
	histograms []judge.Histogram
}

func columnOf(m Metric, r metrics.Result, g metrics.Grid) (column, []string, error) {
	fold := metrics.Mean
	if m.Kind != judge.Gauge {
		fold = metrics.Sum
	}
	switch {
	case m.Kind == judge.Distribution:
		h, w, err := histograms(r, g)
		return column{histograms: h}, w, err
	case m.Pods != "":
		byPod, w, err := podColumns(r, m.Pods, g, fold)
		return column{byPod: byPod}, w, err
	default:
		points, err := single(r)
		if err != nil {
			return column{}, nil, err
		}
		aligned, err := metrics.Align(points, g, fold)
		return column{values: aligned.Values}, aligned.Warnings, err
	}
}

func (c column) side(totals column) judge.Side {
	if c.histograms != nil {
		return judge.Side{Histograms: c.histograms}
	}
	return sideOf(c.values, totals.values)
}

// podSides returns the pods of one side, sorted by name. A pod that has a total
// and no events had none.
func (c column) podSides(totals column, n int) (all []judge.Side, names []string) {
	known := maps.Clone(c.byPod)
	maps.Copy(known, totals.byPod)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		values := c.byPod[name]
		if values == nil {
			values = missing(n)
		}
		var total []float64
		if totals.byPod != nil {
			if total = totals.byPod[name]; total == nil {
				total = missing(n)
			}
		}
		all, names = append(all, sideOf(values, total)), append(names, name)
	}
	return all, names
}

func missing(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}

// evenly makes a side without any pod one without data, as long as the other.
func evenly(p judge.Pair, n int) judge.Pair {
	for _, side := range []*judge.Side{&p.Baseline, &p.Canary} {
		if len(side.Values) < n {
			side.Values = missing(n)
			if side.Totals != nil {
				side.Totals = missing(n)
			}
		}
	}
	return p
}

// withPast gives each pod its history by name. Pods that are new have none; so
// has a side of which no pod existed.
func withPast(p, before *judge.Pods, n int) {
	past := func(names []string, old []judge.Side, oldNames []string) []judge.Side {
		found := false
		sides := make([]judge.Side, len(names))
		for i, name := range names {
			if at, ok := slices.BinarySearch(oldNames, name); ok {
				sides[i], found = old[at], true
			} else {
				sides[i].Values = missing(n)
			}
		}
		if !found {
			return nil
		}
		return sides
	}
	p.BaselineHistory = past(p.BaselineNames, before.Baseline, before.BaselineNames)
	p.CanaryHistory = past(p.CanaryNames, before.Canary, before.CanaryNames)
}

// bridge lets a history end where the window begins: judge anomaly counts
// phases from there.
func bridge(s *judge.Side, gap, step time.Duration) {
	n := int((gap + step/2) / step)
	s.Values = append(s.Values, missing(max(n, 0))...)
	if s.Totals != nil {
		s.Totals = append(s.Totals, missing(max(n, 0))...)
	}
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

func hasData(s judge.Side) bool {
	for i := range s.Len() {
		if s.Histograms != nil && s.Has(i) || s.Histograms == nil && !math.IsNaN(s.Values[i]) {
			return true
		}
	}
	return false
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
