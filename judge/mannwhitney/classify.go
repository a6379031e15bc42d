package mannwhitney

import (
	"fmt"
	"math"
	"sync"

	"github.com/judged-dev/judged/judge"
)

// Label is Kayenta's classification of one metric.
type Label string

// Labels of a metric. NodataFailMetric is missing data of a metric that must
// have some; Error is a comparison that failed, which Kayenta neither counts
// nor fails.
const (
	Pass             Label = "Pass"
	High             Label = "High"
	Low              Label = "Low"
	Nodata           Label = "Nodata"
	NodataFailMetric Label = "NodataFailMetric"
	Error            Label = "Error"
)

// Comparison holds the numbers of a test that was carried out. Kayenta keeps
// them to itself (kayenta#521).
type Comparison struct {
	Interval
	// Bound is what Lower must be above to be High, and -Bound what Upper must be
	// below to be Low: a quarter of the estimate's size.
	Bound float64
	// Effect is the effect size by the metric's own measure; NaN, which
	// passes every threshold, where there is none.
	Effect float64
	// Noise says that both sides were constant, so that noise was added.
	Noise bool
}

// Result is what the judge says about one pair.
type Result struct {
	// Name and Groups are the metric's.
	Name   string
	Groups []string
	Label  Label
	// Reason is Kayenta's wording, or empty.
	Reason string
	// Critical results fail the judgment unless their label is Pass.
	Critical bool
	// Muted results are not scored.
	Muted               bool
	Control, Experiment Stats
	// Ratio is mean(experiment) / mean(control), 1 where no comparison was
	// needed, and NaN where there is none. Kayenta reports it as the
	// deviation, but not for an Error.
	Ratio float64
	// Comparison is nil if none was needed or it failed.
	Comparison *Comparison
}

// criteria are what Kayenta's classifier takes as parameters and its judge
// fixes.
type criteria struct {
	// quantile of the normal distribution at which the interval ends.
	quantile float64
	// tolerance is the share of the estimate's size that the interval must be
	// away from 0.
	tolerance float64
}

var judgeCriteria = criteria{quantile: quantile98, tolerance: 0.25}

// worker holds the memory of one judgment.
type worker struct {
	criteria criteria
	sorter   sorter
	test     rankTest
	noise    gaussian
}

var workers = sync.Pool{New: func() any { return &worker{criteria: judgeCriteria} }}

// judge returns the result for one pair of a metric.
func (w *worker) judge(m *Metric, control, experiment []float64) (Result, error) {
	s := &m.Settings
	if s.Outliers == RemoveOutliers && !(s.OutlierFactor > 0) {
		return Result{}, fmt.Errorf("metric %q removes outliers by a factor of %v; the factor must be greater than zero", m.Name, s.OutlierFactor)
	}
	r := Result{Name: m.Name, Groups: m.Groups, Muted: s.Muted}
	x := w.transform(&w.test.x, experiment, s)
	y := w.transform(&w.test.y, control, s)
	r.Experiment, r.Control = summarize(x, y, w.test.x.ascending(), w.test.y.ascending())
	if err := w.classify(&r, s, x, y); err != nil {
		r.Label, r.Reason, r.Critical, r.Ratio = Error, "Metric Classification Failed", false, math.NaN()
	}
	return r, nil
}

// transform applies the settings to one side and sorts it. It returns the
// values that remain in their order.
func (w *worker) transform(side *sample, values []float64, s *Settings) []float64 {
	if side.sort(values, &w.sorter) {
		values = handleNaNs(values, s.NaN)
		side.sort(values, &w.sorter)
	}
	if s.Outliers == RemoveOutliers {
		low, high := outlierFences(side.ascending(), s.OutlierFactor)
		if side.keep(low, high) {
			values = dropOutliers(values, low, high)
		}
	}
	return values
}

// classify fills r with the outcome for the transformed experiment x and
// control y.
func (w *worker) classify(r *Result, s *Settings, x, y []float64) error {
	r.Ratio = 1
	constant := r.Experiment.Min == r.Experiment.Max && r.Control.Min == r.Control.Max
	switch {
	case len(x) == 0 || len(y) == 0:
		r.missing(s)
		return nil
	case w.test.x.equals(&w.test.y):
		r.Label, r.Reason = Pass, "The Canary and Baseline data are identical"
		return nil
	case constant && r.Experiment.Min == r.Control.Min:
		r.Label = Pass
		return nil
	}
	experiment, control := r.Experiment.Mean, r.Control.Mean
	if constant {
		x, y = w.noise.addNoise(x), w.noise.addNoise(y)
		w.test.x.sort(x, &w.sorter)
		w.test.y.sort(y, &w.sorter)
		experiment, control = means(x, y)
	}
	w.test.load(x, y)
	interval, err := w.test.interval(w.criteria.quantile)
	if err != nil {
		return err
	}
	r.Ratio = meanRatio(control, experiment)
	c := &Comparison{
		Interval: interval,
		Bound:    w.criteria.tolerance * math.Abs(interval.Estimate),
		Effect:   r.Ratio,
		Noise:    constant,
	}
	if s.Effect == CommonLanguage {
		c.Effect = w.test.commonLanguage()
	}
	r.Comparison = c
	r.decide(s)
	return nil
}

// missing labels a result of which one side is empty.
func (r *Result) missing(s *Settings) {
	if s.NaN == ReplaceNaN {
		r.Label = Pass
		return
	}
	r.Reason = "Missing data for " + r.Name
	if s.MustHaveData && !s.Critical {
		r.Label = NodataFailMetric
		return
	}
	r.Label, r.Critical = Nodata, s.Critical
}

// decide labels a result by its comparison.
func (r *Result) decide(s *Settings) {
	c := r.Comparison
	over := func(threshold float64) bool { return math.IsNaN(c.Effect) || c.Effect >= threshold }
	under := func(threshold float64) bool { return math.IsNaN(c.Effect) || c.Effect <= threshold }
	var critical bool
	switch {
	case s.Direction != judge.Decrease && c.Lower > c.Bound && over(s.Allowed.Increase):
		r.Label = High
		critical = over(s.CriticalEffect.Increase)
	case s.Direction != judge.Increase && c.Upper < -c.Bound && under(s.Allowed.Decrease):
		r.Label = Low
		critical = under(s.CriticalEffect.Decrease)
	default:
		r.Label = Pass
		return
	}
	r.Critical = s.Critical && critical
	if r.Critical {
		r.Reason = "The metric " + r.Name + " was classified as " + string(r.Label) + " (Critical)"
	} else {
		r.Reason = r.Name + " was classified as " + string(r.Label)
	}
}
