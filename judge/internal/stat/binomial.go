package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// leastCount is where a count is as good as none: the lower bound of a rate,
// about (alpha/2)^(1/count), is then below any float64.
const leastCount = 1e-3

// BinomialTail returns P(X >= successes) for X binomial with
// successes+failures trials of probability p.
//
// The counts need not be whole: the tail is the incomplete beta function
// I_p(successes, failures+1), which agrees with the binomial at whole counts
// and rises and falls monotonically between them. So counts divided by a
// dispersion factor, or extrapolated ones, have a tail as well.
func BinomialTail(successes, failures, p float64) float64 {
	switch {
	case !(successes >= 0 && failures >= 0 && p >= 0 && p <= 1):
		return math.NaN()
	case successes == 0:
		return 1
	}
	return mathext.RegIncBeta(successes, failures+1, p)
}

// ClopperPearson returns the exact two-sided interval of a binomial
// probability at level 1-alpha (Clopper, Pearson 1934): the probabilities that
// neither BinomialTail rejects at alpha/2. Counts need not be whole. Without
// trials it is [0, 1].
func ClopperPearson(successes, failures, alpha float64) (low, high float64) {
	if !(successes >= 0 && failures >= 0 && alpha > 0 && alpha < 1) {
		return math.NaN(), math.NaN()
	}
	low, high = 0, 1
	if successes > leastCount {
		low = mathext.InvRegIncBeta(successes, failures+1, alpha/2)
	}
	if failures > leastCount {
		high = 1 - mathext.InvRegIncBeta(failures, successes+1, alpha/2)
	}
	return low, high
}
