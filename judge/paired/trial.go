package paired

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
	"github.com/judged-dev/judged/judge/longrun"
	"github.com/judged-dev/judged/judge/sequential"
)

// trial judges stretches of differences of one sample.
type trial struct {
	judge  Judge
	sample judge.Sample
	// usable intervals of the sample.
	usable  int
	history *segment
	scale   scale
	// offset: the history's difference is subtracted.
	offset bool
	// carriers, below 1: too few intervals carry the signal.
	carriers float64
	// read are the limits as the user reads them, limits those on the scale.
	read, limits verdict.Limits
	alpha        float64
}

// run judges the differences d into f, overwriting pseudo and scratch. note
// ends the reason.
func (t trial) run(f *judge.Finding, d, pseudo, scratch []float64, note string) {
	window := newSegment(d, pseudo, scratch, t.offset)
	if t.judge.Noise != AR1 && !window.exact {
		window.cosine = longrun.EWC(pseudo[:len(d)])
	}
	t.decide(f, window, note)
}

// decide judges a window.
func (t trial) decide(f *judge.Finding, window segment, note string) {
	l := t.judge.locate(window, t.history, t.offset)
	f.Effect.Estimate = t.scale.effect(l.value)
	f.Effect.Low, f.Effect.High = t.scale.effect(math.Inf(-1)), math.Inf(1)
	f.EffectiveN, f.Needed = l.effective, 0
	switch {
	case (l.n < minPairs || t.carriers < 1) && t.apart(f):
	case l.n < minPairs:
		t.tooFew(f, minPairs, fmt.Sprintf("%d of the %d intervals with data on both sides that are needed", l.n, minPairs))
	case l.exact:
		t.exact(f, l)
	case l.effective < minEffective && !(t.history != nil && t.judge.Calibration == Cautious && l.df >= minEffective):
		// A long history tells what noise to expect, even where the window is
		// worth few independent points; averaging both, it tells too little.
		// The limit of Inflation for long windows: it grows with the window.
		needed := math.Ceil(minEffective * (1 + l.rho) / (1 - l.rho))
		t.tooFew(f, int(needed), fmt.Sprintf("autocorrelation too strong: %d intervals are worth %.1f independent ones of the %d that are needed",
			l.n, l.effective, minEffective))
	case t.carriers < 1:
		f.Reason = "cannot tell: a few intervals carry almost everything, so the level means little"
	default:
		t.student(f, l, window, note)
	}
}

// tooFew finishes f without a test.
func (t trial) tooFew(f *judge.Finding, needed int, why string) {
	f.Needed = t.onGrid(needed)
	f.Reason = fmt.Sprintf("too early to tell: %s; %s to go", why,
		verdict.MoreIntervals(f.Needed, t.sample))
}

// onGrid turns a number of usable intervals into one of all intervals, if as
// many go missing as until now.
func (t trial) onGrid(n int) int {
	return int(math.Ceil(float64(n) * float64(len(t.sample.Baseline.Values)) / float64(t.usable)))
}

