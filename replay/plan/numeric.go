package plan

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge/longrun"
)

// normal returns P(Z <= z).
func normal(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// normalQuantile is its inverse.
func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// studentQuantile returns the t with P(T >= t) = alpha/2 for nu degrees of
// freedom.
func studentQuantile(alpha, nu float64) float64 {
	_, high := longrun.Estimate{StdErr: 1, DF: nu}.Interval(alpha)
	return high
}

// inflation is by how much autocorrelation rho inflates the variance of the
// mean of n points of an AR(1): (1+rho)/(1-rho) - 2 rho (1-rho^n)/(n (1-rho)^2)
// (Bayley, Hammersley 1946).
func inflation(rho, n float64) float64 {
	return (1+rho)/(1-rho) - 2*rho*(1-math.Pow(rho, n))/(n*(1-rho)*(1-rho))
}

// rhoOf returns the autocorrelation at which n points are worth n/f.
func rhoOf(f, n float64) float64 {
	low, high := 0.0, maxRho
	for range 50 {
		if middle := low + (high-low)/2; inflation(middle, n) < f {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// chiSquaredCDF returns P(X <= x) of X = chi-squared / nu, by the cube root of
// Wilson and Hilferty, which is off by less than 0.01 from 3 degrees of freedom
// on.
func chiSquaredCDF(x, nu float64) float64 {
	if x <= 0 {
		return 0
	}
	v := 2 / (9 * nu)
	return normal((math.Cbrt(x) - 1 + v) / math.Sqrt(v))
}

// binomialTail returns P(X >= successes) for successes+failures trials that need
// not be whole.
func binomialTail(successes, failures, p float64) float64 {
	if successes <= 0 {
		return 1
	}
	return mathext.RegIncBeta(successes, failures+1, p)
}

// node is a value and the probability that it stands for.
type node struct{ value, weight float64 }

// nodes divides the range from low to high into equal parts and gives each the
// probability that a distribution function has for it; the ends get the rest.
func nodes(parts int, low, high float64, cdf func(x float64) float64) []node {
	out := make([]node, 0, parts)
	width := (high - low) / float64(parts)
	below := 0.0
	for k := range parts {
		upTo := 1.0
		if k < parts-1 {
			upTo = cdf(low + width*float64(k+1))
		}
		if w := upTo - below; w > 1e-9 {
			out = append(out, node{low + width*(float64(k)+0.5), w})
		}
		below = upTo
	}
	return out
}
