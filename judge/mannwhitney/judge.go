package mannwhitney

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
)

// Name of the judge in configs and results.
const Name = "mannwhitney"

// Options are the choices of a Judge.
type Options struct {
	// Settings are Kayenta's; nil is DefaultSettings(MeanRatio). Direction is
	// taken from each signal instead, and Critical, MustHaveData and Muted
	// have no meaning here.
	Settings *Settings
	// Seed is as in Config.
	Seed int64
}

// Judge is Kayenta's test of one metric as a judge.Judge. Use New.
type Judge struct {
	settings Settings
	seed     int64
}

var _ judge.Judge = Judge{}

// New returns a Judge.
//
// It keeps to Kayenta's rules, for those who want the decision that they are
// used to: it ignores which values belong to the same interval, the history,
// the signal's margins and the sample's Alpha, and takes all values for
// independent. If they were, at most 2 % of healthy canaries would be reported
// (either way); on autocorrelated series far more are.
//
// Its findings differ from Kayenta's results only where a finding has a fixed
// meaning: missing data are never a pass, and a failed comparison is an ERROR.
// PValue is NaN, as Kayenta computes none.
func New(o Options) Judge {
	j := Judge{settings: DefaultSettings(MeanRatio), seed: o.Seed}
	if o.Settings != nil {
		j.settings = *o.Settings
	}
	if j.seed == 0 {
		j.seed = DefaultSeed
	}
	return j
}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	f.Effect.Measure, f.Effect.Level = judge.Difference, Level

	m := Metric{Name: s.Signal.Name, Settings: j.settings}
	m.Settings.Direction = s.Signal.Direction
	m.Settings.Critical, m.Settings.MustHaveData, m.Settings.Muted = false, false, false
	w := workers.Get().(*worker) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer workers.Put(w)
	w.noise.seed(j.seed)
	r, err := w.judge(&m, levels(s.Baseline), levels(s.Canary))
	if err != nil {
		f.Classification, f.Verdict, f.Reason = judge.Failed, judge.Error, err.Error()
		return f
	}
	report(&f.Baseline, s.Signal.Kind, s.Baseline, r.Control)
	report(&f.Canary, s.Signal.Kind, s.Canary, r.Experiment)
	f.EffectiveN = float64(min(r.Control.Count, r.Experiment.Count))
	j.conclude(&f, r)
	return f
}

// levels returns a side's values, per unit of exposure where there is one.
func levels(s judge.Side) []float64 {
	if s.Totals == nil {
		return s.Values
	}
	rates := make([]float64, len(s.Values))
	for i, v := range s.Values {
		rates[i] = math.NaN()
		if i < len(s.Totals) && s.Totals[i] > 0 {
			rates[i] = v / s.Totals[i]
		}
	}
	return rates
}

// report fills a side's summary.
func report(to *judge.Summary, kind judge.Kind, side judge.Side, s Stats) {
	to.Count, to.Missing = s.Count, 0
	for i, v := range side.Values {
		total := 1.0
		if side.Totals != nil {
			total = math.NaN()
			if i < len(side.Totals) {
				total = side.Totals[i]
			}
		}
		if math.IsNaN(v) || !(total > 0) {
			to.Missing++
			continue
		}
		if kind != judge.Gauge {
			to.Events += v
			to.Total += total
		}
	}
	if s.Count == 0 {
		return
	}
	to.Mean, to.Min, to.Max, to.Std = s.Mean, s.Min, s.Max, s.Std
	switch kind {
	case judge.Gauge:
		to.Level = s.Median
	case judge.Count:
		to.Level = s.Mean
	default:
		to.Level = to.Events / to.Total
	}
}

// conclude turns Kayenta's result into the finding.
func (j Judge) conclude(f *judge.Finding, r Result) {
	unit := f.Signal.Unit
	if f.Signal.Kind == judge.Ratio {
		unit = "share"
	}
	c := r.Comparison
	if c != nil {
		// Where the search cannot resolve the data the bounds may cross.
		f.Effect.Estimate = c.Estimate
		f.Effect.Low = min(c.Lower, c.Upper, c.Estimate)
		f.Effect.High = max(c.Lower, c.Upper, c.Estimate)
		if spread := max(r.Control.Max, r.Experiment.Max) - min(r.Control.Min, r.Experiment.Min); spread < resolvable {
			f.Warnings = append(f.Warnings, fmt.Sprintf("all values lie within %s; Kayenta's search stops at %g, so use a smaller unit", judge.FormatValue(spread, unit), precision))
		}
		if c.Noise {
			f.Warnings = append(f.Warnings, fmt.Sprintf("both sides are constant; Kayenta's noise was added, with seed %d", j.seed))
		}
	}
	if f.EffectiveN < fewPoints {
		f.Warnings = append(f.Warnings, fmt.Sprintf("one side has %d values; below %d Kayenta warns that the result is less certain", int(f.EffectiveN), fewPoints))
	}
	// Kayenta passes missing data where NaN counts as 0.
	if r.Control.Count == 0 || r.Experiment.Count == 0 {
		f.Classification, f.Verdict = judge.NoData, judge.Inconclusive
		f.Reason = "no data " + missingSide(r)
		return
	}
	switch {
	case r.Label == Error:
		f.Classification, f.Verdict = judge.Failed, judge.Error
		f.Reason = "the test has no answer: " + errTied.Error()
	case r.Label == High:
		f.Classification, f.Verdict = judge.High, judge.Fail
		f.Reason = fmt.Sprintf("canary is higher than baseline by %s", interval(f.Effect, unit))
	case r.Label == Low:
		f.Classification, f.Verdict = judge.Low, judge.Fail
		f.Reason = fmt.Sprintf("canary is lower than baseline by %s", interval(f.Effect, unit))
	case c == nil:
		f.Classification, f.Verdict = judge.Similar, judge.Pass
		f.Effect.Estimate = 0
		f.Reason = "canary and baseline have the same values"
	default:
		f.Classification, f.Verdict = judge.Similar, judge.Pass
		f.Reason = fmt.Sprintf("no change that Kayenta's test reports: canary differs from baseline by %s", interval(f.Effect, unit))
	}
}

const (
	// resolvable is the spread below which the interval is off by more than
	// a tenth of it.
	resolvable = 10 * precision
	// fewPoints is the limit of Kayenta's own warning.
	fewPoints = 50
)

func missingSide(r Result) string {
	switch {
	case r.Control.Count > 0:
		return "for the canary"
	case r.Experiment.Count > 0:
		return "for the baseline"
	default:
		return "on either side"
	}
}

// interval words a difference: "12 ms (10 ms to 14 ms)".
func interval(e judge.Effect, unit string) string {
	return fmt.Sprintf("%s (%s to %s at %s confidence)",
		judge.FormatValue(e.Estimate, unit), judge.FormatValue(e.Low, unit), judge.FormatValue(e.High, unit),
		judge.FormatPercent(e.Level))
}
