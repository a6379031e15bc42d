package anomaly

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	mostDegree           = 5
	mostPolynomialWindow = 10_000
)

// PolynomialResiduals returns how far each point is off the polynomial of the
// given degree (0 to 5) through the window points before it, by least squares:
// the POLY score of TSB-AD, among the best of the simple ones for points in
// series of web services (docs/statistics.md). A point is never scored with
// knowledge of what came later. The first window points, and points without
// data (NaN), have none: NaN. Gaps are bridged by the last value.
//
// window is more than degree and at most 10000. It costs O(len(x) window).
// Degree 1 and a window of 20 are a start; a higher degree follows more and
// varies more.
func PolynomialResiduals(x []float64, degree, window int) ([]float64, error) {
	if degree < 0 || degree > mostDegree || window <= degree || window > mostPolynomialWindow {
		return nil, fmt.Errorf("anomaly: a polynomial of degree %d through %d points: the degree must lie between 0 and %d, the window between degree+1 and %d",
			degree, window, mostDegree, mostPolynomialWindow)
	}
	weights := extrapolation(degree, window)
	residuals := make([]float64, len(x))
	bridged := make([]float64, 0, len(x))
	for i, v := range x {
		residuals[i] = math.NaN()
		if len(bridged) >= window && finite(v) {
			predicted := 0.0
			for k, past := range bridged[len(bridged)-window:] {
				predicted += weights[k] * past
			}
			residuals[i] = v - predicted
		}
		switch {
		case finite(v):
			bridged = append(bridged, v)
		case len(bridged) > 0:
			bridged = append(bridged, bridged[len(bridged)-1])
		}
	}
	return residuals, nil
}

// extrapolation returns the weights of n points in the value at the next one of
// the polynomial through them. It uses the polynomials that are orthogonal over
// the points (Gram's), built by their three-term recurrence, because powers
// lose their digits.
func extrapolation(degree, n int) []float64 {
	weights := make([]float64, n)
	center := float64(n-1) / 2
	previous, current := make([]float64, n), make([]float64, n)
	var previousNext, next, previousNorm float64
	for i := range current {
		current[i] = 1
	}
	next = 1
	for d := 0; ; d++ {
		norm := 0.0
		for _, v := range current {
			norm += v * v
		}
		for i, v := range current {
			weights[i] += next * v / norm
		}
		if d == degree {
			return weights
		}
		// p_{d+1}(t) = t p_d(t) - (norm_d/norm_{d-1}) p_{d-1}(t), t around the
		// center, in units of half the window.
		ratio := 0.0
		if d > 0 {
			ratio = norm / previousNorm
		}
		unit := max(center, 1)
		for i := range current {
			t := (float64(i) - center) / unit
			previous[i], current[i] = current[i], t*current[i]-ratio*previous[i]
		}
		t := (float64(n) - center) / unit
		previousNext, next = next, t*next-ratio*previousNext
		previousNorm = norm
	}
}

// Standardize divides residuals by their robust standard deviation, 1.4826
// times the median absolute deviation from their median, after taking that off:
// scores in the manner of a z-score. NaN stays NaN. Where more than half the
// residuals are equal, those that differ are infinite.
func Standardize(residuals []float64) []float64 {
	values, _ := observed(residuals)
	center := stat.Median(append([]float64(nil), values...))
	spread := stat.MADScale * stat.MAD(values, center)
	scores := make([]float64, len(residuals))
	for i, v := range residuals {
		scores[i] = (v - center) / spread
		if v == center {
			scores[i] = 0
		}
	}
	return scores
}
