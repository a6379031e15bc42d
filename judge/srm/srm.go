package srm

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/rates"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "srm"

const (
	// minIntervals are needed to see how much the share varies by itself.
	minIntervals = 5
	// minHistory is the shortest history that is used, as in judge/paired.
	minHistory = 20
	// defaultMargin and defaultTolerance are relative to the smaller share.
	defaultMargin, defaultTolerance = 0.10, 0.25
	// defaultClients is few: a canary behind a load balancer with keep-alive
	// connections from some other services sees hardly more.
	defaultClients = 200
	// mostEvidence bounds what an interval may rest on, as in judge/internal/rates.
	mostEvidence = 1e8
)

// Judge compares the requests that two arms got with the share that they
// should get. The zero value expects equal shares.
type Judge struct {
	// Share of the traffic that the canary should get, in (0, 1); 0 counts as
	// one half. It is used where the sample has no totals.
	Share float64
	// Clients is the number of clients, sessions or connections, equal in size,
	// that are sent to an arm as a whole: what sticks to an arm is one draw, not
	// as many as its requests. 0 counts as 200. For clients of unequal size it is
	// the square of their requests' sum over the sum of their squares.
	Clients float64
	// Concentration is the k of the mixture; 0 counts as DefaultConcentration.
	Concentration float64
}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	f.Effect.Measure = judge.RateRatio
	if err := j.check(); err != nil {
		verdict.Refuse(&f, "cannot judge: %v", err)
		return f
	}
	if !verdict.Screen(&f, s) {
		if f.Classification == judge.NoData {
			explainSilence(&f, s)
		}
		return f
	}
	s = j.weighted(s)
	kind := rates.Kind{Judge: Name}
	d, err := kind.Collect(s.Pair)
	if err != nil {
		verdict.Refuse(&f, "cannot judge: %v", err)
		return f
	}
	describe(&f.Baseline, s.Baseline)
	describe(&f.Canary, s.Canary)
	if d.Len() == 0 || d.Events() == 0 {
		verdict.NoData(&f, "no traffic on either side in %s", verdict.Count(len(s.Baseline.Values), "interval", "intervals"))
		return f
	}
	c := check{judge: j, sample: s, data: d, alpha: verdict.Alpha(s)}
	c.quantile = stat.StudentQuantile(c.alpha/2, math.Inf(1))
	if !(c.quantile > 0) {
		c.quantile = 0 // an alpha of nearly 1 promises nothing
	}
	c.run(&f)
	return f
}

// check says which option makes no sense.
func (j Judge) check() error {
	switch {
	case j.Share != 0 && !(j.Share >= leastShare && j.Share <= 1-leastShare):
		return fmt.Errorf("the canary's share must lie between 0 and 1, got %v", j.Share)
	case j.Clients != 0 && !(j.Clients >= 1):
		return fmt.Errorf("the number of clients must be at least 1, got %v", j.Clients)
	case j.Concentration != 0 && !(j.Concentration >= 1e-3 && j.Concentration <= 1e9):
		return fmt.Errorf("the concentration must lie between 0.001 and 10^9, got %v", j.Concentration)
	}
	return nil
}

// weighted gives s the judge's share as totals where it has none.
func (j Judge) weighted(s judge.Sample) judge.Sample {
	if s.Baseline.Totals != nil || j.Share == 0 || j.Share == 0.5 {
		return s
	}
	s.Pair = j.weightedPair(s.Pair)
	if s.History != nil && s.History.Baseline.Totals == nil && s.History.Canary.Totals == nil {
		past := j.weightedPair(*s.History)
		s.History = &past
	}
	return s
}

func (j Judge) weightedPair(p judge.Pair) judge.Pair {
	constant := func(v float64, n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = v
		}
		return x
	}
	p.Baseline.Totals = constant(1-j.Share, len(p.Baseline.Values))
	p.Canary.Totals = constant(j.Share, len(p.Canary.Values))
	return p
}

