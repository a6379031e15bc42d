package stat

import (
	"math"
	"testing"
)

// Abramowitz, Stegun tables 26.1 and 26.2.
func TestNormalTail(t *testing.T) {
	checkNear(t, "tail at 1", NormalTail(1), 0.158655253931457, 1e-13)
	checkNear(t, "tail at 5", NormalTail(5), 2.86651571879194e-7, 1e-13)
	checkNear(t, "tail at -2", NormalTail(-2), 0.977249868051821, 1e-13)
}

func TestNormalUpperInvertsTail(t *testing.T) {
	// 1e-12: StudentQuantile stops within 1e-13 of ln z, which z^2 scales up.
	for _, tail := range []float64{0.9999, 0.7, 0.5, 0.3, 0.025, 1e-6, 1e-15} {
		checkNear(t, "tail of the quantile", NormalTail(NormalUpper(tail)), tail, 1e-11)
	}
	if !math.IsInf(NormalUpper(0), 1) || !math.IsInf(NormalUpper(1), -1) {
		t.Error("the whole line has finite ends")
	}
	checkNear(t, "upper of no probability", NormalUpper(1.5), math.NaN(), 0)
	checkNear(t, "upper of NaN", NormalUpper(math.NaN()), math.NaN(), 0)
}

func TestLogNormalCDF(t *testing.T) {
	for _, z := range []float64{-36, -10, -1, 0, 2, 3} {
		checkNear(t, "log CDF", LogNormalCDF(z), math.Log(NormalTail(-z)), 1e-9)
	}
	// The two branches meet: the series' error at 37 is below 1e-8.
	checkNear(t, "log CDF at the seam", LogNormalCDF(-37-1e-9), math.Log(NormalTail(37)), 1e-9)
}
