package backtest

import (
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
)

func TestParseJudges(t *testing.T) {
	specs := []string{"default", "default,alpha=0.01", "kayenta", "kayenta=95", "kayenta=50/90.5", "threshold=1.1"}
	judges, err := ParseJudges(specs, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := range judges {
		if j.Name() != specs[i] {
			t.Errorf("%s is called %s", specs[i], j.Name())
		}
	}
	if d := judges[1].(defaultJudge); d.alpha != 0.01 {
		t.Errorf("alpha %v", d.alpha)
	}
	if k := judges[2].(kayenta); k.fail != 75 || k.pass != 95 {
		t.Errorf("limits %v and %v", k.fail, k.pass)
	}
	for _, spec := range []string{
		"", "Default", "default=1", "default,alpha=0", "default,alpha=1", "default,alpha=x", "default,history=no", "kayenta=", "kayenta=x",
		"kayenta=101", "kayenta=95/75", "kayenta=1/2/3", "kayenta=NaN", "threshold", "threshold=", "threshold=0.9", "threshold=Inf", "threshold=NaN",
	} {
		if _, err := ParseJudge(spec, 0.05); err == nil {
			t.Errorf("%q is a judge", spec)
		}
	}
	if _, err := ParseJudges([]string{"kayenta", "kayenta"}, 0.05); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error %v", err)
	}
	if _, err := ParseJudge("default", 2); err == nil {
		t.Error("2 is a probability")
	}
}

func FuzzParseJudge(f *testing.F) {
	for _, s := range []string{"default", "default,alpha=0.01", "kayenta=75/95", "threshold=1.1", "kayenta=1e2"} {
		f.Add(s)
	}
	inputs := Inputs(&Case{Metrics: []Metric{{Baseline: []float64{1, 2, 3}, Canary: []float64{2, 3, nan}}}})
	f.Fuzz(func(t *testing.T, spec string) {
		j, err := ParseJudge(spec, 0.05)
		if err != nil {
			return
		}
		if j.Name() != spec {
			t.Errorf("%q is called %q", spec, j.Name())
		}
		if o := j.Judge(inputs); math.IsNaN(o.Suspicion) || o.Score < 0 || o.Score > 100 {
			t.Errorf("outcome %+v", o)
		}
	})
}

func levels(d judge.Direction, baseline, canary []float64) []analysis.Input {
	return Inputs(&Case{Metrics: []Metric{{Name: "m", Direction: d, Baseline: baseline, Canary: canary}}})
}

func TestThreshold(t *testing.T) {
	j := threshold{"threshold=1.1", 1.1}
	for name, c := range map[string]struct {
		inputs    []analysis.Input
		want      judge.Verdict
		suspicion float64
	}{
		"worse":            {levels(judge.Increase, []float64{1, 3}, []float64{3, 3}), judge.Fail, math.Log(1.5)},
		"better":           {levels(judge.Increase, []float64{3}, []float64{2}), judge.Pass, math.Log(2.0 / 3)},
		"lower is worse":   {levels(judge.Decrease, []float64{3}, []float64{2}), judge.Fail, math.Log(1.5)},
		"either":           {levels(judge.Either, []float64{3}, []float64{2}), judge.Fail, math.Log(1.5)},
		"within":           {levels(judge.Increase, []float64{100}, []float64{109}), judge.Pass, math.Log(1.09)},
		"gaps":             {levels(judge.Increase, []float64{nan, 1}, []float64{1, nan}), judge.Pass, 0},
		"no data":          {levels(judge.Increase, []float64{1}, []float64{nan}), judge.Inconclusive, 0},
		"from nothing":     {levels(judge.Increase, []float64{0}, []float64{1}), judge.Fail, math.Inf(1)},
		"to nothing":       {levels(judge.Increase, []float64{1}, []float64{0}), judge.Pass, 0},
		"nothing":          {levels(judge.Either, []float64{0}, []float64{0}), judge.Pass, 0},
		"negative":         {levels(judge.Either, []float64{-1}, []float64{1}), judge.Inconclusive, 0},
		"one of two fails": {Inputs(&Case{Metrics: []Metric{{Baseline: []float64{1}, Canary: []float64{1}}, {Baseline: []float64{1}, Canary: []float64{2}}}}), judge.Fail, math.Ln2},
		"rates": {Inputs(&Case{Metrics: []Metric{{
			Kind: Ratio, Direction: judge.Increase,
			Baseline: []float64{1, 5}, BaselineTotals: []float64{10, 50}, Canary: []float64{3, nan}, CanaryTotals: []float64{20, 7},
		}}}), judge.Fail, math.Log(1.5)},
	} {
		o := j.Judge(c.inputs)
		// A logarithm and a quotient are each correct to a unit or two in the last place.
		if o.Verdict != c.want || !(math.Abs(o.Suspicion-c.suspicion) <= 1e-15) && o.Suspicion != c.suspicion {
			t.Errorf("%s: %v, suspicion %v, want %v, %v", name, o.Verdict, o.Suspicion, c.want, c.suspicion)
		}
	}
}

