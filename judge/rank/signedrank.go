package rank

import (
	"math"
	"slices"
)

// SignedRank tests whether values, usually differences of pairs, that are
// symmetric about their center have a center above or below 0 (Wilcoxon 1945).
// The statistic is V, the sum of the ranks of the positive ones by size. Zeros
// are left out. Up to 50 values the p values are exact, with ties too; beyond,
// normal with corrections for ties and continuity. Without a value other than 0
// they are 1; a NaN gives NaN.
func SignedRank(x []float64) Result {
	if hasNaN(x) {
		return undefined()
	}
	v, ranks, ties := signedRanks(x)
	n := len(ranks)
	if n > exactSize {
		return normalV(v, n, ties, 0.5)
	}
	mean := float64(n*(n+1)) / 4
	if ties == 0 {
		return exact(v, mean, SignedRankV(n))
	}
	return exact(v, mean, subsetSums(ranks, 0.5))
}

// signedRanks returns V, twice the ranks by size of all values but zeros, and
// the sum of t^3-t over ties.
func signedRanks(x []float64) (v float64, ranks []int, ties float64) {
	x = slices.DeleteFunc(slices.Clone(x), func(v float64) bool { return v == 0 })
	size := make([]float64, len(x))
	for i, v := range x {
		size[i] = math.Abs(v)
	}
	ranks, ties = twiceMidranks(size)
	sum := 0
	for i, r := range ranks {
		if x[i] > 0 {
			sum += r
		}
	}
	return float64(sum) / 2, ranks, ties
}

func normalV(v float64, n int, ties, correction float64) Result {
	k := float64(n)
	return normal(v, k*(k+1)/4, math.Sqrt(k*(k+1)*(2*k+1)/24-ties/48), correction)
}
