package backtest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/judged-dev/judged/judge"
)

// One metric, with which the smallest case is complete.
const oneMetric = `"metrics":[{"baseline":[1,2],"canary":[2,1]}]`

func TestDecode(t *testing.T) {
	line := ` {"id":"a \"b\" \u00e9","source":"s","service":"é","pairing":"arms","family":"inject","shape":"3x3","window":60,"m_asked":5,
		"n_metrics":3,"baseline_instance":"x","unknown":{"a":[1,{"b":null},true,false,"}"]},
		"label":"fail","injected":{"type":"shift","size":1e-1,"scope":"one","metrics":[0],"detail":[{"mean_change":0.1}]},
		"incident":{"kind":"k","start":3},"canary_points":2,
		"metrics":[
			{"name":"p","kind":"latency","direction":"increase","step_seconds":0.5,"start":7,"baseline_start":5,"max":100,
			 "baseline":[1,null,-2.5],"canary":[1e3,0,-0],"baseline_history":[4],"canary_history":[null]},
			{"name":"e","kind":"ratio","direction":"either","start":9,"baseline":[1],"canary":[2],"baseline_totals":[3],"canary_totals":[4]},
			{"name":"c","kind":"counter","direction":"decrease","baseline_pods":[[1,2],[3,null]],"canary_pods":[],
			 "baseline_pods_history":[[],[]],"canary_pods_history":null}
		]} `
	nan := math.NaN()
	want := Case{
		Labels: Labels{
			ID: `a "b" é`, Source: "s", Service: "é", Pairing: "arms", Family: "inject", Shape: "3x3", Window: 60, Asked: 5,
			Faulty: true, Injected: Injection{"shift", 0.1, "one"}, Incident: "k",
		},
		Metrics: []Metric{
			{
				Name: "p", Kind: Latency, Direction: judge.Increase, Step: time.Second / 2, Start: 7, BaselineStart: 5, Max: 100,
				Baseline: []float64{1, nan, -2.5}, Canary: []float64{1000, 0, 0}, BaselineHistory: []float64{4}, CanaryHistory: []float64{nan},
			},
			{
				Name: "e", Kind: Ratio, Start: 9, BaselineStart: 9, Max: nan,
				Baseline: []float64{1}, Canary: []float64{2}, BaselineTotals: []float64{3}, CanaryTotals: []float64{4},
			},
			{
				Name: "c", Kind: Counter, Direction: judge.Decrease, Max: nan,
				BaselinePods: [][]float64{{1, 2}, {3, nan}}, CanaryPods: [][]float64{}, BaselinePodsHistory: [][]float64{{}, {}},
			},
		},
	}
	var d Decoder
	var got Case
	for range 2 { // the second time in used memory
		if err := d.Decode([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	}
}

// What a file leaves out is what the case has.
func TestDecodeDefaults(t *testing.T) {
	var d Decoder
	var c Case
	if err := d.decodeAt([]byte(`{"label":"pass","metrics":[{"baseline":[1,2],"canary":[1,2,3]},{"baseline":[1],"canary":[1]}]}`), &c, "f.jsonl", 7); err != nil {
		t.Fatal(err)
	}
	if c.ID != "f.jsonl:7" || c.Window != 2 || c.Asked != 2 || c.Faulty || !c.Metrics[0].Concurrent() {
		t.Errorf("got %+v", c.Labels)
	}
}

func TestDecodeMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{``, "1: the line ends where there should be an object"},
		{`[]`, "1: found \"[]\" where there should be an object"},
		{`{"label":"pass",` + oneMetric, "the line ends where there should be a comma or the end of the object"},
		{`{"label":"pass",` + oneMetric + `} {}`, "more behind the object"},
		{`{` + oneMetric + `}`, "no label"},
		{`{"label":"bad",` + oneMetric + `}`, `10: the label is "bad", not "pass" or "fail"`},
		{`{"label":"pass","label":"pass"}`, `17: "label" stands twice`},
		{`{"label":"pass"}`, "no metric"},
		{`{"label":"pass","metrics":[]}`, "no metric"},
		{`{"label":"pass","window":1.5}`, "1.5 is no count"},
		{`{"label":"pass","window":-1}`, "-1 is no count"},
		{`{"label":7}`, `found "7}" where there should be a string`},
		{`{"label":"pass","metrics":[{"kind":"histogram"}]}`, "there are gauge, latency, ratio and counter"},
		{`{"label":"pass","metrics":[{"direction":"up"}]}`, "there are increase, decrease and either"},
		{`{"label":"pass","metrics":[{"step_seconds":-1}]}`, "no length of an interval"},
		{`{"label":"pass","metrics":[{"baseline":[1 2]}]}`, "a comma or the end of the array"},
		{`{"label":"pass","metrics":[{"baseline":[01]}]}`, "a number"},
		{`{"label":"pass","metrics":[{"baseline":[1.]}]}`, "a digit"},
		{`{"label":"pass","metrics":[{"baseline":[1e]}]}`, "a digit"},
		{`{"label":"pass","metrics":[{"baseline":[+1]}]}`, "a number"},
		{`{"label":"pass","metrics":[{"baseline":[NaN]}]}`, "a number"},
		{`{"label":"pass","metrics":[{"baseline":[nul]}]}`, "null"},
		{`{"label":"pass","metrics":[{"baseline":[1e999]}]}`, `"1e999" is too large`},
		{`{"label":"pass","metrics":[{"name":"m"}]}`, `metric 1 ("m"): it has neither baseline and canary nor`},
		{`{"label":"pass","metrics":[{"baseline":[1]}]}`, "metric 1: it has only one arm"},
		{`{"label":"pass","metrics":[{"baseline":[1],"canary":[1],"canary_pods":[[1]]}]}`, "give one of them"},
		{`{"label":"pass","metrics":[{"baseline_pods":[[1]]}]}`, "pods of one arm only"},
		{`{"label":"pass","metrics":[{"baseline_pods":[[1],[1,2]],"canary_pods":[]}]}`, "the series of the baseline's pods differ in length"},
		{`{"label":"pass","metrics":[{"baseline_pods":[[1]],"canary_pods":[[1]],"canary_pods_history":[]}]}`, "the canary has 1 pods but 0 histories"},
		{`{"label":"pass","metrics":[{"baseline":[1],"canary":[1],"canary_history":[1]}]}`, "a history is of both arms"},
		{`{"label":"pass","metrics":[{"baseline":[1],"canary":[1],"canary_pods_history":[[1]]}]}`, "a history of pods, but no pods"},
		{`{"label":"pass","metrics":[{"baseline":[1],"canary":[1],"canary_totals":[1]}]}`, "its kind is ratio"},
		{`{"label":"pass","metrics":[{"kind":"ratio","baseline":[1],"canary":[1],"canary_totals":[1]}]}`, "totals of some series only"},
		{`{"label":"pass","metrics":[{"kind":"ratio","baseline":[1],"canary":[1],"canary_totals":[1,2]}]}`, "canary has 1 points but 2 totals"},
		{`{"x":"` + "\x01" + `"}`, "control character"},
		{`{"x":"\q"}`, "invalid escape"},
		{`{"x":"a`, "a string has no end"},
		{`{"x":"a\`, "a string has no end"},
		{`{"x":tru}`, "true"},
		{`{"x":` + strings.Repeat("[", 2000), "nested deeper"},
		{`{"x":` + strings.Repeat(`{"a":`, 2000), "nested deeper"},
		{`{"label":"pass","metrics":[` + strings.Repeat("{},", MaxMetrics+1), "more than 1000 metrics"},
		{`{"label":"pass","metrics":[{"baseline":[` + strings.Repeat("1,", MaxPoints+1), "more than 100000 points"},
		{`{"label":"pass","metrics":[{"baseline_pods":[` + strings.Repeat("[],", MaxPods+1), "more than 1000 pods"},
	} {
		var d Decoder
		err := d.decodeAt([]byte(c.line), &Case{}, "cases.jsonl", 3)
		if err == nil || !strings.HasPrefix(err.Error(), "cases.jsonl:3:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: error %v, want %q", c.line, err, c.want)
		}
	}
}

// A case costs no memory once a decoder has seen one as large: its id only.
func TestDecodeAllocates(t *testing.T) {
	line := benchmarkLine(1, 180)
	var d Decoder
	var c Case
	n := testing.AllocsPerRun(20, func() {
		if err := d.Decode(line, &c); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations a case, want that of the id", n)
	}
}
