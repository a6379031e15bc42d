package rates

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

const (
	// minIntervals are needed to see whether events come one by one or in
	// bursts; fewer give no variance and autocorrelation worth the name.
	minIntervals = 5
	// minHistory is the shortest history that is used, as in judge/paired.
	minHistory = 20
	// priorDF is how many intervals' worth of evidence for independent events
	// there is before any data.
	priorDF = 2
	// likeChance is a dispersion that independent events often show.
	likeChance = 1.5
	// mostEvidence bounds the number of independent events that an interval
	// may rest on. 10^8 give a rate ratio to within 0.04 %; beyond some 10^10
	// the inverse of the incomplete beta function loses its digits.
	mostEvidence = 1e8
)

// Compare judges s.
func (k Kind) Compare(s judge.Sample) judge.Finding {
	f := judge.NewFinding(k.Judge, s)
	f.Effect.Measure = judge.RateRatio
	if !verdict.Screen(&f, s) {
		return f
	}
	if k.Share && s.Baseline.Totals == nil {
		verdict.Refuse(&f, "cannot judge a ratio without totals: give the total's query, or judge the events as a count")
		return f
	}
	d, err := k.Collect(s.Pair)
	if err != nil {
		verdict.Refuse(&f, "cannot judge: %v", err)
		return f
	}
	if d.Len() == 0 {
		verdict.NoData(&f, "no interval has data and traffic on both sides")
		return f
	}
	alpha := verdict.Alpha(s)
	if s.Look != nil {
		alpha = verdict.ShareAlpha(s, 1-alarmShare)
	}
	c := comparison{Data: d, kind: k, sample: s, alpha: alpha, offset: 1, uncertainty: 1, quantile: stat.StudentQuantile(alpha/2, math.Inf(1))}
	c.describe(&f)
	c.disperse(&f)
	f.Effect.Level = 1 - alpha
	switch {
	case d.Events() == 0:
		c.silent(&f)
	case d.Len() < minIntervals:
		c.early(&f)
	default:
		c.decide(&f)
	}
	return f
}

// comparison is what the steps of a judgment share.
type comparison struct {
	Data
	kind   Kind
	sample judge.Sample
	alpha  float64
	// burst is the measured dispersion, phi the one by which counts are
	// divided: at least 1, and widened for being an estimate.
	burst, phi float64
	// calibrated: a history was used.
	calibrated bool
	// offset is the ratio of the rates that the history showed, 1 if none was
	// taken out; uncertainty is by how much that enlarges the dispersion.
	offset, uncertainty float64
	// quantile is the normal one of the interval's level.
	quantile float64
}

func (c *comparison) describe(f *judge.Finding) {
	scratch := make([]float64, c.Len())
	c.Baseline.describe(&f.Baseline, scratch)
	c.Canary.describe(&f.Canary, scratch)
	if n := len(c.sample.Baseline.Values); c.Len() < n/2 {
		verdict.Warn(f, "only %d of %d intervals have data and traffic on both sides", c.Len(), n)
	}
	if c.fractions() {
		verdict.Warn(f, "some counts lie between 0 and 1: are they rates per second? the judge needs the events of each interval, increase() and not rate()")
	}
	if share := c.Events() / (c.Baseline.Exposure + c.Canary.Exposure); c.kind.Share && share > 0.5 {
		verdict.Warn(f, "the events are %s of the total: judge the rest instead, margins relative to so large a share mean little", judge.FormatPercent(share))
	}
}

// fractions reports whether an interval counts less than one event but not
// none, which no extrapolation yields.
func (c *comparison) fractions() bool {
	for _, arm := range []Arm{c.Baseline, c.Canary} {
		for _, events := range arm.events {
			if events > 0 && events < 0.9 {
				return true
			}
		}
	}
	return false
}

// disperse sets burst and phi: the larger dispersion of window and history,
// widened for being an estimate as Student's t widens a normal interval, and at
// least 1, because nothing promises that events are more regular than
// independent ones.
func (c *comparison) disperse(f *judge.Finding) {
	phi, df := shrink(c.Dispersion())
	if past, ok := c.history(f); ok {
		c.calibrated = true
		pastPhi, pastDF := shrink(past.Dispersion())
		// Each has lost one degree of freedom; together they lose one.
		phi, df = max(phi, pastPhi), df+pastDF+1-priorDF
		if c.sample.Assignment != judge.Randomized {
			c.subtract(past, max(phi, 1))
		}
	}
	c.burst = phi
	f.EffectiveN = float64(c.Len()) / max(phi, 1)
	widen := stat.StudentQuantile(c.alpha/2, df) / c.quantile
	c.phi = c.uncertainty * max(phi*widen*widen, 1, c.Events()/mostEvidence)
}

