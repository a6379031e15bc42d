package sequential

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// A Spending says how much of a tail's false-alarm probability alpha may be
// used up when the fraction t of the planned information is there. It rises
// from 0 at t = 0 to alpha at t = 1 (Lan, DeMets 1983). A two-sided design
// calls it with half of its alpha, once for both tails.
type Spending func(alpha, t float64) float64

// Power spends alpha t^rho, rho > 0 (Kim, DeMets 1987). rho = 1 spends evenly,
// 2 and 3 save more and more for the end.
func Power(rho float64) Spending {
	return func(alpha, t float64) float64 {
		if !(rho > 0) {
			return math.NaN()
		}
		return alpha * math.Pow(t, rho)
	}
}

// OBrienFleming spends 2 - 2 Phi(z_{alpha/2} / sqrt t): next to nothing early,
// so that the last look is nearly a test without looks (Lan, DeMets 1983).
func OBrienFleming(alpha, t float64) float64 {
	return 2 * stat.NormalTail(stat.NormalUpper(alpha/2)/math.Sqrt(t))
}

// Pocock spends alpha ln(1 + (e-1) t): about the same nominal level at every
// look (Lan, DeMets 1983).
func Pocock(alpha, t float64) float64 {
	return alpha * math.Log1p((math.E-1)*t)
}
