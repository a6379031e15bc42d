package rates

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
	"github.com/judged-dev/judged/judge/sequential"
)

// alarmShare of the error is for the alarm where a window is judged again and
// again: the early looks of a group-sequential test ask for so much that a flood
// of errors would wait for the later ones, while an e-process may stop whenever
// it is reached (docs/statistics.md).
const alarmShare = 0.2

// alarm makes f FAIL if the e-process of the events so far has reached what it
// takes against every rate ratio up to the margin. It has a share of the error
// of its own, whatever the looks were.
func (c *comparison) alarm(f *judge.Finding, limits verdict.Limits) bool {
	threshold := math.Log(2 / (alarmShare * verdict.TotalAlpha(c.sample)))
	bad := f.Signal.Direction
	up := bad != judge.Decrease && c.logE(limits.MarginHigh, false) >= threshold
	down := !up && bad != judge.Increase && c.logE(1/limits.MarginLow, true) >= threshold
	switch {
	case up:
		f.Effect.Low = max(f.Effect.Low, c.reached(limits.MarginHigh, f.Effect.Estimate, false, threshold))
		f.Classification = judge.High
	case down:
		f.Effect.High = min(f.Effect.High, 1/c.reached(1/limits.MarginLow, 1/f.Effect.Estimate, true, threshold))
		f.Classification = judge.Low
	default:
		return false
	}
	f.Effect.Low = min(f.Effect.Low, f.Effect.Estimate)
	f.Effect.High = max(f.Effect.High, f.Effect.Estimate)
	f.Verdict = judge.Fail
	verdict.AlignPValue(f, c.alpha)
	return true
}

// logE returns the e-process against the rate ratio null, of the canary to the
// baseline or, swapped, of the baseline to the canary.
func (c *comparison) logE(null float64, swapped bool) float64 {
	if !(null > 0) || math.IsInf(null, 1) {
		return math.Inf(-1)
	}
	e := sequential.RateRatio{Null: null}
	for t, w := range c.weight {
		b, k := c.Baseline.events[t], c.Canary.events[t]
		if swapped {
			b, k, w = k, b, 1/w
		}
		e.Add(b, k, w)
	}
	return e.LogE(c.phi)
}

// reached returns the largest rate ratio that the e-process excludes, between
// one that it does and an estimate.
func (c *comparison) reached(excluded, estimate float64, swapped bool, threshold float64) float64 {
	low, high := math.Log(excluded), math.Log(max(min(estimate, 1e6), excluded))
	for range 30 {
		middle := low + (high-low)/2
		if c.logE(math.Exp(middle), swapped) >= threshold {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Exp(low)
}
