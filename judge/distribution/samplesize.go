package distribution

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// deviates are the normal scores of equally probable parts, scaled to a variance
// of 1.
var deviates = func() [7]float64 {
	var z [7]float64
	squares := 0.0
	for i := range z {
		z[i] = distuv.UnitNormal.Quantile((float64(i) + 0.5) / float64(len(z)))
		squares += z[i] * z[i] / float64(len(z))
	}
	for i := range z {
		z[i] /= math.Sqrt(squares)
	}
	return z
}()

// quantileOfSize returns the quantile q that a sample of the given size, drawn
// from the observations, would have on average (of its logarithm, where that
// exists).
//
// The quantile of a small sample is off by an amount that depends on its size
// and on how the density changes around it, at a bucket's edge abruptly. An arm
// with a tenth of the traffic would differ from the other by that alone, so the
// larger arm is read as if it were as small. How many observations of the larger
// arm lie beyond the smaller sample's quantile is near a gamma variate whose cube
// root is near normal (Wilson, Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684).
func (g grid) quantileOfSize(counts []float64, total, q, size float64) float64 {
	beyond, upper := rank(q, size), q > 0.5
	if upper {
		beyond = size - beyond
	}
	// Sampling without replacement: nothing is left to chance in a sample of all.
	left := 1 - size/total
	if left <= 1e-9 || beyond <= 0 {
		v, _ := g.quantile(counts, rank(q, total))
		return v
	}
	w := walk{counts: counts, bucket: -1}
	var logs, values float64
	positive := true
	variance := left * (1 - beyond/size) / (9 * beyond)
	sd := math.Sqrt(variance)
	for i, z := range deviates {
		if upper {
			z = deviates[len(deviates)-1-i]
		}
		root := max(1-variance+z*sd, 0)
		place := min(beyond*root*root*root*total/size, total)
		if upper {
			place = total - place
		}
		part := w.to(place)
		if w.bucket < 0 {
			return math.NaN()
		}
		if positive = positive && g.bounds[w.bucket] >= 0; positive {
			logs += g.logWithin(w.bucket, part)
		} else {
			values += g.within(w.bucket, part)
		}
	}
	n := float64(len(deviates))
	switch {
	case positive:
		return math.Exp(logs / n)
	case logs != 0:
		v, _ := g.quantile(counts, rank(q, total)) // some below zero, some above
		return v
	default:
		return values / n
	}
}

// rank returns how many of n observations lie below an estimate of the quantile
// q that is median-unbiased whatever the distribution: the order statistic
// q(n+1/3) + 1/3 (Hyndman, Fan, Am. Stat. 50 (1996) 361, definition 8), half of
// which counts as below.
func rank(q, n float64) float64 { return min(max(q*n+(q-0.5)/3, 0), n) }
