package plan

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/rank"
)

// Events of both sides for a power of 0.8 at one-sided 1 %, equal traffic: the
// fixed exact test, computed once with another implementation; Wald's bound is
// ln(100) over the divergence (docs/statistics.md).
func TestEventsNeeded(t *testing.T) {
	for _, c := range []struct {
		change, exact, least float64
	}{
		{0.25, 820, 745},
		{0.5, 252, 229},
		{1, 89, 81},
		{2, 40, 35},
	} {
		if got := EventsNeeded(c.change, 1, 0.01, 0.8); got != c.exact {
			t.Errorf("x%v: %v events, want %v", 1+c.change, got, c.exact)
		}
		// Rounded in the source, some up and some down.
		if got := WaldEvents(c.change, 1, 0.01); math.Abs(got-c.least) > 1 {
			t.Errorf("x%v: at least %v events, want %v", 1+c.change, got, c.least)
		}
	}
	if n := EventsNeeded(1e-5, 1, 0.01, 0.8); !math.IsInf(n, 1) {
		t.Errorf("a change of 0.001 %% takes %v events", n)
	}
}

// Changes that paired finds with a power of 0.8 at two-sided 1 %, by the noise,
// the number of intervals and the inflation of the variance: docs/statistics.md,
// which knows variance and autocorrelation. A judge that estimates them, and is
// robust, needs more: 2.6 % for Huber's efficiency, and for the autocorrelation,
// which it never takes for negative, half of what the mean inflation exceeds 1 by
// (21 % at 30 intervals, 13 % at 60, 7 % at 180) and half of its spread; together
// up to 20, 13 and 8 %. With rho 0.6 the inflation of 60 intervals is known to
// half of itself: 25 %.
func TestDetectableLevels(t *testing.T) {
	for _, c := range []struct {
		n          int
		noise, rho float64
		want, more float64
	}{
		{30, 0.05, 0, 0.034, 0.20},
		{30, 0.10, 0, 0.068, 0.20},
		{30, 0.28, 0, 0.20, 0.20},
		{60, 0.05, 0, 0.023, 0.13},
		{60, 0.10, 0, 0.046, 0.13},
		{60, 0.28, 0, 0.135, 0.13},
		{180, 0.05, 0, 0.013, 0.08},
		{180, 0.10, 0, 0.026, 0.08},
		{180, 0.28, 0, 0.075, 0.08},
		{60, 0.05, 0.6, 0.05, 0.25},
		{60, 0.10, 0.6, 0.10, 0.25},
		{60, 0.28, 0.6, 0.32, 0.25},
	} {
		p, err := New(Signal{Kind: judge.Gauge, Judge: "paired", Noise: c.noise, Rho: c.rho, Randomized: true}, Options{Alpha: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		got := p.Detectable(c.n)
		t.Logf("n %d noise %v rho %v: %.4f, table %.4f, ratio %.3f", c.n, c.noise, c.rho, got, c.want, got/c.want)
		// The table is rounded to two digits or three: half a unit of the last one.
		if got < c.want-0.0005-0.02*c.want || got > c.want*(1+c.more)+0.0005 {
			t.Errorf("n %d, noise %v, rho %v: finds %.4f, the table has %.4f", c.n, c.noise, c.rho, got, c.want)
		}
	}
}

// The planning numbers of rank tests stand in package rank; this keeps them
// where a plan would look for them.
func TestNoether(t *testing.T) {
	for p, want := range map[float64]float64{0.6: 389, 0.7: 97, 0.8: 43} {
		// Rounded down or up in the source.
		if got := rank.NoetherSize(p, 0.5, 0.01, 0.8); math.Abs(got-want) > 1 {
			t.Errorf("superiority %v: %v values, want %v", p, got, want)
		}
	}
}
