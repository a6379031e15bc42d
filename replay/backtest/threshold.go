package backtest

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// threshold is the rule that most teams begin with: alert if the canary's mean
// is worse than the baseline's by a fixed factor, in any metric.
type threshold struct {
	name   string
	factor float64
}

func (t threshold) Name() string { return t.name }

// Judge implements Judge. The suspicion is the log of the worst ratio, so that
// its ROC curve is that of all factors.
func (t threshold) Judge(inputs []analysis.Input) Outcome {
	o := Outcome{Verdict: judge.Pass, Suspicion: math.Inf(-1), Findings: make([]judge.Finding, len(inputs))}
	failing, undecided, passing := 0, 0, 0
	for i := range inputs {
		f, worse := t.compare(inputs[i].Sample)
		o.Findings[i] = f
		switch f.Verdict {
		case judge.Fail:
			failing++
		case judge.Pass:
			passing++
		default:
			undecided++
			continue
		}
		o.Suspicion = max(o.Suspicion, worse)
	}
	o.Score = 100 * float64(passing) / float64(max(len(inputs), 1))
	switch {
	case failing > 0:
		o.Verdict = judge.Fail
	case undecided > 0:
		o.Verdict = judge.Inconclusive
	}
	if math.IsInf(o.Suspicion, -1) {
		o.Suspicion = 0
	}
	return o
}

// compare returns the finding of one metric and the log of how many times worse
// the canary's mean is.
func (t threshold) compare(s judge.Sample) (judge.Finding, float64) {
	f := judge.NewFinding("threshold", s)
	f.Effect.Measure = judge.RatioOfLevels
	baseline, canary := mean(s.Baseline), mean(s.Canary)
	f.Baseline.Level, f.Canary.Level = baseline, canary
	switch {
	case math.IsNaN(baseline) || math.IsNaN(canary):
		f.Classification, f.Reason = judge.NoData, "one side has no data"
		return f, 0
	case baseline < 0 || canary < 0:
		f.Reason = "a ratio of negative means says nothing"
		return f, 0
	}
	change := 0.0
	if baseline != canary {
		change = math.Log(canary / baseline)
	}
	f.Effect.Estimate = math.Exp(change)
	worse := change
	switch s.Signal.Direction {
	case judge.Decrease:
		worse = -change
	case judge.Either:
		worse = math.Abs(change)
	case judge.Increase:
	}
	if worse <= math.Log(t.factor) {
		f.Classification, f.Verdict = judge.Similar, judge.Pass
		f.Reason = "the means differ by less than the threshold"
		return f, worse
	}
	f.Classification, f.Verdict = judge.High, judge.Fail
	if change < 0 {
		f.Classification = judge.Low
	}
	f.Reason = fmt.Sprintf("the mean is worse by more than a factor of %v", t.factor)
	return f, worse
}

// mean is the mean of a side's values, per unit of exposure where there is one.
func mean(s judge.Side) float64 {
	sum, weight := 0.0, 0.0
	for i, v := range s.Values {
		switch {
		case math.IsNaN(v):
		case s.Totals == nil:
			sum += v
			weight++
		case !math.IsNaN(s.Totals[i]):
			sum += v
			weight += s.Totals[i]
		}
	}
	return sum / weight // NaN without data
}
