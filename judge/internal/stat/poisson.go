package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// PoissonLow and PoissonHigh return the exact bounds of a Poisson mean after
// events were seen: the means at which so many events or more, or so few or
// less, have the probability tail (Garwood 1936). Events need not be whole.
// Without events the upper one is -ln(tail), the "rule of three" with its exact
// constant.
func PoissonLow(events, tail float64) float64 {
	switch {
	case !poissonDefined(events, tail):
		return math.NaN()
	case events <= leastCount:
		return 0
	default:
		// The inverse of the lower function is slower and less exact.
		return mathext.GammaIncRegCompInv(events, 1-tail)
	}
}

// PoissonHigh is documented with PoissonLow.
func PoissonHigh(events, tail float64) float64 {
	if !poissonDefined(events, tail) {
		return math.NaN()
	}
	return mathext.GammaIncRegCompInv(events+1, tail)
}

// poissonDefined is asked first because gonum's inverse never returns for NaN.
func poissonDefined(events, tail float64) bool {
	return events >= 0 && tail > 0 && tail < 1
}
