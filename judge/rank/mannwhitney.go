package rank

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Result is the outcome of a test: a statistic, and how likely it is to be so
// extreme without a difference.
type Result struct {
	// Statistic is U, V or Brunner-Munzel's t: large when the first sample's
	// values are.
	Statistic float64
	// Less and Greater are the p values of the alternatives that the first
	// sample's values are smaller or larger.
	Less, Greater float64
	// TwoSided is the probability of a statistic as far from its mean, on
	// either side. Without ties it is twice the smaller one.
	TwoSided float64
	// Exact tells whether the p values are those of the statistic's own
	// distribution and not of an approximation.
	Exact bool
}

func undefined() Result {
	nan := math.NaN()
	return Result{Statistic: nan, Less: nan, Greater: nan, TwoSided: nan}
}

// MannWhitney tests whether the values of x tend to be larger or smaller than
// those of y. The statistic is U, the number of pairs with x larger, equal
// pairs counting half. Up to 50 values a side the p values are exact, with ties
// too (conditional on them); beyond, normal with corrections for ties and
// continuity. An empty sample or a NaN gives NaN.
func MannWhitney(x, y []float64) Result {
	if len(x) == 0 || len(y) == 0 || hasNaN(x) || hasNaN(y) {
		return undefined()
	}
	ranks, ties := twiceMidranks(slices.Concat(x, y))
	sum := 0
	for _, r := range ranks[:len(x)] {
		sum += r
	}
	u := float64(sum-len(x)*(len(x)+1)) / 2
	if len(x) > exactSize || len(y) > exactSize {
		return normalU(u, len(x), len(y), ties, 0.5)
	}
	if ties == 0 {
		return exact(u, float64(len(x)*len(y))/2, MannWhitneyU(len(x), len(y)))
	}
	// The sums of the smaller sample are fewer.
	slices.Sort(ranks)
	m, n := len(x), len(y)
	if m <= n {
		return exact(u, float64(m*n)/2, chosenUs(ranks, m))
	}
	swapped := exact(float64(m*n)-u, float64(m*n)/2, chosenUs(ranks, n))
	return Result{Statistic: u, Less: swapped.Greater, Greater: swapped.Less, TwoSided: swapped.TwoSided, Exact: true}
}

// chosenUs returns the distribution of U of m values with some of the sorted
// twofold ranks.
func chosenUs(ranks []int, m int) Distribution {
	least := 0
	for _, r := range ranks[:m] {
		least += r
	}
	d := chosenSums(ranks, m, 0.5)
	d.start = float64(least-m*(m+1)) / 2
	return d
}

// exact returns the result of a statistic with the given mean and
// distribution.
func exact(statistic, mean float64, d Distribution) Result {
	away := math.Abs(statistic - mean)
	r := Result{Statistic: statistic, Less: d.CDF(statistic), Greater: d.Survival(statistic), TwoSided: 1, Exact: true}
	if away > 0 {
		r.TwoSided = min(1, d.CDF(mean-away)+d.Survival(mean+away))
	}
	return r
}

// normalU returns the result of U by the normal approximation. correction is
// half the distance between two values of U.
func normalU(u float64, m, n int, ties, correction float64) Result {
	mn, all := float64(m)*float64(n), float64(m+n)
	variance := mn / 12 * (all + 1 - ties/(all*(all-1)))
	return normal(u, mn/2, math.Sqrt(variance), correction)
}

func normal(statistic, mean, sd, correction float64) Result {
	d := statistic - mean
	if !(sd > 0) { // all values are equal
		return Result{Statistic: statistic, Less: 1, Greater: 1, TwoSided: 1}
	}
	return Result{
		Statistic: statistic,
		Less:      stat.NormalTail(-(d + correction) / sd),
		Greater:   stat.NormalTail((d - correction) / sd),
		TwoSided:  min(1, 2*stat.NormalTail((math.Abs(d)-correction)/sd)),
	}
}
