package paired_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

// TestTables reproduces rows of docs/evaluation.md: the share of FAIL at 60
// intervals, alpha 0.01 two-sided, no margin, without history (column HubAR1,
// 4000 samples).
func TestTables(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	independent := judgetest.Gauge{Noise: 0.2}
	ar6 := judgetest.Gauge{Noise: 0.2, Rho: 0.6}
	shock := judgetest.Gauge{Noise: 0.1, Shock: 0.35}
	const samples, alpha = 4000, 0.01
	for _, row := range []struct {
		name  string
		gauge judgetest.Gauge
		ratio float64
		table float64
	}{
		{"independent, A/A", independent, 1, 0.008},
		{"independent, +10 %", independent, 1.1, 0.403},
		{"independent, +20 %", independent, 1.2, 0.970},
		{"AR 0.6, A/A", ar6, 1, 0.016},
		{"AR 0.6, +20 %", ar6, 1.2, 0.365},
		{"shared shocks, A/A", shock, 1, 0.006},
		{"shared shocks, +5 %", shock, 1.05, 0.443},
		{"shared shocks, +10 %", shock, 1.1, 0.974},
	} {
		r := rand.New(rand.NewPCG(1, 60))
		world := row.gauge.World(row.name, 60, 0)
		failed := 0
		for range samples {
			s := world.Draw(r, row.ratio)
			s.Alpha = alpha
			if (paired.Judge{}).Judge(s).Verdict == judge.Fail {
				failed++
			}
		}
		got := float64(failed) / samples
		// Both are simulations of 4000 samples.
		se := math.Sqrt(2 * row.table * (1 - row.table) / samples)
		t.Logf("%-22s %5.1f %% (table %5.1f %%, standard error of the difference %.1f)", row.name, 100*got, 100*row.table, 100*se)
		if math.Abs(got-row.table) > 4*se {
			t.Errorf("%s: %.1f %% fail, the table says %.1f %%", row.name, 100*got, 100*row.table)
		}
	}
}