// explainSilence says of sides without data what that means for traffic.
func explainSilence(f *judge.Finding, s judge.Sample) {
	requests := 0.0
	for i, v := range s.Baseline.Values {
		if s.Baseline.Totals == nil || len(s.Baseline.Totals) == len(s.Baseline.Values) {
			if s.Baseline.Has(i) {
				requests += max(v, 0)
			}
		}
	}
	if requests > 0 {
		f.Reason = fmt.Sprintf("no traffic reached the canary, or nobody counted it: it has no data, while the baseline got %s requests", judge.FormatNumber(requests))
	}
}

// describe fills a side's summary with requests per interval.
func describe(to *judge.Summary, side judge.Side) {
	values := make([]float64, 0, len(side.Values))
	for i, v := range side.Values {
		if side.Has(i) {
			values = append(values, v)
			to.Events += v
			to.Total += weight(side, i)
		}
	}
	m := stat.Describe(values)
	to.Count, to.Level = len(values), m.Mean
	to.Mean, to.Min, to.Max, to.Std = m.Mean, m.Min, m.Max, m.Std
}

func weight(side judge.Side, i int) float64 {
	if side.Totals == nil {
		return 1
	}
	return side.Totals[i]
}

// check is what the steps of a judgment share.
type check struct {
	judge    Judge
	sample   judge.Sample
	data     rates.Data
	alpha    float64
	quantile float64
	evidence evidence
	// canary and baseline are requests, expected the canary's share of them.
	canary, baseline, expected float64
}

func (c *check) run(f *judge.Finding) {
	burst, phi := c.disperse(f)
	k := c.judge.Concentration
	if k == 0 {
		k = DefaultConcentration
	}
	c.evidence = weigh(c.sample.Pair, phi, k)
	c.canary, c.baseline, c.expected = c.evidence.requests()
	f.EffectiveN = float64(c.data.Len()) / max(burst, 1)

	estimate := math.Log(c.data.Ratio())
	if c.data.Len() < minIntervals {
		f.Effect.Estimate, f.Effect.Low, f.Effect.High = c.data.Ratio(), 0, math.Inf(1)
		f.Needed = c.onGrid(minIntervals)
		f.Reason = fmt.Sprintf("too early to tell: %s; only %s with data and weight on both sides, %d are needed to see how much the split varies by itself",
			c.split(), verdict.Count(c.data.Len(), "interval", "intervals"), minIntervals)
		return
	}
	c.evidence.fit(estimate)
	low, high := c.evidence.interval(c.alpha)
	f.Effect.Estimate, f.Effect.Low, f.Effect.High = math.Exp(estimate), math.Exp(low), math.Exp(high)
	limits := c.limits()
	f.PValue = c.pValue(limits, estimate, f.Signal.Direction)
	limits.Settle(f, c.alpha)
	if f.Verdict == judge.Inconclusive {
		f.Needed = c.needed(limits, low, high)
	}
	c.explain(f, limits, burst)
}

// disperse returns the larger dispersion of window and history, as it is and
// widened for being an estimate, as judge/internal/rates does.
func (c *check) disperse(f *judge.Finding) (burst, phi float64) {
	burst, df := dispersion(c.data, c.sample.Pair)
	if verdict.UsableHistory(f, c.sample) {
		past, err := (rates.Kind{Judge: Name}).Collect(*c.sample.History)
		switch {
		case err != nil:
			verdict.Warn(f, "history left out: %v", err)
		case past.Len() < minHistory:
			verdict.Warn(f, "history left out: it has %d usable intervals, fewer than %d", past.Len(), minHistory)
		case past.Events() > 0:
			pastBurst, pastDF := dispersion(past, *c.sample.History)
			burst, df = max(burst, pastBurst), df+pastDF+1
		}
	}
	phi = burst
	if c.quantile > 0 {
		widen := stat.StudentQuantile(c.alpha/2, df) / c.quantile
		phi *= widen * widen
	}
	return burst, max(phi, 1, c.data.Events()/mostEvidence)
}

