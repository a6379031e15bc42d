package judgetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// testProperties checks laws on a few samples of w, with and without a change.
func testProperties(t testing.TB, j judge.Judge, w World) {
	r := w.source(0)
	for _, ratio := range []float64{1, 1.1, 1.5, 0.5} {
		for _, direction := range []judge.Direction{judge.Either, judge.Increase, judge.Decrease} {
			s := w.Draw(r, ratio)
			s.Signal.Direction = direction
			s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
			samples := []judge.Sample{s}
			if w.Kind == judge.Gauge {
				samples = append(samples, shifted(s))
			}
			for _, s := range samples {
				f := judgeTwice(t, j, s)
				checkFinding(t, j, s, f)
				if s.Pods == nil {
					// Who looks for one sick pod looks for it in the canary.
					checkSwap(t, j, s, f)
				}
				checkScale(t, j, s, f)
			}
		}
	}
}

// shifted returns s with levels around zero.
func shifted(s judge.Sample) judge.Sample {
	level := s.Baseline.Values[0]
	s = mapSides(s, func(side judge.Side) judge.Side {
		return judge.Side{Values: mapped(side.Values, func(v float64) float64 { return v - level })}
	})
	// Without margins: relative ones refer to the baseline's level, which is
	// another after a swap.
	s.Signal.Margin, s.Signal.Tolerance = judge.Margin{}, judge.Margin{}
	return s
}

// judgeTwice returns j's finding on s, and tests that it gives the same finding
// again and leaves s alone.
func judgeTwice(t testing.TB, j judge.Judge, s judge.Sample) judge.Finding {
	t.Helper()
	before := bits(s)
	f := j.Judge(s)
	again := j.Judge(s)
	// The printed forms, because NaN differs from itself.
	if a, b := fmt.Sprintf("%+v", f), fmt.Sprintf("%+v", again); a != b {
		t.Errorf("the same sample gives two findings:\n%s\n%s", a, b)
	}
	if !slices.Equal(before, bits(s)) {
		t.Errorf("the judge changed its sample")
	}
	return f
}

func bits(s judge.Sample) (all []uint64) {
	mapSides(s, func(side judge.Side) judge.Side {
		for _, x := range [][]float64{side.Values, side.Totals} {
			for _, v := range x {
				all = append(all, math.Float64bits(v))
			}
		}
		return side
	})
	return all
}

// checkSwap tests that swapped sides give the mirrored finding.
func checkSwap(t testing.TB, j judge.Judge, s judge.Sample, f judge.Finding) {
	t.Helper()
	m := s
	m.Baseline, m.Canary = s.Canary, s.Baseline
	if s.History != nil {
		m.History = &judge.Pair{Baseline: s.History.Canary, Canary: s.History.Baseline}
	}
	m.Signal.Direction = map[judge.Direction]judge.Direction{
		judge.Either: judge.Either, judge.Increase: judge.Decrease, judge.Decrease: judge.Increase,
	}[s.Signal.Direction]
	g := j.Judge(m)
	invert := func(v float64) float64 { return 1 / v }
	if f.Effect.Measure == judge.Difference {
		invert = func(v float64) float64 { return -v }
	}
	want, mirrored := map[judge.Classification]judge.Classification{
		judge.High: judge.Low, judge.Low: judge.High,
	}[f.Classification]
	if !mirrored {
		want = f.Classification
	}
	if g.Verdict != f.Verdict || g.Classification != want {
		t.Errorf("swapped sides: verdict %v and classification %v, want %v and %v", g.Verdict, g.Classification, f.Verdict, want)
	}
	for _, v := range [][2]float64{
		{g.Effect.Estimate, invert(f.Effect.Estimate)},
		{g.Effect.Low, invert(f.Effect.High)},
		{g.Effect.High, invert(f.Effect.Low)},
		{g.PValue, f.PValue},
	} {
		if !near(v[0], v[1], 1e-7) {
			t.Errorf("swapped sides: got %v, want %v\nfinding: %+v\nswapped: %+v", v[0], v[1], f, g)
			return
		}
	}
}

// checkScale tests that the unit of levels, or of totals, does not matter; a
// unit that is a power of two must not change a bit.
func checkScale(t testing.TB, j judge.Judge, s judge.Sample, f judge.Finding) {
	t.Helper()
	for _, unit := range []float64{1e-6, 1e6, 0x1p-30, 0x1p30} {
		if s.Signal.Kind == judge.Ratio && unit < 1 {
			continue // a total cannot be smaller than its events
		}
		scaled := func(x []float64) []float64 {
			return mapped(x, func(v float64) float64 { return v * unit })
		}
		g := j.Judge(mapSides(s, func(side judge.Side) judge.Side {
			if s.Signal.Kind == judge.Gauge {
				return judge.Side{Values: scaled(side.Values)}
			}
			return judge.Side{Values: side.Values, Totals: scaled(side.Totals)}
		}))
		of := 1.0
		if f.Effect.Measure == judge.Difference {
			of = unit
		}
		within := 1e-6
		if _, e := math.Frexp(unit); unit == math.Ldexp(0.5, e) && s.Pods == nil {
			// Pods are told apart by logarithms of levels, not of ratios.
			within = 0
		}
		if g.Verdict != f.Verdict || g.Classification != f.Classification || g.Needed != f.Needed && within == 0 {
			t.Errorf("in a unit of %g: verdict %v and classification %v, want %v and %v", unit, g.Verdict, g.Classification, f.Verdict, f.Classification)
		}
		for _, v := range [][2]float64{
			{g.Effect.Estimate, f.Effect.Estimate * of},
			{g.Effect.Low, f.Effect.Low * of},
			{g.Effect.High, f.Effect.High * of},
			{g.PValue, f.PValue},
			{g.EffectiveN, f.EffectiveN},
		} {
			if !near(v[0], v[1], within) {
				t.Errorf("in a unit of %g: got %v, want %v", unit, v[0], v[1])
			}
		}
	}
}

// near reports whether a and b agree to a relative difference, or are both NaN.
func near(a, b, within float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= within*max(math.Abs(a), math.Abs(b))
}

func mapped(x []float64, f func(float64) float64) []float64 {
	if x == nil {
		return nil
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

// mapSides returns s with f applied to its sides, those of its history and
// those of its pods.
func mapSides(s judge.Sample, f func(judge.Side) judge.Side) judge.Sample {
	s.Baseline, s.Canary = f(s.Baseline), f(s.Canary)
	if s.History != nil {
		s.History = &judge.Pair{Baseline: f(s.History.Baseline), Canary: f(s.History.Canary)}
	}
	if s.Pods != nil {
		all := func(sides []judge.Side) []judge.Side {
			if sides == nil {
				return nil
			}
			out := make([]judge.Side, len(sides))
			for i, side := range sides {
				out[i] = f(side)
			}
			return out
		}
		s.Pods = &judge.Pods{
			Baseline: all(s.Pods.Baseline), Canary: all(s.Pods.Canary),
			BaselineHistory: all(s.Pods.BaselineHistory), CanaryHistory: all(s.Pods.CanaryHistory),
		}
	}
	return s
}
