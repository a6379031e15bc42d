package stat

import "math"

// NormalTail returns P(Z >= z) for a standard normal Z, with full relative
// precision in the far tail.
func NormalTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// NormalUpper returns the z with P(Z >= z) = tail: +Inf for 0, -Inf for 1, NaN
// outside [0, 1].
func NormalUpper(tail float64) float64 {
	switch {
	case tail == 0:
		return math.Inf(1)
	case tail == 1:
		return math.Inf(-1)
	case tail == 0.5:
		return 0
	case tail > 0.5:
		return -StudentQuantile(1-tail, math.Inf(1))
	default:
		return StudentQuantile(tail, math.Inf(1))
	}
}

// LogNormalCDF returns ln P(Z <= z), finite where P underflows. Below -37 it is
// the asymptotic series of Mills' ratio (Abramowitz, Stegun 26.2.12), whose
// first omitted term is 15/z^6, under 1e-8 of the ratio there.
func LogNormalCDF(z float64) float64 {
	if z < -37 {
		u := 1 / (z * z)
		return -z*z/2 - math.Log(-z) - 0.5*math.Log(2*math.Pi) + math.Log1p(-u+3*u*u)
	}
	if z > 5 {
		return math.Log1p(-NormalTail(z))
	}
	return math.Log(NormalTail(-z))
}
