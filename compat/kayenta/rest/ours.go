package rest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
	labels "github.com/judged-dev/judged/metrics"
)

// JudgeName is judged's own judgment under Kayenta's interface.
const JudgeName = "judged-v1.0"

// options are what judged reads of a metric's analysisConfigurations: Kayenta's own
// settings, and beside them "judged", which Kayenta ignores.
type options struct {
	Canary struct {
		Direction   string `json:"direction"`
		NaNStrategy string `json:"nanStrategy"`
		// Critical is true or not; what else it is, Kayenta's judge refuses.
		Critical json.RawMessage `json:"critical"`
	} `json:"canary"`
	Judged struct {
		// Kind is gauge or count.
		Kind string `json:"kind"`
		// Margin and Tolerance are shares: 0.05 for 5 %.
		Margin    *float64 `json:"margin"`
		Tolerance *float64 `json:"tolerance"`
	} `json:"judged"`
}

func optionsOf(m *kayenta.Metric) (options, error) {
	var of struct {
		AnalysisConfigurations options `json:"analysisConfigurations"`
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(text, &of)
	}
	o := of.AnalysisConfigurations
	switch {
	case err != nil:
	case o.Judged.Kind != "" && o.Judged.Kind != "gauge" && o.Judged.Kind != "count":
		err = fmt.Errorf("kind is %q, want gauge or count", o.Judged.Kind)
	case o.Judged.Margin != nil && !(*o.Judged.Margin >= 0 && *o.Judged.Margin <= 10), o.Judged.Tolerance != nil && !(*o.Judged.Tolerance >= 0 && *o.Judged.Tolerance <= 10):
		err = fmt.Errorf("margin and tolerance are shares of the control, from 0 to 10")
	case o.Judged.Margin != nil && o.Judged.Tolerance != nil && *o.Judged.Margin > *o.Judged.Tolerance:
		err = fmt.Errorf("margin is larger than tolerance, which is what a PASS must stay within")
	}
	if err != nil {
		return o, badRequest("Metric '%s': analysisConfigurations.judged: %v.", m.Name, err)
	}
	return o, nil
}

// judgeOurs judges pairs as judged does, and answers in Kayenta's words. Which
// settings fail a judgment, muting, tags and the statistics of the sides are those
// of Kayenta's judge; labels, reasons and the score are judged's.
//
// The score only tells the verdict: a PASS is 100, a FAIL is below the marginal
// threshold, and what is INCONCLUSIVE lies between both thresholds, off either
// for whoever compares whole numbers. Where nothing lies between, it is a FAIL's.
func judgeOurs(c *kayenta.Config, t *kayenta.Thresholds, pairs []kayenta.MetricSetPair) (*kayenta.Result, error) {
	result, err := kayenta.Judge(c, t, pairs, 0)
	if err != nil {
		return nil, err
	}
	result.JudgeName = JudgeName
	metrics := map[string]*kayenta.Metric{}
	for i := range c.Metrics {
		if m := &c.Metrics[i]; metrics[m.Name] == nil {
			metrics[m.Name] = m
		}
	}
	var inputs []analysis.Input
	judged := map[string]int{}   // the result of each signal
	read := map[string]options{} // of each metric, which may have many pairs
	for i := range pairs {
		r := &result.Results[i]
		o, known := read[r.Name]
		if !known {
			if o, err = optionsOf(metrics[r.Name]); err != nil {
				return nil, err
			}
			read[r.Name] = o
		}
		if r.Muted {
			continue
		}
		name := pairs[i].Name
		if len(pairs[i].Tags) > 0 {
			name += labels.Labels(pairs[i].Tags).String()
		}
		if _, taken := judged[name]; taken {
			name = fmt.Sprintf("%s (%d)", name, i+1)
		}
		judged[name] = i
		inputs = append(inputs, input(&pairs[i], name, o))
	}
	j := analysis.Judge(inputs, judge.DefaultAlpha)
	for _, f := range j.Findings {
		r := &result.Results[judged[f.Signal.Name]]
		r.Label, r.Reason, r.Critical = label(f), f.Reason, f.Signal.Critical && f.Verdict == judge.Fail
	}
	result.Groups = shares(result.Results, result.Groups)
	result.Score = mannwhitney.Score{Value: score(j.Verdict, *t.Pass, *t.Marginal), Reason: j.Summary}
	switch {
	case result.Score.Value >= *t.Pass:
		result.Score.Classification = mannwhitney.ScorePass
	case result.Score.Value >= *t.Marginal && j.Verdict != judge.Fail:
		result.Score.Classification = mannwhitney.ScoreMarginal
	default:
		result.Score.Classification = mannwhitney.ScoreFail
	}
	return result, nil
}