// student judges by Student's t.
func (t trial) student(f *judge.Finding, l location, window segment, note string) {
	q, se := t.quantile(t.alpha, l), l.stdErr()
	f.Effect.Low, f.Effect.High = t.scale.effect(l.value-q*se), t.scale.effect(l.value+q*se)
	narrow := f.Effect
	if pass := verdict.PassAlpha(t.sample); pass != t.alpha {
		q := t.quantile(pass, l)
		narrow.Low, narrow.High, narrow.Level = t.scale.effect(l.value-q*se), t.scale.effect(l.value+q*se), 1-pass
	}
	plain := t.read
	if a := t.allowance(l, window); a > 0 {
		t.read, t.limits = t.scale.widen(t.read, a)
	}
	above, below := 1.0, 1.0 // what TwoSided does not look at costs a microsecond
	if f.Signal.Direction != judge.Decrease {
		above = t.tail((l.value-t.limits.MarginHigh)/se, l)
	}
	if f.Signal.Direction != judge.Increase {
		below = t.tail((t.limits.MarginLow-l.value)/se, l)
	}
	f.PValue = verdict.TwoSided(above, below, f.Signal.Direction)
	t.read.SettleApart(f, t.alpha, narrow)
	doubted := plain.Doubt(f)
	if doubted {
		note = join(note, "worse than the margin, though not beyond what this judge must exclude to FAIL")
	}
	if e, d := f.Effect, f.Signal.Direction; f.Verdict == judge.Inconclusive && t.history == nil &&
		(d != judge.Decrease && e.Low > plain.MarginHigh || d != judge.Increase && e.High < plain.MarginLow) {
		note = join(note, "worse by more than the margin, but unlike instances may differ as much: a history would tell, or assignment: randomized if they are alike")
	}
	if f.Verdict == judge.Fail && t.seenBefore(window) {
		f.Verdict, f.Classification = judge.Inconclusive, judge.Unclear
		verdict.AlignPValue(f, t.alpha)
		note = join(note, "the arms have differed as much before")
	}
	if f.Verdict == judge.Inconclusive && !doubted {
		f.Needed = t.onGrid(verdict.Outlook{
			Intervals: l.n, Estimate: l.value, Below: l.se, Above: l.se, Fixed: l.seHistory, Quantile: q,
		}.Needed(t.limits, f.Signal.Direction))
	}
	t.explain(f, note)
}

// quantile returns how many standard errors make half an interval.
func (t trial) quantile(alpha float64, l location) float64 {
	if t.judge.Monitoring == OpenEnded {
		return sequential.StudentMixture{}.Bound(alpha, l.df, l.effective)
	}
	return stat.StudentQuantile(alpha/2, l.df)
}

// tail returns the one-sided p value of so many standard errors.
func (t trial) tail(errors float64, l location) float64 {
	if t.judge.Monitoring != OpenEnded {
		return stat.StudentTail(errors, l.df)
	}
	if !(errors > 0) {
		return 0.5
	}
	return sequential.P(sequential.StudentMixture{}.LogE(errors, l.df, l.effective)) / 2
}

// exact judges a difference that is the same number in every interval, such
// as that of a configured limit. Without noise there is no standard error. What
// n equal signs are worth without one is the sign test: p = 2^(1-n), whose
// interval for the median is then the number itself (Conover 1999, 3.2 and 3.4).
// Equal readings may well be one reading repeated, so they are worth one.
func (t trial) exact(f *judge.Finding, l location) {
	f.EffectiveN = 1
	signTest := math.Ldexp(1, 1-l.n)
	if signTest > t.alpha {
		t.tooFew(f, int(math.Ceil(1-math.Log2(t.alpha))), fmt.Sprintf("%d equal differences leave a chance of %.2g", l.n, signTest))
		return
	}
	f.Effect.Low, f.Effect.High = f.Effect.Estimate, f.Effect.Estimate
	f.PValue = 1
	if l.value > t.limits.MarginHigh && f.Signal.Direction != judge.Decrease ||
		l.value < t.limits.MarginLow && f.Signal.Direction != judge.Increase {
		f.PValue = signTest
	}
	t.read.Settle(f, t.alpha)
	if l.value == 0 {
		f.Reason = fmt.Sprintf("identical: both sides agree in all %d intervals", l.n)
		return
	}
	verdict.Warn(f, "all %d intervals show the same difference, so there is no noise to test it against: a setting, or values rounded so far that the true change may be smaller", l.n)
	t.explain(f, "the same in every interval")
}

func (t trial) explain(f *judge.Finding, note string) {
	unit := t.sample.Signal.Unit
	if t.offset && t.history.Mean != 0 {
		note = join(note, "beyond the difference in the history, "+f.Effect.Format(t.scale.effect(t.history.Mean), unit))
	}
	verdict.Explain(f, t.sample, verdict.Account{Note: note})
}

func join(note, more string) string {
	if note == "" {
		return more
	}
	return note + "; " + more
}
