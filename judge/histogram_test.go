package judge_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
)

func TestKindWords(t *testing.T) {
	for kind, want := range map[judge.Kind]string{
		judge.Gauge: "gauge", judge.Count: "count", judge.Ratio: "ratio", judge.Distribution: "histogram", 9: "invalid(9)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is %q, want %q", int(kind), got, want)
		}
	}
}

// observed has a histogram of so many observations in the first n of 20
// intervals, and in the others one without.
func observed(n int) judge.Side {
	var s judge.Side
	for i := range 20 {
		h := judge.Histogram{Bounds: []float64{0, 1, math.Inf(1)}, Counts: []float64{90, 10}}
		switch {
		case i < n:
		case i%2 == 0:
			h = judge.Histogram{}
		default:
			h.Counts = []float64{0, 0}
		}
		s.Histograms = append(s.Histograms, h)
	}
	return s
}

func TestSideOfHistograms(t *testing.T) {
	s := observed(3)
	var has []bool
	for i := range s.Len() {
		has = append(has, s.Has(i))
	}
	if want := append(slices.Repeat([]bool{true}, 3), make([]bool, 17)...); !slices.Equal(has, want) {
		t.Errorf("data in %v, want %v", has, want)
	}
}

// A canary whose histograms end is as silent as one whose numbers do.
func TestSilenceOfHistograms(t *testing.T) {
	for _, c := range []struct {
		name             string
		baseline, canary judge.Side
		want             judge.Verdict
	}{
		{"both to the end", observed(20), observed(20), judge.Pass},
		{"the canary stops", observed(20), observed(9), judge.Fail},
		{"both stop", observed(9), observed(9), judge.Pass},
		{"sides of different length are the judge's affair", observed(20), judge.Side{}, judge.Pass},
		{"numbers against histograms are, too", observed(20), judge.Side{Values: make([]float64, 20)}, judge.Pass},
	} {
		s := judge.Sample{Signal: judge.Signal{Name: "a", Kind: judge.Distribution}, Pair: judge.Pair{Baseline: c.baseline, Canary: c.canary}}
		got := judge.Compare([]judge.Sample{s}, func(judge.Sample) judge.Judge { return passes{judge.Pass} }, 0.05)
		if got.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, got.Verdict, c.want, got.Findings[0].Reason)
		}
	}
}

// undecided needs so many intervals in all.
type undecided struct{ needed int }

func (undecided) Name() string { return "undecided" }

func (u undecided) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding("undecided", s)
	f.Needed = u.needed
	return f
}

// How long to wait counts intervals of histograms, and those of a canary
// without a baseline.
func TestWaitWithoutValues(t *testing.T) {
	for name, pair := range map[string]judge.Pair{
		"histograms":  {Baseline: observed(20), Canary: observed(20)},
		"no baseline": {Canary: judge.Side{Values: make([]float64, 20)}},
	} {
		s := judge.Sample{Signal: judge.Signal{Name: "a"}, Pair: pair, Step: time.Minute}
		got := judge.Compare([]judge.Sample{s}, func(judge.Sample) judge.Judge { return undecided{30} }, 0.05)
		if !strings.Contains(got.Summary, "about 10 minutes more") {
			t.Errorf("%s: %s", name, got.Summary)
		}
	}
}

func TestCanaryName(t *testing.T) {
	p := &judge.Pods{CanaryNames: []string{"web-7f9c", ""}}
	if got := []string{p.CanaryName(0), p.CanaryName(1), p.CanaryName(2)}; !slices.Equal(got, []string{"pod web-7f9c", "pod 2", "pod 3"}) {
		t.Errorf("names %q", got)
	}
}
