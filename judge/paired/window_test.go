package paired_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

// A look at a growing window finds what Judge finds in the same data. Sums are
// in another order, which costs some of the last digits of a float64.
func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for name, spoil := range map[string]func(s *judge.Sample){
		"plain": func(*judge.Sample) {},
		"gaps": func(s *judge.Sample) {
			s.Canary.Values[20], s.Baseline.Values[33], s.Canary.Values[34] = math.NaN(), math.NaN(), math.NaN()
		},
		"zeros":      func(s *judge.Sample) { s.Canary.Values[30] = 0 },
		"infinite":   func(s *judge.Sample) { s.Baseline.Values[25] = math.Inf(1) },
		"equal":      func(s *judge.Sample) { s.Canary.Values = s.Baseline.Values },
		"randomized": func(s *judge.Sample) { s.Assignment = judge.Randomized },
	} {
		for _, history := range []int{0, 120} {
			s := judgetest.Gauge{Noise: 0.1, Rho: 0.4, Offset: 0.1, Shock: 0.2}.World("", 90, history).Draw(r, 1.2)
			s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
			s.Assignment = judge.Instances
			spoil(&s)
			start := s
			start.Baseline.Values, start.Canary.Values = s.Baseline.Values[:7:7], s.Canary.Values[:7:7]
			w := paired.Judge{}.Start(start)
			for n := 7; n <= 90; n++ {
				if n > 7 {
					w.Add(s.Baseline.Values[n-1:n], s.Canary.Values[n-1:n])
				}
				part := s
				part.Baseline.Values, part.Canary.Values = s.Baseline.Values[:n], s.Canary.Values[:n]
				want, got := paired.Judge{}.Judge(part), w.Judge(nil)
				same := got.Verdict == want.Verdict && got.Classification == want.Classification && got.Reason == want.Reason &&
					got.Needed == want.Needed && fmt.Sprint(got.Warnings) == fmt.Sprint(want.Warnings) && w.Len() == n
				for _, v := range [][2]float64{
					{got.Effect.Estimate, want.Effect.Estimate},
					{got.Effect.Low, want.Effect.Low},
					{got.Effect.High, want.Effect.High},
					{got.PValue, want.PValue},
					{got.EffectiveN, want.EffectiveN},
					{got.Baseline.Std, want.Baseline.Std},
					{got.Canary.Level, want.Canary.Level},
					{float64(got.Canary.Missing), float64(want.Canary.Missing)},
				} {
					same = same && (v[0] == v[1] || math.IsNaN(v[0]) && math.IsNaN(v[1]) || math.Abs(v[0]-v[1]) <= 1e-7*math.Abs(v[1]))
				}
				if !same {
					t.Fatalf("%s, history %d, %d intervals:\n%+v\nwant\n%+v", name, history, n, got, want)
				}
			}
		}
	}
}

// BenchmarkLook is a look at a window with one more interval.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{60, 1440} {
		for _, history := range []int{0, 480} {
			b.Run(fmt.Sprintf("intervals=%d/history=%d", n, history), func(b *testing.B) {
				s := judgetest.Gauge{Noise: 0.2, Rho: 0.3, Shock: 0.3}.World("", 2*n, history).Draw(rand.New(rand.NewPCG(1, 1)), 1.05)
				s.Signal.Direction = judge.Increase
				s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
				start := s
				start.Baseline.Values, start.Canary.Values = s.Baseline.Values[:n:n], s.Canary.Values[:n:n]
				w := paired.Judge{}.Start(start)
				next := n
				b.ReportAllocs()
				for b.Loop() {
					if next == 2*n {
						b.StopTimer()
						w, next = paired.Judge{}.Start(start), n
						b.StartTimer()
					}
					w.Add(s.Baseline.Values[next:next+1], s.Canary.Values[next:next+1])
					w.Judge(nil)
					next++
				}
			})
		}
	}
}