// shrink draws a dispersion towards that of independent events, as if so many
// more intervals had shown it: a dispersion from a handful of rare events would
// otherwise widen the interval by its own uncertainty.
func shrink(phi, df float64) (shrunk, freedom float64) {
	if math.IsInf(df, 1) {
		return phi, df
	}
	return (df*phi + priorDF) / (df + priorDF), df + priorDF
}

// subtract takes out the ratio of the rates that the history shows, as far as
// it shows one: unlike instances have had it before (differences-in-
// differences). The logarithm of the history's ratio is shrunk by
// 1 - variance/square (James, Stein 1961), and one that chance explains is not
// subtracted at all, which would only add noise. What is subtracted is
// itself uncertain by the history's variance, which enlarges the dispersion.
func (c *comparison) subtract(past Data, phi float64) {
	variance := func(d Data) float64 { return phi * (1/(d.Baseline.Events+0.5) + 1/(d.Canary.Events+0.5)) }
	n := past.Events()
	offset := math.Log(past.ratioAt((past.Canary.Events + 0.5) / (n + 1)))
	shrink := 1 - variance(past)/(offset*offset)
	// Less than two standard errors are no difference that instances had.
	if !(shrink > 1-1.0/4) || math.IsInf(offset, 0) {
		return
	}
	c.offset = math.Exp(shrink * offset)
	for t := range c.weight {
		c.weight[t] *= c.offset
	}
	c.least *= c.offset
	c.most *= c.offset
	c.Canary.Exposure *= c.offset
	c.uncertainty = 1 + shrink*variance(past)/variance(c.Data)
}

func (c *comparison) history(f *judge.Finding) (Data, bool) {
	if !verdict.UsableHistory(f, c.sample) {
		return Data{}, false
	}
	past, err := c.kind.Collect(*c.sample.History)
	switch {
	case err != nil:
		verdict.Warn(f, "history left out: %v", err)
	case past.Len() < minHistory:
		verdict.Warn(f, "history left out: it has %d usable intervals, fewer than %d", past.Len(), minHistory)
	case past.Events() > 0:
		return past, true
	}
	return Data{}, false
}

// decide judges the rate ratio.
func (c *comparison) decide(f *judge.Finding) {
	f.Effect.Estimate = c.Ratio()
	f.Effect.Low, f.Effect.High = c.Interval(c.phi, c.alpha)
	limits := c.limits()
	plain := limits
	limits = limits.Widen(c.allowance())
	above, _ := c.Tails(limits.MarginHigh, c.phi)
	_, below := c.Tails(limits.MarginLow, c.phi)
	f.PValue = verdict.TwoSided(above, below, f.Signal.Direction)

	account := verdict.Account{Note: c.events() + c.bursts() + c.before()}
	var more, less float64
	if verdict.Tolerance(f.Signal).Absolute > 0 {
		more, less = c.differences()
		limits, account.Tolerated = c.tolerate(*f, limits, more, less)
	}
	limits.SettleApart(f, c.alpha, c.narrow(*f))
	doubted := plain.Doubt(f)
	if f.Verdict == judge.Fail && c.fewBursts() {
		f.Verdict, f.Classification = judge.Inconclusive, judge.Unclear
		verdict.AlignPValue(f, c.alpha)
		account.Note += ", in so few bursts that the next may go the other way"
	} else if f.Verdict != judge.Fail && c.sample.Look != nil && c.alarm(f, limits) {
		account.Note += "; so many that no later look is needed"
	}
	if c.sample.Look != nil {
		f.PValue = min(1, f.PValue/(1-alarmShare))
		verdict.AlignPValue(f, verdict.Alpha(c.sample))
	}
	if f.Verdict == judge.Inconclusive && !doubted {
		f.Needed = c.needed(limits, more, less)
	}
	verdict.Explain(f, c.sample, account)
}

// narrow returns the effect with the interval that a PASS rests on.
func (c *comparison) narrow(f judge.Finding) judge.Effect {
	e := f.Effect
	if alpha := verdict.PassAlpha(c.sample); alpha != c.alpha {
		e.Low, e.High = c.Interval(c.phi, alpha)
		e.Level = 1 - alpha
	}
	return e
}

// fewBursts reports whether bursty events lie in so few intervals that their
// dispersion is not known.
func (c *comparison) fewBursts() bool {
	const bursty, enough = 20, 10
	return c.burst >= bursty && stat.Participation(c.total()) < enough
}

