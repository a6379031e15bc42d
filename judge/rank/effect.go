package rank

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// CliffsDelta returns P(x > y) - P(x < y) over all pairs of values, between -1
// and 1 (Cliff 1993): 2U/(mn) - 1. It costs O((m+n) log(m+n)). NaN for an empty
// sample or a NaN.
func CliffsDelta(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 || hasNaN(x) || hasNaN(y) {
		return math.NaN()
	}
	a, b := slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	sum, below, upTo := 0, 0, 0
	for _, v := range a {
		for below < len(b) && b[below] < v {
			below++
		}
		for upTo < len(b) && b[upTo] <= v {
			upTo++
		}
		sum += below - (len(b) - upTo)
	}
	return float64(sum) / (float64(len(a)) * float64(len(b)))
}

// BinnedU returns U, the number of pairs with x larger, of two histograms over
// the same ascending bins, given by their counts; pairs within a bin count
// half. Divided by the product of the totals it is the probability that a value
// of x exceeds one of y, and Cliff's delta is twice that minus 1. Requests in a
// histogram are not independent: use it as an effect size, not for a p value.
// NaN where the lengths differ.
func BinnedU(x, y []float64) float64 {
	if len(x) != len(y) {
		return math.NaN()
	}
	u, below := 0.0, 0.0
	for k, c := range x {
		u += c * (below + y[k]/2)
		below += y[k]
	}
	return u
}

// NoetherSize returns how many values both samples together need for a
// two-sided MannWhitney at level alpha to have the given power, if a value of
// the first exceeds one of the second with probability superiority and the
// first sample has the given share of all values (Noether 1987):
//
//	(z_{alpha/2} + z_{1-power})^2 / (12 c (1-c) (p-1/2)^2)
//
// +Inf for a superiority of 1/2, NaN for values out of range.
func NoetherSize(superiority, share, alpha, power float64) float64 {
	if !(superiority >= 0 && superiority <= 1 && share > 0 && share < 1 && alpha > 0 && alpha < 1 && power > 0 && power < 1) {
		return math.NaN()
	}
	z := stat.NormalUpper(alpha/2) + stat.NormalUpper(1-power)
	d := superiority - 0.5
	return z * z / (12 * share * (1 - share) * d * d)
}
