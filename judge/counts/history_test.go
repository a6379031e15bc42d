package counts_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
)

// A canary that always had a tenth of the events is no regression, twice that
// share is; a history in which chance alone made a difference takes nothing
// out.
func TestHistoryRatio(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	draw := func(n int, baseline, canary float64) judge.Pair {
		var p judge.Pair
		for range n {
			p.Baseline.Values = append(p.Baseline.Values, poisson(r, baseline))
			p.Canary.Values = append(p.Canary.Values, poisson(r, canary))
		}
		return p
	}
	for _, c := range []struct {
		name          string
		before, after float64
		want          judge.Verdict
		beyond        bool
	}{
		{"a tenth before and after", 2, 2, judge.Inconclusive, true},
		{"twice a tenth", 2, 4, judge.Fail, true},
		{"half a tenth", 2, 1, judge.Fail, true},
		{"the same", 20, 20, judge.Inconclusive, false},
	} {
		history := draw(120, 20, c.before)
		s := judge.Sample{Pair: draw(60, 20, c.after), History: &history}
		s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.05
		f := counts.Judge{}.Judge(s)
		if f.Verdict != c.want || strings.Contains(f.Reason, "history") != c.beyond {
			t.Errorf("%s: %v %v %s", c.name, f.Verdict, f.Effect, f.Reason)
		}
		s.Assignment = judge.Randomized
		if f := (counts.Judge{}).Judge(s); c.beyond && f.Verdict != judge.Fail {
			t.Errorf("%s, randomized: %v %v", c.name, f.Verdict, f.Effect)
		}
	}
}
