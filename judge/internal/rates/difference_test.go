package rates

import (
	"math"
	"testing"
)

// Without events the bounds are those of the rates: ln(2/alpha)/exposure.
func TestDifferenceWithoutEvents(t *testing.T) {
	d := collect(t, []float64{0}, []float64{1000}, []float64{0}, []float64{100})
	if got, want := AtMost(d.Canary, d.Baseline, 1, 0.05), -math.Log(0.025)/100; !near(got, want, 1e-9) {
		t.Errorf("canary - baseline is at most %v, want %v", got, want)
	}
	if got, want := AtMost(d.Baseline, d.Canary, 1, 0.05), -math.Log(0.025)/1000; !near(got, want, 1e-9) {
		t.Errorf("baseline - canary is at most %v, want %v", got, want)
	}
}

// For many events the interval is Wald's.
func TestDifferenceOfManyEvents(t *testing.T) {
	d := collect(t, []float64{40000}, []float64{1e6}, []float64{50000}, []float64{1e6})
	low, high := -AtMost(d.Baseline, d.Canary, 4, 0.05), AtMost(d.Canary, d.Baseline, 4, 0.05)
	half := 1.959964 * math.Sqrt(4*90000) / 1e6
	if !near(low, 0.01-half, 0.01) || !near(high, 0.01+half, 0.01) {
		t.Errorf("%v to %v, want %v to %v", low, high, 0.01-half, 0.01+half)
	}
}

// ratioOf against a search for the most likely baseline rate.
func TestRatioOf(t *testing.T) {
	for _, c := range []struct{ x, w, y, v, delta float64 }{
		{30, 1000, 60, 1000, 0.01},
		{30, 1000, 3, 100, 0.001},
		{0, 1000, 50, 1000, 0.001},
		{5, 10, 0, 30, 0.5},
		{1e6, 1e7, 2e6, 1e7, 1e-6},
	} {
		likelihood := func(q float64) float64 {
			l := -(c.w + c.v) * q
			if c.x > 0 {
				l += c.x * math.Log(q)
			}
			if c.y > 0 {
				l += c.y * math.Log(q+c.delta)
			}
			return l
		}
		low, high := 0.0, 10*(c.x+c.y)/min(c.w, c.v) // golden section
		for range 200 {
			g := 0.3819660112501051 * (high - low)
			if likelihood(low+g) < likelihood(high-g) {
				low += g
			} else {
				high -= g
			}
		}
		from, to := Arm{Events: c.x, Exposure: c.w}, Arm{Events: c.y, Exposure: c.v}
		if got, want := ratioOf(c.delta, from, to), 1+c.delta/((low+high)/2); !near(got-1, want-1, 1e-5) {
			t.Errorf("%+v: ratio %v, want %v", c, got, want)
		}
	}
	// Five events that the difference alone explains: nothing is beyond it.
	if got := ratioOf(0.001, Arm{Exposure: 10000}, Arm{Events: 5, Exposure: 10000}); !math.IsInf(got, 1) {
		t.Errorf("ratio %v, want +Inf", got)
	}
}
