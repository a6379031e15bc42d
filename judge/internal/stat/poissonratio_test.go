package stat

import (
	"math"
	"testing"
)

// R: poisson.test(c(11, 21), c(800, 3011)), in 7 digits.
func TestPoissonRatioTest(t *testing.T) {
	r := PoissonRatioTest(11, 800, 21, 3011, 0.05)
	checkNear(t, "p", r.TwoSided, 0.07966863, 1e-7)
	checkNear(t, "ratio", r.Ratio, 1.971488, 1e-6)
	checkNear(t, "low", r.Low, 0.8584264, 1e-7)
	checkNear(t, "high", r.High, 4.2772659, 1e-7)
	swapped := PoissonRatioTest(21, 3011, 11, 800, 0.05)
	checkNear(t, "swapped p", swapped.TwoSided, r.TwoSided, 1e-12)
	checkNear(t, "swapped low", swapped.Low, 1/r.High, 1e-9)
	checkNear(t, "swapped less", swapped.Less, r.Greater, 1e-12)
	// R: binom.test(24, 36, alternative = "greater") is 0.03262267.
	checkNear(t, "24 of 36", PoissonRatioTest(24, 1, 12, 1, 0.05).Greater, 0.03262267, 1e-7)

	none := PoissonRatioTest(0, 1, 0, 1, 0.05)
	if !math.IsNaN(none.Ratio) || none.Low != 0 || !math.IsInf(none.High, 1) || none.TwoSided != 1 {
		t.Errorf("no events: %+v", none)
	}
	checkNear(t, "half an event", PoissonRatioTest(0.5, 1, 1, 1, 0.05).TwoSided, math.NaN(), 0)
	checkNear(t, "no exposure", PoissonRatioTest(1, 0, 1, 1, 0.05).Low, math.NaN(), 0)
}

// Against the sum over all splits.
func TestPoissonRatioTwoSided(t *testing.T) {
	for n := range 25 {
		for _, share := range []float64{0.5, 0.1, 0.37} {
			terms := make([]float64, n+1)
			for k := range terms {
				terms[k] = math.Exp(logChoose(n, k)) * math.Pow(share, float64(k)) * math.Pow(1-share, float64(n-k))
			}
			for a := range terms {
				want := 0.0
				for _, p := range terms {
					if p <= terms[a]*(1+fisherSlack) {
						want += p
					}
				}
				got := PoissonRatioTest(float64(a), share, float64(n-a), 1-share, 0.05).TwoSided
				checkNear(t, "two-sided p", got, want, 1e-9)
			}
		}
	}
}
