package stat

import (
	"math"
	"testing"
)

// R: fisher.test(matrix(c(12, 988, 25, 975), 2))$p.value is 0.04501808.
func TestFisherExact(t *testing.T) {
	less, greater, two := FisherExact(12, 988, 25, 975)
	checkNear(t, "two-sided", two, 0.04501808, 1e-6) // 7 digits
	checkNear(t, "mirrored", func() float64 { _, g, _ := FisherExact(25, 975, 12, 988); return g }(), less, 1e-12)
	if !(less+greater > 1 && less < 0.05) {
		t.Errorf("less %v, greater %v", less, greater)
	}
	// Fisher's lady tasting tea: 3 of 4 cups. 17/70 and 34/70.
	_, greater, two = FisherExact(3, 1, 1, 3)
	checkNear(t, "tea, greater", greater, 17.0/70, 1e-12)
	checkNear(t, "tea, two-sided", two, 34.0/70, 1e-12)
	// Against the sum of hypergeometric terms.
	less, _, _ = FisherExact(2, 7, 8, 3)
	sum := 0.0
	for k := range 3 {
		sum += math.Exp(logChoose(10, k) + logChoose(10, 9-k) - logChoose(20, 9))
	}
	checkNear(t, "less", less, sum, 1e-11)
	checkNear(t, "nothing", func() float64 { _, _, p := FisherExact(0, 0, 0, 0); return p }(), 1, 0)
	less, greater, two = FisherExact(0, 1e6, 1e6, 0)
	checkNear(t, "opposite", less, 0, 0)
	checkNear(t, "opposite, greater", greater, 1, 0)
	checkNear(t, "opposite, two-sided", two, 0, 0)
	_, _, two = FisherExact(1.5, 1, 1, 1)
	checkNear(t, "half a count", two, math.NaN(), 0)
	_, _, two = FisherExact(1e9, 1e9, 1e9, 1e9)
	checkNear(t, "too large", two, math.NaN(), 0)
}

func BenchmarkFisherExact(b *testing.B) {
	for b.Loop() {
		FisherExact(12, 988, 25, 975)
	}
}
