package verdict

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// Limits are a signal's margins on the scale of an effect. An interval wholly
// above MarginHigh is High, wholly below MarginLow is Low; it passes while it
// stays within the tolerance on the bad side or sides.
type Limits struct {
	MarginLow, MarginHigh       float64
	ToleranceLow, ToleranceHigh float64
}

// RatioLimits returns the limits of s for an effect that is a ratio to a
// baseline of the given level (> 0). A margin m reaches from 1/(1+m) to 1+m:
// ratios are symmetric on the log scale, so that swapping the sides mirrors
// the verdict (as in bioequivalence, where 25 % means 0.80 to 1.25).
func RatioLimits(s judge.Signal, level float64) Limits {
	size := func(m judge.Margin) float64 { return max(m.Relative, m.Absolute/level) }
	margin, tolerance := 1+size(s.Margin), 1+size(Tolerance(s))
	return Limits{1 / margin, margin, 1 / tolerance, tolerance}
}

// DifferenceLimits returns the limits of s for an effect that is a difference
// from a baseline of the given level, in the signal's own unit.
func DifferenceLimits(s judge.Signal, level float64) Limits {
	size := func(m judge.Margin) float64 { return max(m.Relative*math.Abs(level), m.Absolute) }
	margin, tolerance := size(s.Margin), size(Tolerance(s))
	return Limits{-margin, margin, -tolerance, tolerance}
}

// Tolerance returns the tolerance of s, which is never narrower than the
// margin: what lies inside that is by definition nobody's concern.
func Tolerance(s judge.Signal) judge.Margin {
	return judge.Margin{
		Relative: max(s.Tolerance.Relative, s.Margin.Relative),
		Absolute: max(s.Tolerance.Absolute, s.Margin.Absolute),
	}
}

// Settle gives f the classification and the verdict that its effect's interval
// has earned under l:
//
//	High     the interval lies above the margin
//	Low      the interval lies below the margin
//	Similar  neither, and it lies within the tolerance on every bad side; the
//	         good side of a one-sided signal is unlimited
//	Unclear  the rest
//
// FAIL is High where an increase is bad, Low where a decrease is. PASS is
// Similar, and a change beyond the margin to the good side. The rest is
// INCONCLUSIVE.
//
// It calls AlignPValue.
func (l Limits) Settle(f *judge.Finding, alpha float64) { l.SettleApart(f, alpha, f.Effect) }

// SettleApart is Settle with an interval of its own for PASS, which f shows if
// it passes.
func (l Limits) SettleApart(f *judge.Finding, alpha float64, narrow judge.Effect) {
	e, bad := f.Effect, f.Signal.Direction
	high, low := e.Low > l.MarginHigh, e.High < l.MarginLow
	fail := high && bad != judge.Decrease || low && bad != judge.Increase
	pass := (bad == judge.Decrease || narrow.High <= l.ToleranceHigh) &&
		(bad == judge.Increase || narrow.Low >= l.ToleranceLow)

	switch {
	case fail:
		f.Verdict = judge.Fail
	case pass:
		f.Verdict = judge.Pass
		f.Effect = narrow
	default:
		f.Verdict = judge.Inconclusive
	}
	AlignPValue(f, alpha)
	switch {
	case high:
		f.Classification = judge.High
	case low:
		f.Classification = judge.Low
	case pass:
		f.Classification = judge.Similar
	default:
		f.Classification = judge.Unclear
	}
}

// AlignPValue makes PValue <= alpha hold exactly if f failed. P-value and
// interval come from a distribution function and its inverse, which rounding
// may set at odds in the last digits; the interval decides.
func AlignPValue(f *judge.Finding, alpha float64) {
	if f.Verdict == judge.Fail {
		f.PValue = min(f.PValue, alpha)
	} else if f.PValue <= alpha {
		f.PValue = math.Nextafter(alpha, 1)
	}
}

// TotalAlpha returns the error probability that s may spend over all looks,
// DefaultAlpha for 0.
func TotalAlpha(s judge.Sample) float64 {
	if s.Alpha == 0 {
		return judge.DefaultAlpha
	}
	return s.Alpha
}

// Alpha returns the error probability that s may spend at this look.
func Alpha(s judge.Sample) float64 { return atLook(s, TotalAlpha(s)) }

// Doubt takes back the PASS of f if the interval that it rests on lies beyond
// the margin of l, which may be narrower than what a FAIL had to clear: what is
// known to be worse than the margin does not pass, however much is tolerated.
// It reports whether it did.
func (l Limits) Doubt(f *judge.Finding) bool {
	e, bad := f.Effect, f.Signal.Direction
	if f.Verdict != judge.Pass || !(e.Low > l.MarginHigh && bad != judge.Decrease || e.High < l.MarginLow && bad != judge.Increase) {
		return false
	}
	f.Verdict, f.Classification = judge.Inconclusive, judge.Unclear
	return true
}

// ShareAlpha returns the error probability that a test may spend at this look
// if it has a share of what s may spend.
func ShareAlpha(s judge.Sample, share float64) float64 { return atLook(s, TotalAlpha(s)*share) }

// PassAlpha returns the error probability of the interval that a PASS of s
// rests on.
func PassAlpha(s judge.Sample) float64 {
	if s.PassAlpha <= 0 {
		return Alpha(s)
	}
	return atLook(s, s.PassAlpha)
}

func atLook(s judge.Sample, alpha float64) float64 {
	if s.Look == nil || !(alpha > 0 && alpha < 1) {
		return alpha
	}
	// A look that may spend nothing decides nothing, which no interval that is
	// finite in practice does.
	const nothing = 1e-100
	return max(s.Look(alpha), nothing)
}

// Widen returns limits of a ratio whose margins are wider by an allowance, a
// share of the level.
func (l Limits) Widen(allowance float64) Limits {
	l.MarginHigh *= 1 + allowance
	l.MarginLow /= 1 + allowance
	return l
}

// Map returns the limits on another scale; f must be increasing.
func (l Limits) Map(f func(float64) float64) Limits {
	return Limits{f(l.MarginLow), f(l.MarginHigh), f(l.ToleranceLow), f(l.ToleranceHigh)}
}

// TwoSided returns the two-sided p-value of an effect beyond the margin on the
// bad side, from the one-sided ones of an effect beyond the upper and the lower
// margin.
func TwoSided(above, below float64, bad judge.Direction) float64 {
	switch bad {
	case judge.Increase:
		return min(1, 2*above)
	case judge.Decrease:
		return min(1, 2*below)
	default:
		return min(1, 2*min(above, below))
	}
}