// limits returns those of the rate ratio: the signal's, or where it has none
// those of the package comment.
func (c *check) limits() verdict.Limits {
	signal := c.sample.Signal
	small := min(c.expected, 1-c.expected)
	clients := c.judge.Clients
	if clients == 0 {
		clients = defaultClients
	}
	margin := (1 + defaultMargin) * math.Exp(c.quantile*math.Sqrt((1-small)/(small*clients)))
	marginDown, marginUp := c.ratios(small, margin)
	toleranceDown, toleranceUp := c.ratios(small, max(margin, 1+defaultTolerance))
	if own := c.relative(signal.Margin); own > 0 {
		marginDown, marginUp = 1/(1+own), 1+own
		// A tolerance is at least the margin; more is for the signal to say.
		toleranceDown, toleranceUp = marginDown, marginUp
	}
	if own := c.relative(verdict.Tolerance(signal)); own > 0 {
		toleranceDown, toleranceUp = min(1/(1+own), marginDown), max(1+own, marginUp)
	}
	return verdict.Limits{MarginLow: marginDown, MarginHigh: marginUp, ToleranceLow: toleranceDown, ToleranceHigh: toleranceUp}
}

// relative returns a margin as a fraction of the rate. An absolute part is in
// requests per interval.
func (c *check) relative(m judge.Margin) float64 {
	part := 0.0
	if mean := c.baseline / float64(c.data.Len()); m.Absolute > 0 && mean > 0 {
		part = m.Absolute / mean
	}
	return min(max(m.Relative, part), math.MaxFloat64/4)
}

// ratios returns the rate ratios at which the smaller share is small/factor and
// small*factor.
func (c *check) ratios(small, factor float64) (down, up float64) {
	odds := func(p float64) float64 { return p / (1 - p) }
	down = odds(small/factor) / odds(small)
	up = math.Inf(1)
	if large := small * factor; large < 1 {
		up = odds(large) / odds(small)
	}
	if c.expected > 0.5 {
		return 1 / up, 1 / down
	}
	return down, up
}

// pValue returns 1 over the e-value of the margin's end on the bad side.
func (c *check) pValue(l verdict.Limits, estimate float64, bad judge.Direction) float64 {
	p := 1.0
	if high := math.Log(l.MarginHigh); estimate > high && bad != judge.Decrease {
		p = min(p, math.Exp(-c.evidence.logEValue(high)))
	}
	if low := math.Log(l.MarginLow); estimate < low && bad != judge.Increase {
		p = min(p, math.Exp(-c.evidence.logEValue(low)))
	}
	return p
}

// needed returns the intervals in all that would probably decide.
func (c *check) needed(l verdict.Limits, low, high float64) int {
	// Half a request more on each side, so that none has a logarithm.
	n, b := c.canary/c.evidence.phi+0.5, c.baseline/c.evidence.phi+0.5
	se := math.Sqrt(1/n + 1/b)
	estimate := math.Log(n/b) - math.Log(c.expected/(1-c.expected))
	// The confidence sequence narrows a little more slowly than a fixed
	// interval; its present width says how wide it is in standard errors.
	quantile := math.Sqrt(2*math.Log(1/c.alpha) + math.Log1p(n+b))
	if width := high - low; !math.IsInf(width, 0) {
		quantile = width / 2 / se
	}
	return c.onGrid(verdict.Outlook{Intervals: c.data.Len(), Estimate: estimate, Below: se, Above: se, Quantile: quantile}.
		Needed(l.Map(math.Log), c.sample.Signal.Direction))
}

// onGrid turns a number of usable intervals into one of all intervals, if as
// many go missing as until now.
func (c *check) onGrid(n int) int {
	return int(math.Ceil(float64(n) * float64(len(c.sample.Baseline.Values)) / float64(c.data.Len())))
}
