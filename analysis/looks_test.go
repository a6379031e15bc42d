package analysis_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
)

func first(s judge.Sample, n int) judge.Sample {
	s.Baseline.Values, s.Canary.Values = s.Baseline.Values[:n], s.Canary.Values[:n]
	return s
}

// TestLooks measures how many healthy canaries FAIL in 60 looks, one a minute
// from minute 5 on, at the 5 % that are promised: docs/statistics.md, 1.3 times
// the promise with a history, twice without one up to an autocorrelation of
// 0.6, each plus three standard errors of 400 samples (1.1 points at 5 %).
func TestLooks(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	const samples, alpha = 400, 0.05
	for _, c := range []struct {
		name    string
		gauge   judgetest.Gauge
		history int
		ratio   float64
		least   float64
		most    float64
	}{
		{"independent", judgetest.Gauge{Noise: 0.2}, 0, 1, 0, 2 * alpha},
		{"AR 0.6", judgetest.Gauge{Noise: 0.2, Rho: 0.6}, 0, 1, 0, 2 * alpha},
		{"AR 0.6, history", judgetest.Gauge{Noise: 0.2, Rho: 0.6}, 120, 1, 0, 1.3 * alpha},
		{"AR 0.9, history", judgetest.Gauge{Noise: 0.2, Rho: 0.9}, 120, 1, 0, 1.3 * alpha},
		{"shared shocks, history", judgetest.Gauge{Noise: 0.1, Shock: 0.35}, 120, 1, 0, 1.3 * alpha},
		{"heavy tails, history", judgetest.Gauge{Noise: 0.2, Rho: 0.3, Heavy: true}, 120, 1, 0, 1.3 * alpha},
		{"unlike machines, history", judgetest.Gauge{Noise: 0.1, Rho: 0.3, Offset: 0.2}, 120, 1, 0, 1.3 * alpha},
		{"shared shocks, history, +20 %", judgetest.Gauge{Noise: 0.1, Shock: 0.35}, 120, 1.2, 0.95, 1},
	} {
		looks, err := analysis.NewRegularLooks(60, 1)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(7, 60))
		w := c.gauge.World(c.name, 60, c.history)
		failed, minutes := 0, 0
		for range samples {
			s := w.Draw(r, c.ratio)
			for n := 5; n <= 60; n++ {
				j, err := looks.Judge([]analysis.Input{{Sample: first(s, n)}}, n, alpha)
				if err != nil {
					t.Fatal(err)
				}
				if j.Verdict == judge.Fail {
					failed++
					minutes += n
					break
				}
			}
		}
		got := float64(failed) / samples
		se := math.Sqrt(alpha * (1 - alpha) / samples)
		t.Logf("%-30s %5.1f %% (SE %.1f), on average after %d min", c.name, 100*got, 100*math.Sqrt(got*(1-got)/samples), minutes/max(failed, 1))
		if got < c.least || got > c.most+3*se {
			t.Errorf("%s: %.1f %% FAIL, want %.1f to %.1f", c.name, 100*got, 100*c.least, 100*c.most)
		}
	}
}
