package paired_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{60, 1440} {
		for _, history := range []int{0, 480} {
			b.Run(fmt.Sprintf("intervals=%d/history=%d", n, history), func(b *testing.B) {
				s := judgetest.Gauge{Noise: 0.2, Rho: 0.3, Shock: 0.3}.World("", n, history).Draw(rand.New(rand.NewPCG(1, 1)), 1.05)
				s.Signal.Direction = judge.Increase
				s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
				b.ReportAllocs()
				for b.Loop() {
					paired.Judge{}.Judge(s)
				}
			})
		}
	}
}
