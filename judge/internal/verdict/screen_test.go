package verdict

import (
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func TestScreen(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name             string
		baseline, canary judge.Side
		class            judge.Classification // Unclear: goes on
		says             string
	}{
		{"whole", judge.Side{Values: []float64{1, 2}}, judge.Side{Values: []float64{1, 2}}, judge.Unclear, ""},
		{"lengths", judge.Side{Values: []float64{1, 2}}, judge.Side{Values: []float64{1}}, judge.Failed, "the baseline has 2 intervals, the canary 1"},
		{"totals on one side", judge.Side{Values: []float64{1}, Totals: []float64{1}}, judge.Side{Values: []float64{1}}, judge.Failed, "totals are missing on one side"},
		{"totals of another length", judge.Side{Values: []float64{1}, Totals: []float64{1, 2}}, judge.Side{Values: []float64{1}, Totals: []float64{1}}, judge.Failed, "not on the grid"},
		{"nothing", judge.Side{}, judge.Side{}, judge.NoData, "no intervals"},
		{"no canary", judge.Side{Values: []float64{1, 2}}, judge.Side{Values: []float64{nan, inf}}, judge.NoData, "the canary has no data in 2 intervals"},
		{"no baseline", judge.Side{Values: []float64{nan}}, judge.Side{Values: []float64{1}}, judge.NoData, "the baseline has no data in 1 interval,"},
		{"neither", judge.Side{Values: []float64{nan}}, judge.Side{Values: []float64{nan}}, judge.NoData, "no data on either side"},
		{"missing totals", judge.Side{Values: []float64{1}, Totals: []float64{1}}, judge.Side{Values: []float64{1}, Totals: []float64{nan}}, judge.NoData, "the canary has no data"},
	} {
		var f judge.Finding
		on := Screen(&f, judge.Sample{Pair: judge.Pair{Baseline: c.baseline, Canary: c.canary}})
		if on != (c.class == judge.Unclear) || f.Classification != c.class || !strings.Contains(f.Reason, c.says) {
			t.Errorf("%s: goes on %v, %v: %q; want %v: %q", c.name, on, f.Classification, f.Reason, c.class, c.says)
		}
		if f.Verdict == judge.Pass {
			t.Errorf("%s: passes", c.name)
		}
	}
}

func TestScreenWarns(t *testing.T) {
	nan := math.NaN()
	var f judge.Finding
	s := judge.Sample{Pair: judge.Pair{
		Baseline: judge.Side{Values: []float64{1, 2, 3, 4}},
		Canary:   judge.Side{Values: []float64{1, nan, math.Inf(-1), 4}},
	}}
	if !Screen(&f, s) {
		t.Fatal(f.Reason)
	}
	got := strings.Join(f.Warnings, "\n")
	for _, want := range []string{"canary: 1 interval is infinite", "0% of the baseline's intervals, 50% of the canary's"} {
		if !strings.Contains(got, want) {
			t.Errorf("warnings %q do not say %q", got, want)
		}
	}
	if f.Baseline.Missing != 0 || f.Canary.Missing != 2 {
		t.Errorf("missing %d and %d, want 0 and 2", f.Baseline.Missing, f.Canary.Missing)
	}
}

func TestScreenAlpha(t *testing.T) {
	for _, alpha := range []float64{-0.1, 1, math.NaN(), math.Inf(1)} {
		var f judge.Finding
		if Screen(&f, judge.Sample{Alpha: alpha}) || f.Verdict != judge.Error {
			t.Errorf("alpha %v is accepted: %v", alpha, f.Verdict)
		}
	}
}
