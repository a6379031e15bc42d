package stat

import (
	"math"
	"sync/atomic"

	"gonum.org/v1/gonum/mathext"
)

// likeNormal degrees of freedom are as good as infinitely many: the tails
// agree to nine digits (Abramowitz, Stegun 26.7.5).
const likeNormal = 1e10

// StudentTail returns P(T >= t) for Student's t with nu > 0 degrees of
// freedom, which need not be whole and may be +Inf. It keeps its relative
// precision in the far tail.
func StudentTail(t, nu float64) float64 {
	if !(nu > 0) || math.IsNaN(t) {
		return math.NaN()
	}
	if nu > likeNormal {
		return math.Erfc(t/math.Sqrt2) / 2
	}
	if math.IsInf(t, 0) {
		if t > 0 {
			return 0
		}
		return 1
	}
	// P(T >= |t|) = I_x(nu/2, 1/2)/2 at x = nu/(nu+t^2): Abramowitz, Stegun 26.7.1.
	tail := mathext.RegIncBeta(nu/2, 0.5, nu/(nu+t*t)) / 2
	if t < 0 {
		return 1 - tail
	}
	return tail
}

// StudentQuantile returns the t > 0 with P(T >= t) = tail, for 0 < tail < 1/2,
// and NaN for others.
//
// gonum's quantile inverts the incomplete beta function by bisection, which
// takes 15 us at 60 degrees of freedom; a judgment of 60 points takes less. Here
// the Cornish-Fisher expansion (Abramowitz, Stegun 26.7.5) is polished by
// Newton steps on log P against log t, which is concave: from any start they
// converge from one side.
func StudentQuantile(tail, nu float64) float64 {
	if !(nu > 0 && tail > 0 && tail < 0.5) {
		return math.NaN()
	}
	if nu != math.Trunc(nu) {
		return studentQuantile(tail, nu)
	}
	slot := &quantiles[(math.Float64bits(tail)^math.Float64bits(nu)>>32)*0x9e3779b97f4a7c15>>58]
	if q := slot.Load(); q != nil && q.tail == tail && q.nu == nu {
		return q.t
	}
	t := studentQuantile(tail, nu)
	slot.Store(&quantile{tail, nu, t})
	return t
}

// quantiles are the last ones at whole degrees of freedom. Those come again and
// again: every series without autocorrelation has as many as points but one, and
// all signals of a release share their error equally.
var quantiles [1 << 6]atomic.Pointer[quantile]

type quantile struct{ tail, nu, t float64 }

func studentQuantile(tail, nu float64) float64 {
	// Erfcinv loses its digits in the far tail and ends in +Inf, where the
	// bound of the normal tail, exp(-z^2/2), will do. The steps below restore them.
	z := min(math.Sqrt2*math.Erfcinv(2*tail), math.Sqrt(-2*math.Log(tail)))
	z3, z5 := z*z*z, z*z*z*z*z
	t := z + (z3+z)/(4*nu) + (5*z5+16*z3+3*z)/(96*nu*nu)
	density := newStudentDensity(nu)
	target := math.Log(tail)
	for range 20 {
		p := StudentTail(t, nu)
		// d log P / d log t = -t density / P
		step := (math.Log(p) - target) * p / (t * density.at(t))
		t *= math.Exp(step)
		if math.Abs(step) < 1e-13 {
			break
		}
	}
	return t
}

// studentDensity is that of Student's t, its constant computed once.
type studentDensity struct{ nu, logNorm float64 }

func newStudentDensity(nu float64) studentDensity {
	if nu > likeNormal {
		return studentDensity{nu: nu}
	}
	upper, _ := math.Lgamma((nu + 1) / 2)
	lower, _ := math.Lgamma(nu / 2)
	return studentDensity{nu, upper - lower - 0.5*math.Log(math.Pi*nu)}
}

func (d studentDensity) at(t float64) float64 {
	if d.nu > likeNormal {
		return math.Exp(-t*t/2) / math.Sqrt(2*math.Pi)
	}
	return math.Exp(d.logNorm - (d.nu+1)/2*math.Log1p(t*t/d.nu))
}
