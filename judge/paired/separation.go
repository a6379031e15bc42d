package paired

import (
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// minApart is the least number of values of a side that complete separation
// is read from.
const minApart = 5

// apart judges a sample whose location cannot be judged by the one thing that
// still can: whether all values of a side lie beyond all of the other, by more
// than the margin. For m and n values that has a probability of
// 2/C(m+n, n) among exchangeable ones, the least that the Mann-Whitney test
// can reach. It reports whether it decided.
func (t trial) apart(f *judge.Finding) bool {
	if t.history != nil || !t.scale.log && t.scale.level == 0 {
		return false
	}
	b, c := present(t.sample.Baseline), present(t.sample.Canary)
	if len(b) < minApart || len(c) < minApart {
		return false
	}
	p := 2 / choose(len(b)+len(c), len(c))
	if p > t.alpha {
		return false
	}
	allowance := 1 + verdict.OffsetAllowance(verdict.TotalAlpha(t.sample), 0)
	size := t.scale.level * (max(t.sample.Signal.Margin.Relative, t.sample.Signal.Margin.Absolute/t.scale.level) + allowance - 1)
	up := slices.Min(c) > slices.Max(b)+size
	down := slices.Max(c) < slices.Min(b)-size
	d := t.sample.Signal.Direction
	if !(up && d != judge.Decrease || down && d != judge.Increase) {
		return false
	}
	f.Effect.Measure = judge.Difference
	f.Effect.Estimate = f.Canary.Level - f.Baseline.Level
	f.Effect.Low, f.Effect.High = size, math.Inf(1)
	f.Classification = judge.High
	if down {
		f.Effect.Low, f.Effect.High = math.Inf(-1), -size
		f.Classification = judge.Low
	}
	f.Verdict, f.PValue = judge.Fail, p
	f.Reason = fmt.Sprintf("every one of the canary's %d values is beyond every one of the baseline's %d", len(c), len(b))
	return true
}

func present(s judge.Side) []float64 {
	var out []float64
	for i, v := range s.Values {
		if s.Has(i) {
			out = append(out, v)
		}
	}
	return out
}

// choose returns the binomial coefficient n over k.
func choose(n, k int) float64 {
	c := 1.0
	for i := range min(k, n-k) {
		c *= float64(n-i) / float64(i+1)
	}
	return c
}
