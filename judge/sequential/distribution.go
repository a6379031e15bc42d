package sequential

import "math"

const (
	// bandWidth, bandSlope and bandConstant are those of CDFRadius.
	bandWidth    = 0.85
	bandSlope    = 0.8
	bandConstant = 1612
)

// CDFRadius returns by how much an empirical distribution function of n
// independent observations may differ from the true one anywhere, at any n at
// once, with probability 1-alpha:
//
//	0.85 sqrt((ln ln(e n) + 0.8 ln(1612/alpha)) / n)
//
// (Howard, Ramdas 2022, corollary 2). The quantile of p then lies between the
// empirical ones of p-radius and p+radius, for all p at once.
func CDFRadius(n, alpha float64) float64 {
	if !(n >= 1 && alpha > 0 && alpha < 1) {
		return math.NaN()
	}
	return bandWidth * math.Sqrt((math.Log1p(math.Log(n))+bandSlope*math.Log(bandConstant/alpha))/n)
}

// SameDistributionP returns a p value for the equality of two distributions
// that holds at all n at once: with d the largest distance between the
// empirical distribution functions of n independent observations a side, the
// alpha at which twice the band of alpha/2 has that width (Lindon, Sanden,
// Shirikian 2022). Take the smallest over time.
func SameDistributionP(d, n float64) float64 {
	if !(n >= 1 && d >= 0 && d <= 1) {
		return math.NaN()
	}
	half := d / (2 * bandWidth)
	return min(1, 2*bandConstant*math.Exp((math.Log1p(math.Log(n))-half*half*n)/bandSlope))
}

// EmpiricalLIL returns by how much an empirical distribution function of
// t >= tMin independent observations may differ from the true one anywhere, at
// any such t at once, with probability 1-alpha (Howard, Ramdas 2022, theorem
// 2, with its constant optimized for alpha). The rate is that of the law of
// the iterated logarithm with a = 0.85 > 1/sqrt 2 as its factor. +Inf for
// t < tMin.
func EmpiricalLIL(t, alpha, tMin float64) float64 {
	switch {
	case !(t >= 0 && tMin >= 1 && alpha > 0 && alpha < 1):
		return math.NaN()
	case t < tMin:
		return math.Inf(1)
	}
	// The error probability falls with the constant. In its log, because alpha
	// may be tiny.
	target := math.Log(alpha)
	miss := func(c float64) float64 { return logLILError(c) - target }
	low, high := 1.0, 2.0
	for miss(high) > 0 {
		low, high = high, 2*high
	}
	c := solve(low, high, miss)
	return bandWidth * math.Sqrt((math.Log1p(math.Log(t/tMin))+c)/t)
}

// logLILError returns the log of the error probability of EmpiricalLIL with
// the constant c, at the best ratio eta of its epochs:
//
//	4 exp(-g c) (1 + 1/((g-1) ln eta)), g = 2/eta (a - sqrt(2(eta-1)/c))^2 > 1
func logLILError(c float64) float64 {
	const a = bandWidth
	// g falls with eta and must stay above 1.
	most := solve(1, 2*a*a, func(eta float64) float64 {
		return a - math.Sqrt(eta/2) - math.Sqrt(2*(eta-1)/c)
	})
	_, least := minimize(1, most, func(eta float64) float64 {
		root := a - math.Sqrt(2*(eta-1)/c)
		g := 2 / eta * root * root
		if !(g > 1 && eta > 1) {
			return math.Inf(1)
		}
		return math.Log(4) - g*c + math.Log1p(1/((g-1)*math.Log(eta)))
	})
	return least
}
