package stat

import (
	"math"
	"testing"
)

// R: pbinom(23, 36, 0.5, lower.tail = FALSE) is 0.03262267.
func TestBinomialTail(t *testing.T) {
	checkNear(t, "24 of 36", BinomialTail(24, 12, 0.5), 0.03262267, 1e-6)
	checkNear(t, "7 of 7", BinomialTail(7, 0, 0.5), 1.0/128, 1e-12)
	checkNear(t, "0 of 9", BinomialTail(0, 9, 0.5), 1, 0)
	checkNear(t, "no such probability", BinomialTail(1, 1, 1.5), math.NaN(), 0)
	// Against the sum of its terms.
	for successes := 1; successes <= 12; successes++ {
		want := 0.0
		for k := successes; k <= 12; k++ {
			want += math.Exp(logChoose(12, k)) * math.Pow(0.3, float64(k)) * math.Pow(0.7, float64(12-k))
		}
		checkNear(t, "tail", BinomialTail(float64(successes), float64(12-successes), 0.3), want, 1e-12)
	}
	// Between whole counts it lies between their tails.
	if a, b, c := BinomialTail(5, 7, 0.3), BinomialTail(5.5, 6.5, 0.3), BinomialTail(6, 6, 0.3); !(a > b && b > c) {
		t.Errorf("tails at 5, 5.5 and 6 are %v, %v and %v", a, b, c)
	}
}

func logChoose(n, k int) float64 {
	lg := func(m int) float64 { v, _ := math.Lgamma(float64(m + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}

// R: binom.test(7, 20)$conf.int is 0.1539092 0.5921885; of 0 of 10 the upper end
// is 1-(0.025)^(1/10).
func TestClopperPearson(t *testing.T) {
	low, high := ClopperPearson(7, 13, 0.05)
	checkNear(t, "low of 7 of 20", low, 0.1539092, 1e-6)
	checkNear(t, "high of 7 of 20", high, 0.5921885, 1e-6)
	low, high = ClopperPearson(0, 10, 0.05)
	checkNear(t, "low of 0 of 10", low, 0, 0)
	checkNear(t, "high of 0 of 10", high, 1-math.Pow(0.025, 0.1), 1e-12)
	low, high = ClopperPearson(0, 0, 0.05)
	checkNear(t, "low of nothing", low, 0, 0)
	checkNear(t, "high of nothing", high, 1, 0)
	low, _ = ClopperPearson(math.NaN(), 1, 0.05)
	checkNear(t, "low of NaN", low, math.NaN(), 0)
	// The ends are what the tails reject at alpha/2, at the largest counts used.
	low, high = ClopperPearson(4e7, 6e7, 0.01)
	checkNear(t, "tail at the low end", BinomialTail(4e7, 6e7, low), 0.005, 1e-6)
	checkNear(t, "tail at the high end", BinomialTail(6e7, 4e7, 1-high), 0.005, 1e-6)
	// So little that no bound can be told from 0.
	low, high = ClopperPearson(1e-9, 10, 0.05)
	checkNear(t, "low of nearly none", low, 0, 0)
	if !(high > 0.2 && high < 0.4) {
		t.Errorf("high of nearly none of 10 is %v", high)
	}
}
