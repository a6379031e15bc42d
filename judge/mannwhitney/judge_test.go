package mannwhitney

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func sampleOf(baseline, canary []float64, direction judge.Direction) judge.Sample {
	return judge.Sample{
		Signal: judge.Signal{Name: "latency", Unit: "ms", Direction: direction},
		Pair:   judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}},
	}
}

func TestFindings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	base := drawn(r, kinds["latencies"], 60, 100)
	double := drawn(r, func(r *rand.Rand, scale float64) float64 { return 3 * kinds["latencies"](r, scale) }, 60, 100)
	for name, test := range map[string]struct {
		sample         judge.Sample
		classification judge.Classification
		verdict        judge.Verdict
		reason         string
	}{
		"higher":        {sampleOf(base, double, judge.Increase), judge.High, judge.Fail, "canary is higher than baseline by"},
		"lower":         {sampleOf(double, base, judge.Either), judge.Low, judge.Fail, "canary is lower than baseline by"},
		"better":        {sampleOf(double, base, judge.Increase), judge.Similar, judge.Pass, "no change that Kayenta's test reports"},
		"identical":     {sampleOf(base, base, judge.Either), judge.Similar, judge.Pass, "same values"},
		"no canary":     {sampleOf(base, []float64{nan, nan}, judge.Either), judge.NoData, judge.Inconclusive, "no data for the canary"},
		"no baseline":   {sampleOf(nil, base, judge.Either), judge.NoData, judge.Inconclusive, "no data for the baseline"},
		"nothing":       {sampleOf(nil, nil, judge.Either), judge.NoData, judge.Inconclusive, "no data on either side"},
		"single points": {sampleOf([]float64{5}, []float64{7}, judge.Either), judge.Failed, judge.Error, "tied"},
	} {
		t.Run(name, func(t *testing.T) {
			f := New(Options{}).Judge(test.sample)
			if f.Classification != test.classification || f.Verdict != test.verdict || !strings.Contains(f.Reason, test.reason) {
				t.Errorf("%v %v %q, want %v %v %q", f.Classification, f.Verdict, f.Reason, test.classification, test.verdict, test.reason)
			}
			if f.Judge != "mannwhitney" || !math.IsNaN(f.PValue) || f.Effect.Level != 0.98 || f.Effect.Measure != judge.Difference {
				t.Errorf("finding %+v", f)
			}
			if f.Effect.Low > f.Effect.Estimate || f.Effect.Estimate > f.Effect.High {
				t.Errorf("effect %+v", f.Effect)
			}
		})
	}
}

// TestMissingDataNeverPass: Kayenta passes them where NaN counts as 0.
func TestMissingDataNeverPass(t *testing.T) {
	s := DefaultSettings(MeanRatio)
	s.NaN = ReplaceNaN
	f := New(Options{Settings: &s}).Judge(sampleOf([]float64{1, 2}, nil, judge.Either))
	if f.Verdict != judge.Inconclusive {
		t.Errorf("verdict %v", f.Verdict)
	}
}

func TestFindingUsesExposure(t *testing.T) {
	s := judge.Sample{Signal: judge.Signal{Name: "errors", Kind: judge.Ratio}}
	for i := range 60 {
		requests := float64(100 + i%7)
		s.Baseline.Values = append(s.Baseline.Values, requests*0.02)
		s.Baseline.Totals = append(s.Baseline.Totals, requests)
		s.Canary.Values = append(s.Canary.Values, requests*0.2*(1+float64(i%5)/10))
		s.Canary.Totals = append(s.Canary.Totals, 2*requests)
	}
	s.Canary.Totals[3] = 0 // no requests: no share
	f := New(Options{}).Judge(s)
	if f.Verdict != judge.Fail || f.Canary.Count != 59 || f.Canary.Missing != 1 {
		t.Errorf("finding %+v", f)
	}
	if math.Abs(f.Baseline.Level-0.02) > 1e-12 || f.Baseline.Total != f.Baseline.Events*50 {
		t.Errorf("baseline %+v", f.Baseline)
	}
}

func TestWarnings(t *testing.T) {
	constant := func(v float64) []float64 { return []float64{v, v, v, v, v} }
	for want, s := range map[string]judge.Sample{
		"with seed 7":        sampleOf(constant(5), constant(7), judge.Either),
		"use a smaller unit": sampleOf([]float64{1e-5, 2e-5, 3e-5}, []float64{2e-5, 3e-5, 4e-5}, judge.Either),
		"has 3 values":       sampleOf(ramp(0, 90), ramp(3, 3), judge.Either),
	} {
		f := New(Options{Seed: 7}).Judge(s)
		if !strings.Contains(strings.Join(f.Warnings, "; "), want) {
			t.Errorf("warnings %q, want one with %q", f.Warnings, want)
		}
	}
}

// TestSettingsThatCannotBeUsed: a Judge has no error to return.
func TestSettingsThatCannotBeUsed(t *testing.T) {
	s := DefaultSettings(MeanRatio)
	s.Outliers, s.OutlierFactor = RemoveOutliers, 0
	f := New(Options{Settings: &s}).Judge(sampleOf(ramp(0, 9), ramp(0, 9), judge.Either))
	if f.Verdict != judge.Error || !strings.Contains(f.Reason, "greater than zero") {
		t.Errorf("finding %+v", f)
	}
}
