package rates

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// AtMost returns the upper end of the interval at level 1-alpha of the
// difference of two rates, to - from: the exact Poisson bounds of both arms,
// tempered by phi, combined by MOVER, the method of variance estimates recovery
// (Newcombe 1998; Zou, Donner 2008). Without events on either side it is the
// exact upper bound of the rate of to. A share of a total is taken for Poisson
// as well, which widens the interval by up to 1/sqrt(1-share).
func AtMost(to, from Arm, phi, alpha float64) float64 {
	high := stat.PoissonHigh(to.Events/phi, alpha/2) * phi / to.Exposure
	low := stat.PoissonLow(from.Events/phi, alpha/2) * phi / from.Exposure
	return to.Rate() - from.Rate() + math.Hypot(high-to.Rate(), from.Rate()-low)
}

// ratioOf returns the rate ratio that a rise by delta > 0 from arm to arm
// stands for: 1 + delta/rate, with the rate of the first arm that is most
// likely if the rise is exactly delta (Farrington, Manning 1990, for Poisson
// counts). So a baseline without events still has a level to rise from, and a
// few events that the rise alone explains give +Inf: no ratio is beyond it.
func ratioOf(delta float64, from, to Arm) float64 {
	// The likelihood's derivative x/q + y/(q+delta) = W leads to
	// W q^2 + (W delta - x - y) q - x delta = 0.
	total := from.Exposure + to.Exposure
	excess := total*delta - from.Events - to.Events
	root := math.Sqrt(excess*excess + 4*total*from.Events*delta)
	var rate float64
	if excess > 0 {
		// The usual form of the root would cancel here.
		rate = 2 * from.Events * delta / (excess + root)
	} else {
		rate = (root - excess) / (2 * total)
	}
	return 1 + delta/rate
}
