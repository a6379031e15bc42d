package stat

import "gonum.org/v1/gonum/mathext"

// PoissonInterval returns the exact two-sided interval of a Poisson mean at
// level 1-alpha after events were seen (Garwood 1936). Events need not be
// whole. For 0 events it is [0, -ln(alpha/2)], the "rule of three" with its
// exact constant.
func PoissonInterval(events, alpha float64) (low, high float64) {
	if events > leastCount {
		low = mathext.GammaIncRegInv(events, alpha/2)
	}
	return low, mathext.GammaIncRegCompInv(events+1, alpha/2)
}
