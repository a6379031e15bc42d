package judge

import "math"

// Classification is what the data show of one signal, whichever way is bad.
type Classification int

const (
	// Unclear: the interval is too wide to tell.
	Unclear Classification = iota
	// Similar: the whole interval lies inside the tolerance.
	Similar
	// High: the canary is higher by more than the margin.
	High
	// Low: the canary is lower by more than the margin.
	Low
	// NoData: one side has nothing to compare.
	NoData
	// Failed: the signal could not be judged; Reason says why.
	Failed
)

// Verdict is the answer, for one signal or for the whole release.
type Verdict int

const (
	// Inconclusive: the evidence does not decide. The zero value, so that
	// nothing passes by omission.
	Inconclusive Verdict = iota
	// Pass: not worse than the tolerance.
	Pass
	// Fail: worse than the margin.
	Fail
	// Error: no judgment was possible.
	Error
)

// Measure names the scale of an Effect.
type Measure string

// Measures of an Effect. All are ratios or differences canary against
// baseline.
const (
	// RatioOfLevels is canary level / baseline level; 1 is no change.
	RatioOfLevels Measure = "ratio"
	// Difference is canary level - baseline level in the signal's unit; used
	// where levels are zero or negative.
	Difference Measure = "difference"
	// RateRatio is the ratio of event rates (per exposure); 1 is no change.
	RateRatio Measure = "rate-ratio"
	// RatioOfTails is the ratio of the worst tenth of the intervals, beyond
	// that of the levels; 1 is no change.
	RatioOfTails Measure = "tail-ratio"
	// RatioOfSpreads is the ratio of the coefficients of variation; 1 is no
	// change.
	RatioOfSpreads Measure = "spread-ratio"
)

// Effect is how far the canary is from the baseline: a point estimate and a
// confidence interval. Low may be -Inf (or 0 for ratios) and High +Inf.
type Effect struct {
	Measure             Measure
	Estimate, Low, High float64
	// Level is the confidence level of [Low, High], e.g. 0.95.
	Level float64
}

// Null returns the value of no change: 1 for ratios, 0 for differences.
func (e Effect) Null() float64 {
	if e.Measure == Difference {
		return 0
	}
	return 1
}

// Summary describes one side after the judge's own cleaning.
type Summary struct {
	// Count is the number of intervals used, Missing those without data.
	Count, Missing int
	// Level is the side's typical value: median-like for a Gauge, events per
	// interval for a Count, events / total for a Ratio. NaN without data.
	Level               float64
	Mean, Min, Max, Std float64
	// Events and Total are set for Count and Ratio.
	Events, Total float64
}

// Finding is the result for one signal.
type Finding struct {
	Signal Signal
	// Judge is the name of the judge that made it.
	Judge string
	// Choice says why that judge, in words; whoever chose it fills it in.
	Choice         string
	Classification Classification
	// Verdict is the signal's own. Decide may soften a FAIL that the number
	// of signals explains by chance.
	Verdict          Verdict
	Baseline, Canary Summary
	Effect           Effect
	// PValue is two-sided for "the effect lies beyond the margin on the bad
	// side" (either side for Either): PValue <= Alpha exactly if the interval
	// lies beyond the margin. NaN where there is none.
	PValue float64
	// AdjustedPValue is PValue after Decide took the other signals into
	// account (Holm); NaN before.
	AdjustedPValue float64
	// Aspects are the ways in which a Panel looked at the signal, its lead
	// first; empty for a judge alone.
	Aspects []Aspect
	// Changes are the things that differ, worst first, where a signal is made of
	// many: log templates, operations. Their tests together are the finding's.
	Changes []Change
	// Overlooked is the share of the canary's units (requests) in which something new
	// could stand and not be found, for a signal made of many things. NaN for others.
	Overlooked float64
	// EffectiveN is the number of independent intervals the data are worth.
	EffectiveN float64
	// Needed is how many intervals in all would probably decide, 0 if
	// unknown or decided.
	Needed int
	// Reason is one plain sentence for a person.
	Reason string
	// Warnings are doubts about the data that did not stop the judge.
	Warnings []string
	// Evidence says where the numbers came from; whoever fetched them fills
	// it in.
	Evidence Evidence
}

// Aspect is what one judge of a Panel found.
type Aspect struct {
	// Judge is its name.
	Judge string
	// Effect is what it measured.
	Effect Effect
	// PValue is its p value after the panel's division.
	PValue float64
}

// Evidence is where a finding's data came from: the queries as they were
// sent, so that a person can ask them again.
type Evidence struct {
	Source                               string
	BaselineQuery, CanaryQuery           string
	BaselineTotalQuery, CanaryTotalQuery string
}

// NewFinding returns a Finding for s with every number that is not known yet
// set to NaN, so that a zero is never mistaken for a measurement.
func NewFinding(judge string, s Sample) Finding {
	nan := math.NaN()
	empty := Summary{Level: nan, Mean: nan, Min: nan, Max: nan, Std: nan}
	return Finding{
		Signal: s.Signal, Judge: judge,
		Baseline: empty, Canary: empty,
		Effect:         Effect{Estimate: nan, Low: nan, High: nan, Level: s.Level()},
		PValue:         nan,
		AdjustedPValue: nan,
		Overlooked:     nan,
	}
}
