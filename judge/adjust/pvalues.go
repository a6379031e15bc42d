package adjust

import (
	"math"
	"slices"
)

// Bonferroni returns p values times their number.
func Bonferroni(p []float64) []float64 {
	order := ascending(p)
	return stepDown(p, order, func(int) float64 { return float64(len(order)) })
}

// Holm returns p values adjusted by Holm's step-down procedure.
func Holm(p []float64) []float64 {
	order := ascending(p)
	return stepDown(p, order, func(i int) float64 { return float64(len(order) - i) })
}

// WeightedHolm is Holm with a share of the level for each hypothesis that is
// proportional to its weight (Holm 1979, section 4): hypotheses are tried in the
// order of p/weight, each at its share among those left. Equal weights are
// Holm. A hypothesis of weight 0 is never rejected; its adjusted p value is 1.
// A weight that is negative or no finite number makes its p value NaN; slices
// of unequal length make all NaN.
func WeightedHolm(p, weights []float64) []float64 {
	out := slices.Repeat([]float64{math.NaN()}, len(p))
	if len(p) != len(weights) {
		return out
	}
	ratio := slices.Clone(p)
	for i, w := range weights {
		switch v := ratio[i]; {
		case !(w >= 0) || math.IsInf(w, 1):
			ratio[i] = math.NaN()
		case w == 0 && !math.IsNaN(v):
			ratio[i] = math.Inf(1)
		default:
			ratio[i] = v / w
		}
	}
	order := ascending(ratio)
	left := make([]float64, len(p)) // the weight of a hypothesis and those after it
	sum := 0.0
	for _, at := range slices.Backward(order) {
		sum += weights[at]
		left[at] = sum
	}
	most := 0.0
	for _, at := range order {
		if weights[at] == 0 {
			out[at] = 1
			continue
		}
		most = max(most, min(1, ratio[at]*left[at]))
		out[at] = most
	}
	return out
}

// Hochberg returns p values adjusted by Hochberg's step-up procedure.
func Hochberg(p []float64) []float64 {
	order := ascending(p)
	return stepUp(p, order, func(i int) float64 { return float64(len(order) - i) })
}

// BH returns p values adjusted by Benjamini's and Hochberg's procedure.
func BH(p []float64) []float64 {
	order := ascending(p)
	return stepUp(p, order, func(i int) float64 { return float64(len(order)) / float64(i+1) })
}

// BY returns p values adjusted by Benjamini's and Yekutieli's procedure.
func BY(p []float64) []float64 {
	order := ascending(p)
	harmonic := 0.0
	for i := range order {
		harmonic += 1 / float64(i+1)
	}
	return stepUp(p, order, func(i int) float64 { return harmonic * float64(len(order)) / float64(i+1) })
}

// Hommel returns p values adjusted by Hommel's procedure, the closed test of
// Simes' tests, in O(n^2) (Wright 1992).
//
// For every number m of hypotheses, those that are the most likely true among
// any m, Simes' p value c is found; a hypothesis of p is rejected at level a
// only if no intersection with it of size m has a Simes value above a.
func Hommel(p []float64) []float64 {
	order := ascending(p)
	n := len(order)
	sorted := make([]float64, n)
	for i, at := range order {
		sorted[i] = p[at]
	}
	adjusted := slices.Clone(sorted)
	for m := n; m > 1; m-- {
		// The m-1 largest but the very smallest of the set decide.
		c := math.Inf(1)
		for k := 2; k <= m; k++ {
			c = min(c, float64(m)*sorted[n-m+k-1]/float64(k))
		}
		for i := range adjusted {
			if i >= n-m+1 {
				adjusted[i] = max(adjusted[i], c)
			} else {
				adjusted[i] = max(adjusted[i], min(c, float64(m)*sorted[i]))
			}
		}
	}
	out := slices.Clone(p)
	for i, at := range order {
		out[at] = min(adjusted[i], 1)
	}
	return out
}

// ascending returns the indices of the values of p that are numbers, in their
// order.
func ascending(p []float64) []int {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		default:
			return 0
		}
	})
	return order
}

// stepDown multiplies each p value by its factor and gives it no less than
// the smaller ones got.
func stepDown(p []float64, order []int, factor func(rank int) float64) []float64 {
	out := slices.Clone(p)
	most := 0.0
	for i, at := range order {
		most = max(most, min(1, factor(i)*p[at]))
		out[at] = most
	}
	return out
}

// stepUp multiplies each p value by its factor and gives it no more than the
// larger ones got.
func stepUp(p []float64, order []int, factor func(rank int) float64) []float64 {
	out := slices.Clone(p)
	least := 1.0
	for i, at := range slices.Backward(order) {
		least = min(least, factor(i)*p[at])
		out[at] = least
	}
	return out
}