// Kayenta's verdict is that of its own judge on the same pairs; the score of m
// metrics of which one fails is 100 (m-1)/m.
func TestKayenta(t *testing.T) {
	good, bad := []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{11, 12, 13, 14, 15, 16, 17, 18}
	var c Case
	for i := range 10 {
		m := Metric{Direction: judge.Increase, Baseline: good, Canary: good}
		if i == 3 {
			m.Canary = bad
		}
		c.Metrics = append(c.Metrics, m)
	}
	inputs := Inputs(&c)
	for spec, want := range map[string]judge.Verdict{
		"kayenta": judge.Inconclusive, "kayenta=75": judge.Pass, "kayenta=90": judge.Pass, "kayenta=95": judge.Fail, "kayenta=90.1/95": judge.Fail,
	} {
		j, err := ParseJudge(spec, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		o := j.Judge(inputs)
		if o.Verdict != want || o.Score != 90 || o.Suspicion != 10 {
			t.Errorf("%s: %v, score %v, suspicion %v", spec, o.Verdict, o.Score, o.Suspicion)
		}
		for i, f := range o.Findings {
			if alone := mannwhitney.New(mannwhitney.Options{}).Judge(inputs[i].Sample); f.Verdict != alone.Verdict || f.Classification != alone.Classification {
				t.Errorf("metric %d: %v %v, alone %v %v", i, f.Verdict, f.Classification, alone.Verdict, alone.Classification)
			}
		}
	}
	// Half of the metrics without data score 0.
	silent := Inputs(&Case{Metrics: []Metric{{Baseline: good, Canary: []float64{nan}}}})
	if o := (kayenta{"kayenta", 75, 95}).Judge(silent); o.Verdict != judge.Fail || o.Findings[0].Classification != judge.NoData {
		t.Errorf("a silent canary: %+v", o)
	}
}

// The default judge says what the analysis says, and is the more suspicious the
// worse the canary.
func TestDefault(t *testing.T) {
	j, err := ParseJudge("default", 0.05)
	if err != nil {
		t.Fatal(err)
	}
	last := -1.0
	for _, factor := range []float64{1, 1.5, 2} {
		var baseline, canary []float64
		for i := range 60 {
			v := 100 + float64(i*i%17)
			baseline, canary = append(baseline, v), append(canary, factor*(v+float64(i*7%5)))
		}
		inputs := levels(judge.Increase, baseline, canary)
		o, want := j.Judge(inputs), analysis.Judge(inputs, 0.05)
		if o.Verdict != want.Verdict || o.Score != want.Score || len(o.Findings) != 1 {
			t.Errorf("%v times: %v, want %v", factor, o.Verdict, want.Verdict)
		}
		if factor > 1 && (o.Verdict != judge.Fail || o.Suspicion <= last) {
			t.Errorf("%v times: %v with suspicion %v after %v", factor, o.Verdict, o.Suspicion, last)
		}
		last = o.Suspicion
	}
}

func TestSurprise(t *testing.T) {
	finding := func(v judge.Verdict, p float64) judge.Finding { return judge.Finding{Verdict: v, AdjustedPValue: p} }
	for name, c := range map[string]struct {
		judgment judge.Judgment
		want     float64
	}{
		"least of two": {judge.Judgment{Findings: []judge.Finding{finding(judge.Pass, 0.1), finding(judge.Inconclusive, 0.01)}}, 2},
		"one":          {judge.Judgment{Findings: []judge.Finding{finding(judge.Pass, 1)}}, 0},
		"none":         {judge.Judgment{Findings: []judge.Finding{finding(judge.Inconclusive, nan)}}, 0},
		"zero":         {judge.Judgment{Findings: []judge.Finding{finding(judge.Fail, 0)}}, certain},
		"silent":       {judge.Judgment{Verdict: judge.Fail, Findings: []judge.Finding{finding(judge.Fail, nan), finding(judge.Pass, 0.5)}}, certain},
	} {
		if got := surprise(c.judgment); math.Abs(got-c.want) > 1e-15 { // one rounding of a logarithm
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
