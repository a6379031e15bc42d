package wire_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/compare"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// What a config says survives both ways.
func TestConfigBothWays(t *testing.T) {
	want := analysis.Config{
		Name:       "checkout",
		Scopes:     analysis.Scopes{Baseline: map[string]string{"v": "1"}, Canary: map[string]string{"v": "2"}},
		Schedule:   analysis.Schedule{Duration: time.Hour, Interval: time.Minute, LookEvery: 5 * time.Minute},
		Assignment: judge.Randomized,
		Traffic:    &analysis.Traffic{Source: "prom", Query: "requests", Share: 0.1, Critical: true},
		Metrics: []analysis.Metric{
			{Signal: judge.Signal{Name: "latency", Kind: judge.Distribution, Unit: "s", Direction: judge.Increase}, Source: "prom", Query: "buckets", SLO: 0.3},
			{Signal: judge.Signal{Name: "cpu"}, Source: "prom", Query: "cpu", Pods: "instance", Judge: "pods"},
			{Signal: judge.Signal{Name: "errors", Kind: judge.Ratio, Direction: judge.Increase}, Source: "prom", Query: "e", Total: "r", HasMargin: true},
		},
		Logs: []analysis.Log{{
			Signal: judge.Signal{Name: "log", Critical: true, Weight: 2}, Source: "loki", Query: `{app="shop"}`,
			Severity: compare.Severity{LevelsOnly: true, Pins: []compare.Pin{
				{Template: "00112233445566ff", As: judge.Ignored, By: "ann", Note: "noise", Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
				{Template: "10112233445566ff", As: judge.Grave},
			}},
			Tolerance: 0.1, Ratio: 3, Share: 0.2, SilenceFails: true, Redact: []string{"x+"},
		}},
		Alpha: 0.01,
	}
	if diff := cmp.Diff(want, wire.Config(wire.ConfigProto(want))); diff != "" {
		t.Errorf("(- sent, + came back)\n%s", diff)
	}
	plain := analysis.Config{Name: "plain"}
	if diff := cmp.Diff(plain, wire.Config(wire.ConfigProto(plain))); diff != "" {
		t.Errorf("(- sent, + came back)\n%s", diff)
	}
}

// What a judge found survives both ways, infinite and missing numbers too.
func TestResultBothWays(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f := judge.NewFinding("shape", judge.Sample{Signal: judge.Signal{Name: "latency", Kind: judge.Distribution, Direction: judge.Increase, Weight: 2}})
	f.Verdict, f.Classification, f.Reason, f.Needed = judge.Fail, judge.High, "it varies more", 90
	f.Choice = "as histograms: 12000 observations, without history"
	f.Effect = judge.Effect{Measure: judge.RatioOfSpreads, Estimate: 3.4, Low: 2.1, High: inf, Level: 0.975}
	f.PValue, f.EffectiveN = 0.001, 21
	f.Aspects = []judge.Aspect{
		{Judge: "paired", Effect: judge.Effect{Measure: judge.Difference, Estimate: 0.1, Low: -inf, High: 0.5, Level: 0.975}, PValue: 0.4},
		{Judge: "shape", Effect: f.Effect, PValue: 0.001},
		{Judge: "pods", Effect: judge.Effect{Estimate: nan, Low: -inf, High: inf}, PValue: nan},
	}
	f.Overlooked = 0.1
	f.Changes = []judge.Change{
		{
			Kind: judge.New, ID: "00112233445566ff", Name: "order <*> failed", Level: "error", Logger: "shop", Severity: judge.Serious, Why: "why",
			Baseline: judge.Tally{Exposure: 160}, Canary: judge.Tally{Events: 12, Exposure: 40},
			Effect: judge.Effect{Measure: judge.RateRatio, Estimate: inf, Low: 4, High: inf, Level: 0.95}, PValue: 1e-6, AdjustedPValue: 1e-4,
			FirstSeen: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Instances: []string{"web-1"}, InstanceCount: 3, Single: true, Was: "was",
			Excerpts: []judge.Excerpt{{Time: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Instance: "web-1", Trace: "abc", Text: "order 7 failed"}},
		},
		{Kind: judge.SlotShift, Severity: judge.Ignored, Effect: judge.Effect{Estimate: nan, Low: -inf, High: inf}, PValue: nan, AdjustedPValue: 0.01},
	}
	want := &analysis.Result{
		Judgment: judge.Judgment{Verdict: judge.Fail, Score: 50, Summary: "FAIL: no.", Reasons: []string{"no"}, Findings: []judge.Finding{f}, Alpha: 0.05},
		Config:   "checkout", Interval: time.Minute, Look: analysis.Look{Number: 3, Of: 12},
	}
	got := wire.Result(wire.ResultProto(want, "test"))
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(- sent, + came back)\n%s", diff)
	}
	if p := wire.ResultProto(&analysis.Result{}, "test"); p.GetLook() != nil {
		t.Errorf("one look is %v, want none told", p.GetLook())
	}
}

