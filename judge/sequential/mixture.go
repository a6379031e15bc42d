package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// A Mixture is an e-process for the mean of a sum: under the null hypothesis
// E(S_t, V_t) is a nonnegative supermartingale that starts at 1, so the
// probability that it ever reaches 1/alpha is at most alpha (Ville 1939). S is
// the sum of what was observed minus its expectation under the null
// hypothesis, V its intrinsic time: the accumulated variance, or a bound of it,
// as the constructor says. Both in the units of the data, V squared.
//
// The constructors take the V and the alpha for which the bound is tightest
// (Howard, Ramdas, McAuliffe, Sekhon 2021, section 3); any other V is covered
// as well. Values out of range give NaN.
type Mixture interface {
	// LogE returns ln E at sum s and intrinsic time v >= 0.
	LogE(s, v float64) float64
	// Bound returns the least s >= 0 at which E reaches 1/alpha at intrinsic
	// time v, or the largest possible s where none does.
	Bound(v, alpha float64) float64
}

var (
	_ Mixture = normalMixture{}
	_ Mixture = halfNormalMixture{}
	_ Mixture = gammaExponential{}
	_ Mixture = gammaPoisson{}
	_ Mixture = betaBinomial{}
)

// bestRho returns the parameter of a two-sided normal mixture that is
// tightest at v and alpha, by the approximation of Howard et al. (2021),
// proposition 3.
func bestRho(v, alpha float64, sides Sides) float64 {
	if sides == OneSided {
		alpha *= 2
	}
	if !(v > 0 && alpha > 0 && alpha < 1) {
		return math.NaN()
	}
	l := 2 * math.Log(1/alpha)
	return v / (l + math.Log1p(l))
}

// NormalMixture mixes the drift of sub-Gaussian increments over a normal, or
// over half a normal on one side (Robbins 1970; Howard et al. 2021,
// propositions 5 and 6). V is the sum of the variances.
func NormalMixture(v, alpha float64, sides Sides) Mixture {
	rho := bestRho(v, alpha, sides)
	if sides == OneSided {
		return halfNormalMixture{rho}
	}
	return normalMixture{rho}
}

type normalMixture struct{ rho float64 }

func (m normalMixture) LogE(s, v float64) float64 {
	return -0.5*math.Log1p(v/m.rho) + s*s/(2*(v+m.rho))
}

func (m normalMixture) Bound(v, alpha float64) float64 {
	return math.Sqrt((v + m.rho) * (math.Log1p(v/m.rho) - 2*math.Log(alpha)))
}

type halfNormalMixture struct{ rho float64 }

func (m halfNormalMixture) LogE(s, v float64) float64 {
	return math.Ln2 + normalMixture(m).LogE(s, v) + stat.LogNormalCDF(s/math.Sqrt(v+m.rho))
}

func (m halfNormalMixture) Bound(v, alpha float64) float64 {
	return mixtureBound(m, v, alpha, math.Inf(1))
}

// GammaExponential is for sub-exponential increments of scale c > 0, such as
// those bounded by c above, with V the sum of their variances (Howard et al.
// 2021, proposition 9). One-sided.
func GammaExponential(v, alpha, c float64) Mixture {
	m := gammaExponential{rho: bestRho(v, alpha, OneSided), c: c}
	a := m.rho / (c * c)
	m.constant = a*math.Log(a) - lgamma(a) - math.Log(gammaP(a, a))
	return m
}

type gammaExponential struct{ rho, c, constant float64 }

func (m gammaExponential) LogE(s, v float64) float64 {
	a := (v + m.rho) / (m.c * m.c)
	x := s/m.c + a
	if x <= 0 {
		// Increments of this scale cannot sum up to so little; the limit is 0.
		return math.Inf(-1)
	}
	return m.constant + lgamma(a) + math.Log(gammaP(a, x)) - a*math.Log(x) + (m.c*s+v)/(m.c*m.c)
}

func (m gammaExponential) Bound(v, alpha float64) float64 {
	return mixtureBound(m, v, alpha, math.Inf(1))
}