// total returns the events of both arms in each interval.
func (c *comparison) total() []float64 {
	all := make([]float64, c.Len())
	for t := range all {
		all[t] = c.Baseline.events[t] + c.Canary.events[t]
	}
	return all
}

// allowance returns what is added to the margin of counts because healthy
// instances differ.
func (c *comparison) allowance() float64 {
	if c.kind.Share || c.sample.Assignment == judge.Randomized {
		return 0
	}
	if c.calibrated {
		return verdict.DriftAllowance(verdict.TotalAlpha(c.sample))
	}
	// What the ratio varies by from interval to interval beyond chance.
	perInterval := c.Events() / float64(c.Len())
	allowance := verdict.OffsetAllowance(verdict.TotalAlpha(c.sample), math.Sqrt(4*max(c.burst-1, 0)/perInterval))
	if c.burst < likeChance {
		// This is how traffic that is split at random looks.
		allowance /= 2
	}
	return allowance
}

// differences returns by how much the canary's rate is more and less than the
// baseline's at most. What is not bad is not asked for, and +Inf.
func (c *comparison) differences() (more, less float64) {
	more, less = math.Inf(1), math.Inf(1)
	if c.sample.Signal.Direction != judge.Decrease {
		more = AtMost(c.Canary, c.Baseline, c.phi, c.alpha)
	}
	if c.sample.Signal.Direction != judge.Increase {
		less = AtMost(c.Baseline, c.Canary, c.phi, c.alpha)
	}
	return more, less
}

// limits returns the limits of the rate ratio, but for the absolute part of the
// tolerance. A change matters only beyond both parts of the margin, so the
// wider one counts.
func (c *comparison) limits() verdict.Limits {
	margin, tolerance := c.sample.Signal.Margin, verdict.Tolerance(c.sample.Signal)
	up, down := 1+margin.Relative, 1+margin.Relative
	if delta := margin.Absolute; delta > 0 {
		up = max(up, ratioOf(delta, c.Baseline, c.Canary))
		down = max(down, ratioOf(delta, c.Canary, c.Baseline))
	}
	return verdict.Limits{
		MarginLow: 1 / down, MarginHigh: up,
		ToleranceLow: 1 / (1 + tolerance.Relative), ToleranceHigh: 1 + tolerance.Relative,
	}
}

// tolerate opens the limits of the tolerance on the sides where the difference
// lies inside its absolute part. It says so if that is what lets f pass.
func (c *comparison) tolerate(f judge.Finding, l verdict.Limits, more, less float64) (opened verdict.Limits, words string) {
	delta := verdict.Tolerance(f.Signal).Absolute
	if more <= delta {
		if f.Effect.High > l.ToleranceHigh {
			words = fmt.Sprintf("at most %s more, within the tolerance of %s", c.difference(max(more, 0)), c.difference(delta))
		}
		l.ToleranceHigh = math.Inf(1)
	}
	if less <= delta {
		if f.Effect.Low < l.ToleranceLow {
			words = fmt.Sprintf("at most %s less, within the tolerance of %s", c.difference(max(less, 0)), c.difference(delta))
		}
		l.ToleranceLow = 0
	}
	return l, words
}

// needed returns the intervals in all after which the ratio or, with an
// absolute tolerance, the difference would decide, whichever is sooner. Half an event is added to each side, so
// that none has a logarithm.
func (c *comparison) needed(l verdict.Limits, more, less float64) int {
	b, k := c.Baseline.Events+0.5, c.Canary.Events+0.5
	se := math.Sqrt(c.phi * (1/b + 1/k))
	ratio := verdict.Outlook{
		Intervals: c.Len(), Quantile: c.quantile, Below: se, Above: se,
		Estimate: math.Log(k/b) - math.Log(c.Canary.Exposure/c.Baseline.Exposure),
	}.Needed(l.Map(math.Log), c.sample.Signal.Direction)

	delta := verdict.Tolerance(c.sample.Signal).Absolute
	if delta == 0 {
		return c.onGrid(ratio)
	}
	difference := c.Canary.Rate() - c.Baseline.Rate()
	pass := verdict.Outlook{
		Intervals: c.Len(), Quantile: c.quantile, Estimate: difference,
		Below: (less + difference) / c.quantile, Above: (more - difference) / c.quantile,
	}.Needed(verdict.Limits{
		MarginLow: math.Inf(-1), MarginHigh: math.Inf(1), ToleranceLow: -delta, ToleranceHigh: delta,
	}, c.sample.Signal.Direction)

	if ratio == 0 || pass > 0 && pass < ratio {
		ratio = pass
	}
	return c.onGrid(ratio)
}

