package verdict

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func TestRatioLimits(t *testing.T) {
	s := judge.Signal{
		Margin:    judge.Margin{Relative: 0.05, Absolute: 2},
		Tolerance: judge.Margin{Relative: 0.25},
	}
	// At a level of 100 the margin is 5 % (5 > 2), at 10 it is 2 of 10.
	if got, want := RatioLimits(s, 100), (Limits{1 / 1.05, 1.05, 0.8, 1.25}); got != want {
		t.Errorf("limits at level 100: %v, want %v", got, want)
	}
	if got, want := RatioLimits(s, 10), (Limits{1 / 1.2, 1.2, 0.8, 1.25}); got != want {
		t.Errorf("limits at level 10: %v, want %v", got, want)
	}
	// A tolerance narrower than the margin counts as the margin.
	if got, want := RatioLimits(s, 1), (Limits{1.0 / 3, 3, 1.0 / 3, 3}); got != want {
		t.Errorf("limits at level 1: %v, want %v", got, want)
	}
}

func TestDifferenceLimits(t *testing.T) {
	s := judge.Signal{
		Margin:    judge.Margin{Relative: 0.05, Absolute: 2},
		Tolerance: judge.Margin{Relative: 0.25, Absolute: 1},
	}
	if got, want := DifferenceLimits(s, -100), (Limits{-5, 5, -25, 25}); got != want {
		t.Errorf("limits at level -100: %v, want %v", got, want)
	}
	if got, want := DifferenceLimits(s, 0), (Limits{-2, 2, -2, 2}); got != want {
		t.Errorf("limits at level 0: %v, want %v", got, want)
	}
}

func TestSettle(t *testing.T) {
	l := Limits{MarginLow: 0.9, MarginHigh: 1.1, ToleranceLow: 0.8, ToleranceHigh: 1.25}
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		low, high float64
		either    judge.Verdict
		increase  judge.Verdict
		decrease  judge.Verdict
		// class where both sides are bad
		class judge.Classification
	}{
		{"inside the tolerance", 0.85, 1.2, judge.Pass, judge.Pass, judge.Pass, judge.Similar},
		{"touching the tolerance", 0.8, 1.25, judge.Pass, judge.Pass, judge.Pass, judge.Similar},
		{"no effect at all", 1, 1, judge.Pass, judge.Pass, judge.Pass, judge.Similar},
		{"above the margin", 1.11, 1.2, judge.Fail, judge.Fail, judge.Pass, judge.High},
		{"touching the margin", 1.1, 1.2, judge.Pass, judge.Pass, judge.Pass, judge.Similar},
		{"far above", 1.3, inf, judge.Fail, judge.Fail, judge.Pass, judge.High},
		{"below the margin", 0.5, 0.89, judge.Fail, judge.Pass, judge.Fail, judge.Low},
		{"open above", 0.95, 1.4, judge.Inconclusive, judge.Inconclusive, judge.Pass, judge.Unclear},
		{"open below", 0.7, 1.05, judge.Inconclusive, judge.Pass, judge.Inconclusive, judge.Unclear},
		{"open", 0, inf, judge.Inconclusive, judge.Inconclusive, judge.Inconclusive, judge.Unclear},
	} {
		for direction, want := range []judge.Verdict{c.either, c.increase, c.decrease} {
			f := judge.Finding{
				Signal: judge.Signal{Direction: judge.Direction(direction)},
				Effect: judge.Effect{Measure: judge.RatioOfLevels, Low: c.low, High: c.high},
				PValue: 0.05,
			}
			l.Settle(&f, 0.05)
			if f.Verdict != want {
				t.Errorf("%s, direction %v: verdict %v, want %v", c.name, f.Signal.Direction, f.Verdict, want)
			}
			if direction == int(judge.Either) && f.Classification != c.class {
				t.Errorf("%s: classification %v, want %v", c.name, f.Classification, c.class)
			}
			if (f.PValue <= 0.05) != (f.Verdict == judge.Fail) {
				t.Errorf("%s: P-value %v with verdict %v", c.name, f.PValue, f.Verdict)
			}
		}
	}
}

func TestTwoSided(t *testing.T) {
	for _, c := range []struct {
		bad  judge.Direction
		want float64
	}{{judge.Either, 0.02}, {judge.Increase, 0.02}, {judge.Decrease, 1}} {
		if got := TwoSided(0.01, 0.99, c.bad); got != c.want {
			t.Errorf("%v: %v, want %v", c.bad, got, c.want)
		}
	}
}
