package adjust

import "math"

// EBH returns e-values adjusted for their number as the q at which the e-BH
// procedure rejects each hypothesis (Wang, Ramdas 2022): those with an adjusted
// value of at most q, whose false share is at most q in expectation, whatever
// the dependence between them. The k largest are rejected for the largest k
// whose k-th largest is at least n/(k q). NaN and negative values are those of
// hypotheses that could not be tested.
func EBH(e []float64) []float64 {
	// An e-value is to BH what 1/e is, which need not be a p value.
	inverse := make([]float64, len(e))
	for i, v := range e {
		inverse[i] = 1 / v
		if !(v >= 0) {
			inverse[i] = math.NaN()
		}
	}
	return BH(inverse)
}

// EMean returns the mean of e-values: an e-value against all the hypotheses
// together, whatever the dependence between them (Vovk, Wang 2021). NaN values
// are left out; NaN if none is left.
func EMean(e []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range e {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// Calibrate turns a p value into an e-value, so that signals judged either way
// can share one EBH or EMean:
//
//	(1 - p + p ln p) / (p ln^2 p)
//
// the mean of k p^(k-1) over k from 0 to 1 (Vovk, Wang 2021, section 2). The
// price is high: 0.01 becomes 4.5. It is 1/2 at 1, +Inf at 0 and NaN for others
// than probabilities.
func Calibrate(p float64) float64 {
	switch {
	case !(p >= 0 && p <= 1):
		return math.NaN()
	case p == 0:
		return math.Inf(1)
	}
	// With x = -ln p it is (e^x - 1 - x) / x^2.
	x := -math.Log(p)
	if x < 1e-3 {
		return 0.5 + x/6 + x*x/24 // the next term is x^3/120
	}
	return (math.Expm1(x) - x) / (x * x)
}
