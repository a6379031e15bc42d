package backtest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
)

// kayenta is Kayenta's judge with its default settings, all metrics in one
// group, and the limits that Spinnaker puts on its score.
type kayenta struct {
	name string
	// fail is the score below which a case FAILs, pass the score from which it
	// PASSes.
	fail, pass float64
}

func parseKayenta(spec, value string) (Judge, error) {
	low, high, two := strings.Cut(value, "/")
	if !two {
		high = low
	}
	k := kayenta{name: spec}
	var err1, err2 error
	k.fail, err1 = strconv.ParseFloat(low, 64)
	k.pass, err2 = strconv.ParseFloat(high, 64)
	if err1 != nil || err2 != nil || !(0 <= k.fail && k.fail <= k.pass && k.pass <= 100) {
		return nil, fmt.Errorf("judge %q: %q are no scores from 0 to 100, such as kayenta=95 or kayenta=75/95", spec, value)
	}
	return k, nil
}

func (k kayenta) Name() string { return k.name }

const group = "metrics"

// Judge implements Judge.
func (k kayenta) Judge(inputs []analysis.Input) Outcome {
	config := mannwhitney.Config{
		Metrics: make([]mannwhitney.Metric, len(inputs)),
		Weights: []mannwhitney.GroupWeight{{Group: group, Weight: 100}},
		Pass:    k.pass, Marginal: k.fail,
	}
	pairs := make([]mannwhitney.Pair, len(inputs))
	for i := range inputs {
		s := &inputs[i].Sample
		settings := mannwhitney.DefaultSettings(mannwhitney.MeanRatio)
		settings.Direction = s.Signal.Direction
		config.Metrics[i] = mannwhitney.Metric{Name: s.Signal.Name, Groups: []string{group}, Settings: settings}
		pairs[i] = mannwhitney.Pair{Metric: s.Signal.Name, Control: rates(s.Baseline), Experiment: rates(s.Canary)}
	}
	j, err := config.Judge(pairs)
	if err != nil {
		return Outcome{Verdict: judge.Error, Findings: []judge.Finding{failed(inputs, err)}}
	}
	o := Outcome{Score: j.Score.Value, Suspicion: 100 - j.Score.Value, Findings: make([]judge.Finding, len(inputs))}
	switch j.Score.Classification {
	case mannwhitney.ScoreFail:
		o.Verdict = judge.Fail
	case mannwhitney.ScorePass:
		o.Verdict = judge.Pass
	default:
		o.Verdict = judge.Inconclusive
	}
	for i, r := range j.Results {
		o.Findings[i] = kayentaFinding(inputs[i].Sample, r)
	}
	return o
}

// rates are a side's values, per unit of exposure where there is one.
func rates(s judge.Side) []float64 {
	if s.Totals == nil {
		return s.Values
	}
	out := make([]float64, len(s.Values))
	for i, v := range s.Values {
		out[i] = math.NaN()
		if s.Totals[i] > 0 {
			out[i] = v / s.Totals[i]
		}
	}
	return out
}

func kayentaFinding(s judge.Sample, r mannwhitney.Result) judge.Finding {
	f := judge.NewFinding(mannwhitney.Name, s)
	f.Effect.Measure, f.Effect.Level = judge.Difference, mannwhitney.Level
	if c := r.Comparison; c != nil {
		f.Effect.Estimate, f.Effect.Low, f.Effect.High = c.Estimate, c.Lower, c.Upper
	}
	f.Reason = r.Reason
	switch r.Label {
	case mannwhitney.Pass:
		f.Classification, f.Verdict = judge.Similar, judge.Pass
	case mannwhitney.High:
		f.Classification, f.Verdict = judge.High, judge.Fail
	case mannwhitney.Low:
		f.Classification, f.Verdict = judge.Low, judge.Fail
	case mannwhitney.Nodata:
		f.Classification, f.Verdict = judge.NoData, judge.Inconclusive
	case mannwhitney.NodataFailMetric:
		f.Classification, f.Verdict = judge.NoData, judge.Fail
	default:
		f.Classification, f.Verdict = judge.Failed, judge.Error
	}
	return f
}

// failed is the finding of a case that could not be judged as a whole.
func failed(inputs []analysis.Input, err error) judge.Finding {
	f := judge.NewFinding(mannwhitney.Name, inputs[0].Sample)
	f.Classification, f.Verdict, f.Reason = judge.Failed, judge.Error, err.Error()
	return f
}
