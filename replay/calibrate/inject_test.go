package calibrate

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// What is injected has the size that it should, and a larger size is never a
// smaller change. 4000 Poisson events have a standard error of 1.6 %: four of
// them.
func TestInjector(t *testing.T) {
	random := source(7)
	const n = 2000
	for _, c := range []struct {
		kind      judge.Kind
		direction judge.Direction
		mean      float64
	}{
		{judge.Gauge, judge.Increase, 0},
		{judge.Gauge, judge.Decrease, 0},
		{judge.Count, judge.Increase, 2},
		{judge.Count, judge.Decrease, 2},
		{judge.Count, judge.Increase, 500},
		{judge.Count, judge.Decrease, 500},
		{judge.Ratio, judge.Increase, 2},
	} {
		in := analysis.Input{}
		s := &in.Sample
		s.Signal = judge.Signal{Kind: c.kind, Direction: c.direction}
		for range n {
			for _, side := range []*judge.Side{&s.Baseline, &s.Canary} {
				v := math.Exp(0.1 * random.NormFloat64())
				if c.kind != judge.Gauge {
					v = poisson(c.mean, random.Float64())
					side.Totals = append(side.Totals, 100*c.mean)
				}
				side.Values = append(side.Values, v)
			}
		}
		x := newInjector(in, 1, 2)
		before := sum(in.Sample.Canary.Values)
		last := before
		// What is added refers to the healthy rate of both sides.
		healthy := before
		if c.kind != judge.Gauge {
			healthy = (before + sum(in.Sample.Baseline.Values)) / 2
		}
		for _, size := range []float64{0, 0.05, 0.5, 3} {
			after := sum(x.at(size).Sample.Canary.Values)
			want := before + size*healthy
			if c.direction == judge.Decrease {
				want = before / (1 + size)
			}
			tolerance := 1e-9
			if c.kind != judge.Gauge {
				tolerance = 4 * math.Sqrt(max(size, 0.01)/(c.mean*n))
			}
			if math.Abs(after-want) > tolerance*before {
				t.Errorf("%v %v, mean %v, size %v: %v became %v, want %v", c.kind, c.direction, c.mean, size, before, after, want)
			}
			if c.direction == judge.Decrease && after > last || c.direction == judge.Increase && after < last {
				t.Errorf("%v %v, size %v: a smaller change than that of a smaller size", c.kind, c.direction, size)
			}
			last = after
		}
		if sum(in.Sample.Canary.Values) != before {
			t.Errorf("%v: the window itself was changed", c.kind)
		}
	}
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// The added events keep events Poisson: their variance is their mean. The
// standard error of a variance over 5000 draws of a Poisson number of mean 3 is
// sqrt((1/3+2)*9/5000) = 0.065.
func TestPoissonQuantile(t *testing.T) {
	random := source(8)
	var m, square float64
	const n = 5000
	for range n {
		k := poisson(3, random.Float64())
		m += k / n
		square += k * k / n
	}
	if variance := square - m*m; math.Abs(m-3) > 4*math.Sqrt(3.0/n) || math.Abs(variance-3) > 4*0.065 {
		t.Errorf("mean %v, variance %v, want 3", m, variance)
	}
	for _, c := range []struct{ mean, u, want float64 }{{0, 0.5, 0}, {1, 0.3, 0}, {1, 0.5, 1}, {1, 0.95, 3}, {-1, 0.9, 0}} {
		if got := poisson(c.mean, c.u); got != c.want {
			t.Errorf("quantile of Poisson(%v) at %v: %v, want %v", c.mean, c.u, got, c.want)
		}
	}
	// R: qbinom(c(.1, .5, .9), 10, .4) is 2, 4, 6.
	for u, want := range map[float64]float64{0.1: 2, 0.5: 4, 0.9: 6} {
		if got := binomial(10, 0.4, u); got != want {
			t.Errorf("quantile of the binomial at %v: %v, want %v", u, got, want)
		}
	}
}