// onGrid turns a number of usable intervals into one of all intervals, if as
// many go missing as until now.
func (c *comparison) onGrid(n int) int {
	return int(math.Ceil(float64(n) * float64(len(c.sample.Baseline.Values)) / float64(c.Len())))
}

// early reports too few intervals for a judgment.
func (c *comparison) early(f *judge.Finding) {
	f.Effect.Estimate, f.Effect.Low, f.Effect.High = c.Ratio(), 0, math.Inf(1)
	f.Needed = c.onGrid(minIntervals)
	f.Reason = fmt.Sprintf("too early to tell: only %s with data on both sides, %d are needed to see whether events come in bursts; %s to go",
		verdict.Count(c.Len(), "interval", "intervals"), minIntervals, verdict.MoreIntervals(f.Needed, c.sample))
}

// silent judges two sides without a single event: what can be said is how
// large their rates can be at most. So the effect is the difference, and only
// the absolute tolerance counts.
func (c *comparison) silent(f *judge.Finding) {
	more := AtMost(c.Canary, c.Baseline, c.phi, c.alpha)
	less := AtMost(c.Baseline, c.Canary, c.phi, c.alpha)
	f.Effect.Measure, f.Effect.Estimate, f.Effect.Low, f.Effect.High = judge.Difference, 0, -less, more
	f.PValue = 1
	l := verdict.DifferenceLimits(f.Signal, 0)
	l.Settle(f, c.alpha)
	delta := l.ToleranceHigh
	// The bound of a rate is inversely proportional to the exposure.
	worst, exposure := more, c.Canary.Exposure
	if f.Signal.Direction == judge.Decrease || f.Signal.Direction == judge.Either && less > more {
		worst, exposure = less, c.Baseline.Exposure
	}
	switch {
	case f.Verdict == judge.Pass:
		f.Reason = fmt.Sprintf("no events on either side%s: at most %s of difference, within the tolerance of %s", c.outOf(exposure), c.difference(worst), c.difference(delta))
	case delta > 0:
		f.Needed = c.onGrid(int(math.Ceil(float64(c.Len()) * worst / delta)))
		f.Reason = fmt.Sprintf("too early to tell: no events on either side%s; %s to exclude a difference of %s",
			c.outOf(exposure), verdict.MoreIntervals(f.Needed, c.sample), c.difference(delta))
		if c.kind.Share {
			f.Reason = fmt.Sprintf("%s, %s more of the total", f.Reason, judge.FormatNumber(exposure*(worst/delta-1)))
		}
	default:
		f.Reason = fmt.Sprintf("no events on either side%s, so there is no ratio to judge; give the tolerance an absolute part to let silence pass", c.outOf(exposure))
	}
}

// outOf says how much exposure stayed without events.
func (c *comparison) outOf(exposure float64) string {
	if c.kind.Share {
		return " out of " + judge.FormatNumber(exposure)
	}
	return " in " + verdict.Count(c.Len(), "interval", "intervals")
}

// events says how many there were: what an interval of rates rests on.
func (c *comparison) events() string {
	return fmt.Sprintf("%s events against %s", judge.FormatNumber(c.Canary.Events), judge.FormatNumber(c.Baseline.Events))
}

// difference writes a difference of rates in the unit of absolute margins.
func (c *comparison) difference(v float64) string {
	if c.kind.Share {
		return judge.FormatDifference(v, c.sample.Signal.DisplayUnit())
	}
	return c.rate(v)
}

// rate writes the rate of one side.
func (c *comparison) rate(v float64) string {
	switch {
	case c.kind.Share:
		return judge.FormatPercent(v)
	case c.sample.Baseline.Totals == nil:
		return judge.FormatNumber(v) + " per interval"
	default:
		return judge.FormatNumber(v) + " per unit of exposure"
	}
}

// before says what ratio the history showed, where it was taken out.
func (c *comparison) before() string {
	if math.Abs(math.Log(c.offset)) < 0.02 {
		return ""
	}
	e := judge.Effect{Measure: judge.RateRatio, Estimate: c.offset}
	return "; beyond the ratio in the history, " + e.Format(c.offset, "")
}

// bursts says that events come in bursts where that widens the interval
// noticeably.
func (c *comparison) bursts() string {
	if c.burst < 2 {
		return ""
	}
	return fmt.Sprintf("; events come in bursts: %s of them weigh as one", judge.FormatNumber(c.burst))
}