// GammaPoisson is for sub-Poisson increments of scale c > 0, such as counts
// (c = 1), with V the sum of their variances (Howard et al. 2021, proposition
// 10). One-sided.
func GammaPoisson(v, alpha, c float64) Mixture {
	m := gammaPoisson{rho: bestRho(v, alpha, OneSided), c: c}
	a := m.rho / (c * c)
	m.constant = a*math.Log(a) - lgamma(a) - math.Log(gammaQ(a, a))
	return m
}

type gammaPoisson struct{ rho, c, constant float64 }

func (m gammaPoisson) LogE(s, v float64) float64 {
	x := (v + m.rho) / (m.c * m.c)
	a := s/m.c + x
	if a <= 0 {
		return math.Inf(-1) // fewer events than none
	}
	return m.constant + lgamma(a) + math.Log(gammaQ(a, x)) - a*math.Log(x) + v/(m.c*m.c)
}

func (m gammaPoisson) Bound(v, alpha float64) float64 {
	return mixtureBound(m, v, alpha, math.Inf(1))
}

// BetaBinomial is for increments bounded by -g below and h above, with V = g h
// per increment: those of Bernoulli trials of probability p have g = p and
// h = 1-p (Howard et al. 2021, propositions 7 and 8).
func BetaBinomial(v, alpha, g, h float64, sides Sides) Mixture {
	m := betaBinomial{g: g, h: h, x: 1}
	// A prior that is as good as a point where even the tightest is wide.
	m.r = max(bestRho(v, alpha, sides)-g*h, 1e-3*g*h)
	if !(g > 0 && h > 0) {
		m.r = math.NaN()
	}
	if sides == OneSided {
		m.x = h / (g + h)
	}
	m.constant = logIncompleteBeta(m.r/(g*(g+h)), m.r/(h*(g+h)), m.x)
	return m
}

type betaBinomial struct{ r, g, h, x, constant float64 }

func (m betaBinomial) LogE(s, v float64) float64 {
	g, h, w := m.g, m.h, m.g+m.h
	return v/(g*h)*math.Log(w) - (v+h*s)/(h*w)*math.Log(g) - (v-g*s)/(g*w)*math.Log(h) +
		logIncompleteBeta((m.r+v-g*s)/(g*w), (m.r+v+h*s)/(h*w), m.x) - m.constant
}

func (m betaBinomial) Bound(v, alpha float64) float64 {
	// v/(g h) increments of at most h.
	return mixtureBound(m, v, alpha, v/m.g)
}

// mixtureBound solves LogE(s, v) = ln(1/alpha) for s between 0 and most. LogE
// rises with s there.
func mixtureBound(m Mixture, v, alpha, most float64) float64 {
	target := -math.Log(alpha)
	miss := func(s float64) float64 { return m.LogE(s, v) - target }
	if !(v >= 0 && target >= 0) || math.IsNaN(miss(0)) {
		return math.NaN()
	}
	high := min(math.Sqrt(v)+1, most)
	for range 1000 {
		if high == most || miss(high) >= 0 {
			break
		}
		high = min(2*high, most)
	}
	return solve(0, high, miss)
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// gammaP and gammaQ are the regularized incomplete gamma functions, NaN out of
// their range instead of a panic.
func gammaP(a, x float64) float64 {
	if !(a > 0 && x >= 0) {
		return math.NaN()
	}
	return mathext.GammaIncReg(a, x)
}

func gammaQ(a, x float64) float64 {
	if !(a > 0 && x >= 0) {
		return math.NaN()
	}
	return mathext.GammaIncRegComp(a, x)
}

func logBeta(a, b float64) float64 { return lgamma(a) + lgamma(b) - lgamma(a+b) }

// logIncompleteBeta returns the log of the incomplete beta function that is not
// regularized.
func logIncompleteBeta(a, b, x float64) float64 {
	if !(a > 0 && b > 0) {
		return math.NaN()
	}
	if x == 1 {
		return logBeta(a, b)
	}
	return math.Log(mathext.RegIncBeta(a, b, x)) + logBeta(a, b)
}
