package stat

import "math"

// PoissonRatio is the exact conditional comparison of two Poisson rates.
type PoissonRatio struct {
	// Ratio is the first rate over the second, Low and High its interval.
	Ratio, Low, High float64
	// Less and Greater are the p values of the alternatives that the ratio is
	// below or above 1, TwoSided the probability of all splits of the events
	// that are no more likely, as R's poisson.test has it.
	Less, Greater, TwoSided float64
}

// PoissonRatioTest compares events a in exposure x with events b in exposure y.
// Given a+b the first is binomial (Przyborowski, Wilenski 1940), and the
// interval is the Clopper-Pearson one of its share at level 1-alpha. The counts
// must be whole and at most 2^24 together, exposures positive; others give NaN.
// Without events the ratio is NaN and its interval [0, +Inf].
func PoissonRatioTest(a, x, b, y, alpha float64) PoissonRatio {
	n := a + b
	if !(a >= 0 && b >= 0 && n <= maxTables && x > 0 && y > 0 && alpha > 0 && alpha < 1) ||
		math.IsInf(x, 1) || math.IsInf(y, 1) || a != math.Floor(a) || b != math.Floor(b) {
		nan := math.NaN()
		return PoissonRatio{nan, nan, nan, nan, nan, nan}
	}
	share := 1 / (1 + y/x)
	r := PoissonRatio{
		Ratio:   a / x / (b / y),
		Greater: BinomialTail(a, b, share),
		Less:    BinomialTail(b, a, 1-share),
	}
	low, high := ClopperPearson(a, b, alpha)
	r.Low, r.High = low/(1-low)*(y/x), high/(1-high)*(y/x)
	r.TwoSided = binomialTwoSided(a, b, share)
	return r
}

// binomialTwoSided returns the probability of all outcomes of a+b trials that
// are no more likely than a successes. The probabilities rise to the mean and
// fall from it, so they make two tails, and the end of the other one is found
// by bisection.
func binomialTwoSided(a, b, p float64) float64 {
	n := a + b
	log := func(k float64) float64 {
		all, _ := math.Lgamma(n + 1)
		won, _ := math.Lgamma(k + 1)
		lost, _ := math.Lgamma(n - k + 1)
		return all - won - lost + k*math.Log(p) + (n-k)*math.Log1p(-p)
	}
	limit := log(a) + math.Log1p(fisherSlack)
	switch mean := n * p; {
	case a == mean || n == 0:
		return 1
	case a < mean:
		// The first of the upper tail.
		low, high := math.Ceil(mean), n+1
		for low < high {
			if mid := math.Floor((low + high) / 2); log(mid) <= limit {
				high = mid
			} else {
				low = mid + 1
			}
		}
		upper := 0.0
		if low <= n {
			upper = BinomialTail(low, n-low, p)
		}
		return min(1, BinomialTail(b, a, 1-p)+upper)
	default:
		return binomialTwoSided(b, a, 1-p)
	}
}
