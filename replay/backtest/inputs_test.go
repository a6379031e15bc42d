package backtest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

var nan = math.NaN()

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

func TestInputsArms(t *testing.T) {
	c := &Case{Metrics: []Metric{
		{
			Name: "p99", Kind: Latency, Direction: judge.Increase, Step: time.Minute,
			Baseline: []float64{1, 2, 3}, Canary: []float64{4, 5},
			BaselineHistory: []float64{6, 7}, CanaryHistory: []float64{8, 9, 10},
		},
		{Name: "p99", Kind: Counter, Direction: judge.Decrease, Baseline: []float64{1}, Canary: []float64{2}},
		{
			Kind: Ratio, Baseline: []float64{1, 2}, Canary: []float64{2}, BaselineTotals: []float64{10, 20}, CanaryTotals: []float64{30},
			BaselineHistory: []float64{1, 2}, CanaryHistory: []float64{3}, BaselineHistoryTotals: []float64{5, 6}, CanaryHistoryTotals: []float64{7},
		},
		{Name: "p99 (2)", Kind: Ratio, Start: 60, Baseline: []float64{nan}, Canary: []float64{0.5}},
	}}
	in := Inputs(c)
	var names []string
	for i := range in {
		names = append(names, in[i].Sample.Signal.Name)
	}
	same(t, "names", names, []string{"p99", "p99 (2)", "metric 3", "p99 (2) (2)"})

	s := in[0].Sample
	same(t, "pair", s.Pair, judge.Pair{Baseline: judge.Side{Values: []float64{1, 2}}, Canary: judge.Side{Values: []float64{4, 5}}})
	same(t, "history", s.History, &judge.Pair{Baseline: judge.Side{Values: []float64{6, 7}}, Canary: judge.Side{Values: []float64{9, 10}}})
	if s.Step != time.Minute || s.Signal.Kind != judge.Gauge || s.Signal.Direction != judge.Increase || s.Signal.Critical {
		t.Errorf("signal %+v", s.Signal)
	}
	if want := analysis.DefaultMargins(s.Signal, analysis.Given{}); s.Signal != want {
		t.Errorf("margins %+v, want %+v", s.Signal, want)
	}
	if k := in[1].Sample.Signal.Kind; k != judge.Count || in[1].Sample.History != nil {
		t.Errorf("a counter is a %v", k)
	}
	s = in[2].Sample
	if s.Signal.Kind != judge.Ratio {
		t.Errorf("a ratio with totals is a %v", s.Signal.Kind)
	}
	same(t, "ratio", s.Pair, judge.Pair{
		Baseline: judge.Side{Values: []float64{1}, Totals: []float64{10}}, Canary: judge.Side{Values: []float64{2}, Totals: []float64{30}},
	})
	same(t, "ratio's history", s.History, &judge.Pair{
		Baseline: judge.Side{Values: []float64{2}, Totals: []float64{6}}, Canary: judge.Side{Values: []float64{3}, Totals: []float64{7}},
	})
	if k := in[3].Sample.Signal.Kind; k != judge.Gauge {
		t.Errorf("a share without totals is a %v", k)
	}
	if len(in[0].Warnings) != 0 || len(in[3].Warnings) != 1 {
		t.Errorf("warnings %v of arms that ran together, %v of those that did not", in[0].Warnings, in[3].Warnings)
	}
}

func TestInputsPods(t *testing.T) {
	pods := Metric{
		BaselinePods: [][]float64{{1, nan, 3}, {3, nan, nan}}, CanaryPods: [][]float64{{5, 6}},
		BaselinePodsHistory: [][]float64{{1, 2}, {3, nan}}, CanaryPodsHistory: [][]float64{{7}},
	}
	gauge, counter, young, silent := pods, pods, pods, pods
	counter.Kind = Counter
	young.CanaryPodsHistory = nil
	silent.CanaryPods, silent.CanaryPodsHistory = [][]float64{}, nil
	in := Inputs(&Case{Metrics: []Metric{gauge, counter, young, silent}})

	s := in[0].Sample
	same(t, "pair", s.Pair, judge.Pair{Baseline: judge.Side{Values: []float64{2, nan}}, Canary: judge.Side{Values: []float64{5, 6}}})
	same(t, "history", s.History, &judge.Pair{Baseline: judge.Side{Values: []float64{2}}, Canary: judge.Side{Values: []float64{7}}})
	same(t, "pods", s.Pods, &judge.Pods{
		Baseline:        []judge.Side{{Values: []float64{1, nan}}, {Values: []float64{3, nan}}},
		Canary:          []judge.Side{{Values: []float64{5, 6}}},
		BaselineHistory: []judge.Side{{Values: []float64{2}}, {Values: []float64{nan}}},
		CanaryHistory:   []judge.Side{{Values: []float64{7}}},
	})
	s = in[1].Sample
	same(t, "counts", s.Pair, judge.Pair{
		Baseline: judge.Side{Values: []float64{4, nan}, Totals: []float64{2, 0}},
		Canary:   judge.Side{Values: []float64{5, 6}, Totals: []float64{1, 1}},
	})
	s = in[2].Sample
	if s.History != nil || s.Pods.CanaryHistory != nil || len(s.Pods.BaselineHistory) != 2 || len(s.Pods.BaselineHistory[0].Values) != 2 {
		t.Errorf("history %v, pods %+v of a canary that did not exist", s.History, s.Pods)
	}
	same(t, "silent canary", in[3].Sample.Pair, judge.Pair{Baseline: judge.Side{Values: []float64{2, nan, 3}}, Canary: judge.Side{Values: []float64{nan, nan, nan}}})
}

// Only where a coin decided are the arms alike by design.
func TestInputsAssignment(t *testing.T) {
	for randomized, want := range map[bool]judge.Assignment{true: judge.Randomized, false: judge.Instances} {
		in := Inputs(&Case{Labels: Labels{Randomized: randomized, Pairing: "split"}, Metrics: []Metric{{Baseline: []float64{1}, Canary: []float64{1}}}})
		if got := in[0].Sample.Assignment; got != want {
			t.Errorf("randomized %v: %v, want %v", randomized, got, want)
		}
	}
}

func TestFirstIntervals(t *testing.T) {
	c := &Case{Metrics: []Metric{
		{Name: "long", Kind: Ratio, Baseline: []float64{1, 2, 3}, Canary: []float64{4, 5, 6}, BaselineTotals: []float64{7, 8, 9}, CanaryTotals: []float64{7, 8, 9}},
		{Name: "short", Baseline: []float64{1}, Canary: []float64{4}, BaselineHistory: []float64{1, 2, 3}, CanaryHistory: []float64{1, 2, 3}},
		{Name: "pods", BaselinePods: [][]float64{{1, 2, 3}}, CanaryPods: [][]float64{{4, 5, 6}}},
	}}
	in := Inputs(c)
	if n := intervals(in); n != 3 {
		t.Errorf("%d intervals", n)
	}
	got := firstIntervals(nil, in, 2)
	same(t, "totals", got[0].Sample.Canary, judge.Side{Values: []float64{4, 5}, Totals: []float64{7, 8}})
	same(t, "short", got[1].Sample.Canary.Values, []float64{4})
	same(t, "history", got[1].Sample.History, in[1].Sample.History)
	same(t, "pods", got[2].Sample.Pods.Baseline, []judge.Side{{Values: []float64{1, 2}}})
	same(t, "untouched", fmt.Sprint(in[2].Sample.Pods.Baseline), "[{[1 2 3] [] []}]")
}
