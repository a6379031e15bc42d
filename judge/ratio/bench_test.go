package ratio_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/ratio"
)

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{60, 1440} {
		for _, share := range []float64{1e-4, 0.1} {
			b.Run(fmt.Sprintf("intervals=%d/share=%g", n, share), func(b *testing.B) {
				const total = 1e4
				s := judgetest.Events{Rate: share * total, Total: total}.World("", n, 0).Draw(rand.New(rand.NewPCG(1, 1)), 1.1)
				s.Signal.Direction = judge.Increase
				s.Signal.Margin.Relative = 0.05
				s.Signal.Tolerance = judge.Margin{Relative: 0.25, Absolute: 0.001}
				b.ReportAllocs()
				for b.Loop() {
					ratio.Judge{}.Judge(s)
				}
			})
		}
	}
}
