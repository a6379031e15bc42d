package counts_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/judgetest"
)

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{60, 1440} {
		for _, rate := range []float64{1, 1000} {
			b.Run(fmt.Sprintf("intervals=%d/rate=%g", n, rate), func(b *testing.B) {
				s := judgetest.Events{Rate: rate}.World("", n, 0).Draw(rand.New(rand.NewPCG(1, 1)), 1.1)
				s.Signal.Direction = judge.Increase
				s.Signal.Margin.Relative = 0.05
				s.Signal.Tolerance = judge.Margin{Relative: 0.25, Absolute: 0.1}
				b.ReportAllocs()
				for b.Loop() {
					counts.Judge{}.Judge(s)
				}
			})
		}
	}
}
