package srm_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/srm"
)

func BenchmarkAdd(b *testing.B) {
	test, err := srm.NewTest([]float64{90, 10}, srm.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := test.Add(91, 9); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{60, 1440} {
		r := rand.New(rand.NewPCG(1, 1))
		s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: split(0.1, 1000)(r, n)}
		b.Run(fmt.Sprintf("intervals=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				srm.Judge{Share: 0.1}.Judge(s)
			}
		})
		varying := s
		varying.Baseline.Totals, varying.Canary.Totals = make([]float64, n), make([]float64, n)
		for i := range n {
			varying.Baseline.Totals[i], varying.Canary.Totals[i] = 9+r.Float64(), 1+0.1*r.Float64()
		}
		b.Run(fmt.Sprintf("intervals=%d/weights=%d", n, n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				srm.Judge{}.Judge(varying)
			}
		})
	}
}
