package distribution

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// MannWhitneyU returns the number of pairs of a canary's and a baseline's
// observation in which the canary's is larger; pairs in one bucket count
// half. Where the bounds differ, the buckets are those of Merge. It costs
// O(buckets) (Mann, Whitney, Ann. Math. Statist. 18 (1947) 50).
//
// It describes an effect. As a test it would take requests for independent,
// which they are not: what slows one down slows down its neighbours.
func MannWhitneyU(baseline, canary judge.Histogram) float64 {
	_, b, c := together(baseline, canary)
	u, below := 0.0, 0.0
	for k := range b {
		u += c[k] * (below + b[k]/2)
		below += b[k]
	}
	return u
}

// CliffsDelta returns how much more likely a canary's observation is to be larger
// than a baseline's than to be smaller: 2U/(mn) - 1, from -1 to 1 (Cliff, Psychol.
// Bull. 114 (1993) 494). NaN if a side has no observations.
func CliffsDelta(baseline, canary judge.Histogram) float64 {
	pairs := baseline.Total() * canary.Total()
	if !(pairs > 0) {
		return math.NaN()
	}
	return min(max(2*MannWhitneyU(baseline, canary)/pairs-1, -1), 1)
}

// Wasserstein returns the distance between the distributions: how far an
// observation must move on average to turn one into the other, in their unit.
// It is the area between the distribution functions (Vallender, Theory Probab.
// Appl. 18 (1974) 784), taken to be linear within the buckets of Merge; buckets
// without an end add nothing. NaN if a side has no observations.
func Wasserstein(baseline, canary judge.Histogram) float64 {
	m, n := baseline.Total(), canary.Total()
	if !(m > 0 && n > 0) {
		return math.NaN()
	}
	bounds, b, c := together(baseline, canary)
	area, d := 0.0, 0.0
	for k := range b {
		next := d + c[k]/n - b[k]/m
		if width := bounds[k+1] - bounds[k]; width <= math.MaxFloat64 {
			area += width * meanSize(d, next)
		}
		d = next
	}
	return area
}

// meanSize returns the mean of |x| over a line from a to b.
func meanSize(a, b float64) float64 {
	if (a < 0) == (b < 0) {
		return math.Abs(a+b) / 2
	}
	return (a*a + b*b) / (2 * math.Abs(b-a))
}

// together returns both histograms' counts in common buckets.
func together(baseline, canary judge.Histogram) (bounds, b, c []float64) {
	var p pool
	p.add(baseline)
	p.add(canary)
	buckets := make([]float64, 2*len(p.h.Counts))
	b, c = buckets[:len(p.h.Counts)], buckets[len(p.h.Counts):]
	onto(p.h.Bounds, baseline, b)
	onto(p.h.Bounds, canary, c)
	return p.h.Bounds, b, c
}