// input returns a pair as judged's judges take it.
func input(p *kayenta.MetricSetPair, name string, o options) analysis.Input {
	n := max(len(p.Control), len(p.Experiment))
	side := func(values []float64) judge.Side {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.NaN()
			if i < len(values) {
				out[i] = values[i]
			}
			if o.Canary.NaNStrategy == "replace" && math.IsNaN(out[i]) {
				out[i] = 0
			}
		}
		return judge.Side{Values: out}
	}
	signal := judge.Signal{Name: name, Critical: string(o.Canary.Critical) == "true", Direction: judge.Either}
	if o.Judged.Kind == "count" {
		signal.Kind = judge.Count
	}
	switch o.Canary.Direction {
	case "increase":
		signal.Direction = judge.Increase
	case "decrease":
		signal.Direction = judge.Decrease
	}
	if o.Judged.Margin != nil {
		signal.Margin.Relative = *o.Judged.Margin
	}
	if o.Judged.Tolerance != nil {
		signal.Tolerance.Relative = *o.Judged.Tolerance
	}
	return analysis.Input{Sample: judge.Sample{
		Signal: analysis.DefaultMargins(signal, analysis.Given{Margin: o.Judged.Margin != nil, Tolerance: o.Judged.Tolerance != nil}),
		Pair:   judge.Pair{Baseline: side(p.Control), Canary: side(p.Experiment)},
	}}
}

// label is a finding in Kayenta's words, which have none for what the evidence does
// not decide: it is Nodata, as no data that would.
func label(f judge.Finding) mannwhitney.Label {
	switch {
	case f.Verdict == judge.Pass:
		return mannwhitney.Pass
	case f.Verdict == judge.Fail && f.Classification == judge.Low:
		return mannwhitney.Low
	case f.Verdict == judge.Fail:
		return mannwhitney.High
	case f.Verdict == judge.Error:
		return mannwhitney.Error
	default:
		return mannwhitney.Nodata
	}
}

// shares returns the groups' scores: the percentage of results that pass, of those
// that were decided.
func shares(results []mannwhitney.Result, groups []mannwhitney.GroupScore) []mannwhitney.GroupScore {
	passed, counted := map[string]float64{}, map[string]float64{}
	for i := range results {
		r := &results[i]
		if r.Muted || r.Label == mannwhitney.Nodata || r.Label == mannwhitney.Error {
			continue
		}
		for _, group := range r.Groups {
			counted[group]++
			if r.Label == mannwhitney.Pass {
				passed[group]++
			}
		}
	}
	for i := range groups {
		g := &groups[i]
		g.NoData = counted[g.Group] == 0
		g.Value = 100 * passed[g.Group] / cmp.Or(counted[g.Group], 1)
	}
	return groups
}

// score says a verdict by a number that Orca (at most marginal fails) and Argo
// Rollouts (below marginal fails, on whole numbers) understand alike.
func score(v judge.Verdict, pass, marginal float64) float64 {
	failed := min(0, math.Ceil(marginal)-1)
	switch v {
	case judge.Pass:
		return max(100, pass)
	case judge.Fail:
		return failed
	default:
		if between := math.Floor((pass + marginal) / 2); between > marginal && between < pass {
			return between
		}
		return failed
	}
}
