package distribution_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

// TestTables measures the table of the package comment: the share of FAIL at 60
// intervals of 200 requests, alpha 0.01 two-sided, no margin, no history, either
// change bad. effect is what moves all requests of an arm in an interval, which
// makes a test that takes requests for independent fail 5 % (0.03) or 30 %
// (0.06) of healthy canaries.
func TestTables(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	const samples, alpha = 200, 0.01
	for _, row := range []struct {
		name   string
		world  requests
		change change
		// Healthy rows promise alpha; the others what 1000 samples gave.
		power float64
	}{
		{"native, A/A", requests{}, change{}, 0},
		{"native, A/A, effect 6 %", requests{Effect: 0.06}, change{}, 0},
		{"native, +5 %", requests{}, change{Shift: 1.05}, 0.976},
		{"native, +5 %, effect 6 %", requests{Effect: 0.06}, change{Shift: 1.05}, 0.61},
		{"native, 1 % slow", requests{}, change{Slow: 0.01}, 0.684},
		{"native, 1 % slow, effect 6 %", requests{Effect: 0.06}, change{Slow: 0.01}, 0.602},
		{"classic, A/A, effect 3 %", requests{Effect: 0.03, Bounds: classic}, change{}, 0},
		{"classic, +5 %", requests{Bounds: classic}, change{Shift: 1.05}, 0.965},
		{"classic, 1 % slow", requests{Bounds: classic}, change{Slow: 0.01}, 0.596},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 60))
			w := row.world
			w.Intervals, w.PerInterval = 60, 200
			failed := 0
			for range samples {
				s := w.draw(r, row.change)
				s.Alpha, s.Signal.Direction, s.Assignment = alpha, judge.Either, judge.Randomized
				f := distribution.Judge{}.Judge(s)
				consistent(t, s, f)
				if f.Verdict == judge.Fail {
					failed++
				}
			}
			got := float64(failed) / samples
			se := math.Sqrt(got * (1 - got) / samples)
			t.Logf("%.1f %% fail (standard error %.1f)", 100*got, 100*se)
			if row.power == 0 {
				if most := alpha + 3*math.Sqrt(alpha*(1-alpha)/samples); got > most {
					t.Errorf("%.1f %% of healthy canaries fail, want at most %.1f %%", 100*got, 100*most)
				}
			} else if least := row.power - 4*math.Sqrt(row.power*(1-row.power)*(1.0/samples+1.0/1000)); got < least {
				t.Errorf("%.1f %% found, want at least %.1f %%", 100*got, 100*least)
			}
		})
	}
}

// A canary with a fifth of the traffic has quantiles of small samples, which
// are off by what the larger arm's are not. Read as they are, 63 % of healthy
// canaries failed over 480 intervals of native buckets, and 40 % of classic
// ones.
func TestUnlikeTraffic(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	const samples, alpha = 60, 0.05
	for name, bounds := range map[string][]float64{"native": nil, "classic": classic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 61))
			w := requests{Intervals: 240, PerInterval: 500, Canary: 0.2, Bounds: bounds}
			failed := 0
			for range samples {
				s := w.draw(r, change{})
				s.Signal.Direction, s.Assignment = judge.Either, judge.Randomized
				if (distribution.Judge{}).Judge(s).Verdict == judge.Fail {
					failed++
				}
			}
			t.Logf("%d of %d healthy canaries fail", failed, samples)
			// Half as much again as promised, and three standard errors.
			if most := 1.5*alpha*samples + 3*math.Sqrt(alpha*(1-alpha)*samples); float64(failed) > most {
				t.Errorf("%d of %d healthy canaries fail, want at most %.0f", failed, samples, most)
			}
		})
	}
}
