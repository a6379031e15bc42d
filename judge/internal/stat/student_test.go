package stat

import (
	"math"
	"testing"
)

// nu = 1 is Cauchy and infinity is normal; the others come from the finite
// series for whole nu (Abramowitz, Stegun 26.7.3 and 26.7.4), solved by
// bisection.
func TestStudentQuantile(t *testing.T) {
	for _, c := range []struct{ tail, nu, want float64 }{
		{0.025, 1, 1 / math.Tan(0.025*math.Pi)},
		{1e-6, 1, 1 / math.Tan(1e-6*math.Pi)},
		{0.025, 2, 4.302652729749465},
		{0.005, 10, 3.1692726726169558},
		{0.025, 10, 2.228138851986276},
		{0.025, 59, 2.0009953780882688},
		{0.0005, 59, 3.4632103049518967},
		{0.025, math.Inf(1), 1.959963984540054},
		{1e-9, math.Inf(1), 5.997807015008181},
	} {
		checkNear(t, "quantile", StudentQuantile(c.tail, c.nu), c.want, 1e-9)
	}
}

func TestStudentQuantileInvertsTail(t *testing.T) {
	for _, nu := range []float64{1, 1.5, 2.7, 5, 30.68, 200, 1e4, 1e12} {
		for _, tail := range []float64{0.499, 0.3, 0.025, 1e-3, 1e-6, 1e-12, 1e-30} {
			q := StudentQuantile(tail, nu)
			checkNear(t, "tail of the quantile", StudentTail(q, nu), tail, 1e-9)
			checkNear(t, "other tail", StudentTail(-q, nu), 1-tail, 1e-9)
		}
	}
}

func TestStudentUndefined(t *testing.T) {
	nan := math.NaN()
	checkNear(t, "quantile of no tail", StudentQuantile(0, 5), nan, 0)
	checkNear(t, "quantile without freedom", StudentQuantile(0.1, nan), nan, 0)
	checkNear(t, "tail without freedom", StudentTail(1, 0), nan, 0)
	checkNear(t, "tail at infinity", StudentTail(math.Inf(1), 5), 0, 0)
	checkNear(t, "tail at minus infinity", StudentTail(math.Inf(-1), 5), 1, 0)
}

// A quantile that is remembered is the one that was computed, whatever else is
// remembered in its place.
func TestStudentQuantileRemembered(t *testing.T) {
	for range 2 {
		for _, nu := range []float64{1, 2, 3, 59, 60, 1439, math.Inf(1)} {
			for n := 1; n <= 40; n++ {
				tail := 0.025 / float64(n)
				if got, want := StudentQuantile(tail, nu), studentQuantile(tail, nu); got != want {
					t.Errorf("tail %v at %v degrees of freedom: %v, computed %v", tail, nu, got, want)
				}
			}
		}
	}
}
