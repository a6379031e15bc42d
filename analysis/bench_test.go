package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
)

// BenchmarkJudge is a whole judgment: every signal, levels and shapes, Holm,
// the verdict.
func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct{ signals, intervals, history int }{{1, 60, 0}, {30, 60, 0}, {30, 60, 120}, {30, 1440, 0}, {1000, 60, 0}} {
		b.Run(fmt.Sprintf("signals=%d/intervals=%d/history=%d", c.signals, c.intervals, c.history), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			w := judgetest.Gauge{Noise: 0.1, Rho: 0.3, Shock: 0.2}.World("", c.intervals, c.history)
			var inputs []analysis.Input
			for i := range c.signals {
				s := w.Draw(r, 1)
				s.Signal.Name = fmt.Sprint(i)
				s.Signal.Direction = judge.Increase
				s.Signal = analysis.DefaultMargins(s.Signal, analysis.Given{})
				inputs = append(inputs, analysis.Input{Sample: s})
			}
			b.ReportAllocs()
			for b.Loop() {
				analysis.Judge(inputs, 0.05)
			}
		})
	}
}
