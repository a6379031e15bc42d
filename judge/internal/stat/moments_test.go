package stat

import (
	"math"
	"testing"
)

func TestDescribe(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		x    []float64
		want Moments
	}{
		{"none", nil, Moments{nan, nan, nan, nan}},
		{"one", []float64{3}, Moments{3, 3, 3, 0}},
		{"some", []float64{1, 2, 3, 4}, Moments{2.5, 1, 4, math.Sqrt(5.0 / 3)}},
		{"equal", []float64{0.1, 0.1, 0.1}, Moments{0.1, 0.1, 0.1, 0}},
		{"huge", []float64{1e308, 1.5e308}, Moments{1.25e308, 1e308, 1.5e308, 0.5e308 / math.Sqrt2}},
		{"opposite huge", []float64{-1e308, 1e308}, Moments{0, -1e308, 1e308, 1e308 * math.Sqrt2}},
		{"tiny", []float64{2e-310, 4e-310}, Moments{3e-310, 2e-310, 4e-310, 1e-310 * math.Sqrt2}},
		{"zero", []float64{0, 0}, Moments{0, 0, 0, 0}},
	} {
		got := Describe(c.x)
		checkNear(t, c.name+": mean", got.Mean, c.want.Mean, 1e-12)
		checkNear(t, c.name+": min", got.Min, c.want.Min, 0)
		checkNear(t, c.name+": max", got.Max, c.want.Max, 0)
		checkNear(t, c.name+": std", got.Std, c.want.Std, 1e-12)
	}
}