func values(n int) *judgedv1.Samples { return &judgedv1.Samples{Values: make([]float64, n)} }

func TestInputs(t *testing.T) {
	inf := math.Inf(1)
	histograms := &judgedv1.Samples{Histograms: []*judgedv1.Histogram{{Bounds: []float64{0, 1, inf}, Counts: []float64{3, 4}}, {}}}
	request := &judgedv1.JudgeRequest{
		Assignment: judgedv1.Assignment_RANDOMIZED,
		Signals: []*judgedv1.SignalSamples{
			{Name: "latency", Baseline: histograms, Canary: histograms, Slo: wrapperspb.Double(0.5)},
			{
				Name: "cpu",
				BaselinePods: []*judgedv1.PodSamples{
					{Name: "a", Samples: values(3), History: values(5)}, {Name: "b", Samples: values(3)},
				},
				CanaryPods: []*judgedv1.PodSamples{{Name: "c", Samples: values(3)}},
			},
			{Name: "past", Judge: "anomaly", Canary: values(3), CanaryHistory: values(9)},
			{Name: "split", Kind: judgedv1.Kind_COUNT, Judge: "srm", Baseline: values(3), Canary: values(3), Share: wrapperspb.Double(0.1)},
			{Name: "by pods", BaselinePods: []*judgedv1.PodSamples{{Samples: &judgedv1.Samples{Totals: []float64{1}}}}, CanaryPods: []*judgedv1.PodSamples{{}}},
		},
	}
	in := wire.Inputs(request)
	latency, cpu, past, split := in[0], in[1], in[2], in[3]
	if s := latency.Sample; s.Signal.Kind != judge.Distribution || s.Signal.Direction != judge.Either || s.Assignment != judge.Randomized || latency.SLO != 0.5 ||
		s.Baseline.Len() != 2 || !s.Baseline.Has(0) || s.Baseline.Has(1) || s.Baseline.Values != nil {
		t.Errorf("latency: %+v", latency)
	}
	p := cpu.Sample.Pods
	if p == nil || len(p.Baseline) != 2 || len(p.BaselineHistory) != 2 || p.BaselineHistory[1].Len() != 0 || p.CanaryHistory != nil || p.BaselineNames[1] != "b" || p.CanaryNames[0] != "c" {
		t.Errorf("pods: %+v", p)
	}
	if !past.Own || past.Sample.History == nil || past.Sample.History.Canary.Len() != 9 || past.Sample.Baseline.Len() != 0 {
		t.Errorf("past: %+v", past)
	}
	if split.Share != 0.1 || split.Sample.Signal.Direction != judge.Either || split.Sample.Signal.Margin != (judge.Margin{}) {
		t.Errorf("split: %+v", split)
	}
	if k := in[4].Sample.Signal.Kind; k != judge.Ratio {
		t.Errorf("pods with totals are a %v", k)
	}
}
