package sequential

import "math"

// StudentMixture is the e-process of a Student t statistic: the ratio of its
// density if the standardized effect is drawn from a normal to that without an
// effect. It needs no known variance (Lai 1976; Lindon, Ham, Tingley, Bojinov
// 2022). The zero value is the default.
type StudentMixture struct {
	// Phi is how many observations the prior on the standardized effect is
	// worth, 1 if 0: the prior's variance is 1/Phi.
	Phi float64
}

// LogE returns ln E for the statistic t with nu degrees of freedom of n
// observations. For autocorrelated series n is the effective number.
func (m StudentMixture) LogE(t, nu, n float64) float64 {
	r := m.share(n)
	if !(nu > 0) || math.IsNaN(t) {
		return math.NaN()
	}
	if math.IsInf(nu, 1) {
		return 0.5*math.Log(r) + t*t*(1-r)/2
	}
	if math.IsInf(t, 0) {
		return 0.5*math.Log(r) - 0.5*(nu+1)*math.Log(r)
	}
	return 0.5*math.Log(r) + 0.5*(nu+1)*(math.Log1p(t*t/nu)-math.Log1p(r*t*t/nu))
}

// Bound returns the |t| at which E reaches 1/alpha, +Inf where no statistic
// of so few degrees of freedom does. The confidence sequence of an estimate is
// the estimate plus and minus Bound standard errors.
func (m StudentMixture) Bound(alpha, nu, n float64) float64 {
	r := m.share(n)
	if !(nu > 0 && alpha > 0 && alpha < 1) {
		return math.NaN()
	}
	// ln of what (1+t^2/nu)/(1+r t^2/nu) must reach, times nu+1.
	need := -2*math.Log(alpha) - math.Log(r)
	if math.IsInf(nu, 1) {
		return math.Sqrt(need / (1 - r))
	}
	need /= nu + 1
	if need+math.Log(r) >= 0 {
		return math.Inf(1)
	}
	return math.Sqrt(nu * math.Expm1(need) / (1 - r*math.Exp(need)))
}

// share returns the prior's share of all observations, NaN for no observations.
func (m StudentMixture) share(n float64) float64 {
	phi := m.Phi
	if phi == 0 {
		phi = 1
	}
	if !(phi > 0 && n > 0) {
		return math.NaN()
	}
	return phi / (phi + n)
}

// LogMSPRT returns the log of the mixture sequential probability ratio for
// the mean d of n differences of known variance, if the effect is drawn from a
// normal of variance tau2 (Robbins 1970; Johari, Koomen, Pekelis, Walsh 2017).
func LogMSPRT(d, n, variance, tau2 float64) float64 {
	if !(n >= 0 && variance > 0 && tau2 > 0) {
		return math.NaN()
	}
	return normalMixture{variance / tau2}.LogE(n*d/math.Sqrt(variance), n)
}

// AsymptoticRadius returns the half width of an asymptotic confidence sequence
// for the mean of n independent observations of standard deviation sd
// (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, theorem 2.2), tightest at
// about the given number of observations. It assumes no distribution but holds
// only as observations grow many, and not for autocorrelated ones.
func AsymptoticRadius(n, sd, alpha, tightest float64) float64 {
	if !(n > 0 && sd >= 0 && alpha > 0 && alpha < 1 && tightest > 0) {
		return math.NaN()
	}
	// rho^2 = 1/rho' where rho' is the parameter of the normal mixture.
	m := normalMixture{bestRho(tightest, alpha, TwoSided)}
	return sd * m.Bound(n, alpha) / n
}
