package anomaly_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge/anomaly"
)

func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct{ history, window int }{{60, 60}, {480, 60}, {14 * day, 24}, {28 * day, 24}} {
		s := world{history: c.history, window: c.window, noise: 0.1, rho: 0.5, swing: 0.5}.draw(rand.New(rand.NewPCG(1, 1)), 1.2)
		b.Run(fmt.Sprintf("history=%d/window=%d", c.history, c.window), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				anomaly.Judge{}.Judge(s)
			}
		})
	}
}

func BenchmarkFunctions(b *testing.B) {
	x := world{history: 1440, noise: 0.1, rho: 0.5, swing: 0.5}.draw(rand.New(rand.NewPCG(1, 1)), 1).History.Canary.Values
	for name, f := range map[string]func(){
		"ChangePoints":     func() { anomaly.ChangePoints(x, anomaly.ChangeOptions{}) },
		"DetectSeason":     func() { anomaly.DetectSeason(x) },
		"SpectralResidual": func() { anomaly.SpectralResidual(x) },
		"PolynomialResiduals": func() {
			if _, err := anomaly.PolynomialResiduals(x, 1, 20); err != nil {
				b.Fatal(err)
			}
		},
	} {
		b.Run(name+"/points=1440", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
