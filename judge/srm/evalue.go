package srm

import (
	"fmt"
	"math"
)

// DefaultConcentration is the k of a mixture that is not given one. At a share
// of a tenth it looks first for deviations of 30 %, at one half for 10 %.
// Experiments with millions of users take 10000; a canary wants to know of gross
// errors soon.
const DefaultConcentration = 100

// LogEValue returns the natural logarithm of the evidence against traffic
// being split by weights: below 0 speaks for the split, ln(1/alpha) or more
// rejects it at alpha, at any time.
//
// counts are the requests of each arm; they need not be whole and may be
// divided by a dispersion. weights are positive and need not sum to 1. k > 0 is
// the concentration, 0 counts as DefaultConcentration. The result is good to
// 1e-6 up to 10^9 requests. It is NaN where the arguments make no sense: fewer
// than two arms, unequal lengths, a count that is negative or not finite, a
// weight that is not positive.
func LogEValue(counts, weights []float64, k float64) float64 {
	t, err := NewTest(weights, Options{Concentration: k})
	if err != nil || t.Add(counts...) != nil {
		return math.NaN()
	}
	return t.LogEValue()
}

// logMixture returns the logarithm of the probability of a sequence of events
// with the given counts if its shares come from a Dirichlet distribution.
func logMixture(counts, prior []float64) float64 {
	var sum, all, result float64
	for i, n := range counts {
		sum += prior[i]
		all += n
		result += lgamma(prior[i]+n) - lgamma(prior[i])
	}
	return result + lgamma(sum) - lgamma(sum+all)
}

// logMultinomial is the same for known shares.
func logMultinomial(counts, shares []float64) float64 {
	result := 0.0
	for i, n := range counts {
		if n > 0 {
			result += n * math.Log(shares[i])
		}
	}
	return result
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// normalize returns weights as shares that sum to 1.
func normalize(weights []float64) ([]float64, error) {
	if len(weights) < 2 {
		return nil, fmt.Errorf("srm: a split has at least 2 arms, got weights %v", weights)
	}
	most := 0.0
	for i, w := range weights {
		if !(w > 0) || math.IsInf(w, 0) {
			return nil, fmt.Errorf("srm: the weight of arm %d must be a positive number, got %v; leave out an arm that is to get no traffic", i, w)
		}
		most = max(most, w)
	}
	shares, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		shares[i] = w / most // so that no sum overflows
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
		if shares[i] < leastShare {
			return nil, fmt.Errorf("srm: the share of arm %d is %g, less than the %g that can be judged", i, shares[i], leastShare)
		}
	}
	return shares, nil
}

// leastShare keeps the mixture's parameters away from 0, where the gamma
// function has a pole; no traffic can be split that finely.
const leastShare = 1e-12
