package sequential

import (
	"math"
	"sort"
)

// quantileAlpha is the level at which the mixtures of QuantileP are tightest; it
// holds at any.
const quantileAlpha = 0.05

// BernoulliInterval returns the confidence interval of a probability after
// so many successes in so many trials that holds at all times at once: the
// probabilities whose two-sided beta-binomial e-process stays below 1/alpha. It
// is tightest near the given number of trials. Without trials it is [0, 1].
func BernoulliInterval(successes, trials, alpha, tightest float64) (low, high float64) {
	if !(successes >= 0 && successes <= trials && alpha > 0 && alpha < 1 && tightest > 0) || math.IsInf(trials, 1) {
		return math.NaN(), math.NaN()
	}
	if trials == 0 {
		return 0, 1
	}
	miss := func(p float64) float64 {
		if p <= 0 || p >= 1 {
			return math.Inf(1)
		}
		m := BetaBinomial(p*(1-p)*tightest, alpha, p, 1-p, TwoSided)
		return m.LogE(successes-p*trials, p*(1-p)*trials) + math.Log(alpha)
	}
	share := successes / trials
	low, high = 0, 1
	if share > 0 {
		low = solve(0, min(share, 1-1e-12), miss)
	}
	if share < 1 {
		high = solve(max(share, 1e-12), 1, miss)
	}
	return low, high
}

// QuantileP returns a p value, valid at all times at once, for the hypothesis
// that two sorted samples of independent observations come from distributions
// with the same p-quantile: the product of the two arms' beta-binomial
// e-processes at the common quantile that is kindest to the hypothesis (Howard,
// Ramdas 2022, section 5). It is tightest near the given number of
// observations a side. Take the smallest over time. NaN for an empty sample.
func QuantileP(p float64, a, b []float64, tightest float64) float64 {
	if !(p > 0 && p < 1 && tightest > 0) || len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	m := BetaBinomial(tightest*p*(1-p), quantileAlpha, p, 1-p, TwoSided)
	first, second := newQuantileArm(p, a, m), newQuantileArm(p, b, m)
	if first.end > second.end {
		first, second = second, first
	}
	at := func(x float64) float64 { return first.logE(x) + second.logE(x) }
	least := min(at(first.end), at(second.start))
	// Between the arms' own best quantiles the first arm's e-value rises with x,
	// the second's falls: it is least at the points where the second steps down.
	from := sort.SearchFloat64s(second.x, first.end)
	for i := from; i < len(second.x) && second.x[i] <= second.start; i++ {
		if i > from && second.x[i] == second.x[i-1] {
			continue
		}
		least = min(least, at(second.x[i]))
	}
	return math.Exp(min(0, -least))
}

// quantileArm is the e-process of one arm as a function of its quantile.
type quantileArm struct {
	p float64
	x []float64 // sorted
	m Mixture
	// share of observations below the quantile at which the e-value is least,
	// and the quantiles from start to end where that share can be.
	share, start, end float64
}

func newQuantileArm(p float64, x []float64, m Mixture) quantileArm {
	arm := quantileArm{p: p, x: x, m: m}
	arm.share, _ = minimize(0, 1, arm.atShare)
	n := float64(len(x))
	arm.start = x[max(int(math.Ceil(arm.share*n))-1, 0)]
	arm.end = x[min(int(arm.share*n), len(x)-1)]
	return arm
}

// atShare returns the log e-value if so large a share of observations lies
// below the quantile.
func (a quantileArm) atShare(share float64) float64 {
	n := float64(len(a.x))
	return a.m.LogE((share-a.p)*n, a.p*(1-a.p)*n)
}

// logE returns the least log e-value that the quantile x allows: observations
// equal to x may count on either side.
func (a quantileArm) logE(x float64) float64 {
	n := float64(len(a.x))
	less := sort.SearchFloat64s(a.x, x)
	equal := sort.Search(len(a.x)-less, func(i int) bool { return a.x[less+i] > x })
	return a.atShare(min(max(a.share, float64(less)/n), float64(less+equal)/n))
}
