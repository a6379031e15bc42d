package counts_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/judgetest"
)

// TestTables compares with docs/evaluation.md: the share of FAIL at alpha 0.01
// one-sided, no margin. The table's tests know that the dispersion is 1 or have
// 480 intervals to learn it; here it is learned from the window alone, which
// costs power (not more than the last column allows) and no false alarms.
func TestTables(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	const samples, alpha = 4000, 0.01
	for _, row := range []struct {
		name      string
		events    judgetest.Events
		intervals int
		ratio     float64
		table     float64 // "exact at end"; with bursts of one arm "tempered, hist"
		cost      float64
	}{
		{"0.2 a minute, A/A", judgetest.Events{Rate: 0.2}, 60, 1, 0.008, 0},
		{"0.2 a minute, x3", judgetest.Events{Rate: 0.2}, 60, 3, 0.861, 0.13},
		{"1 a minute, A/A", judgetest.Events{Rate: 1}, 60, 1, 0.006, 0},
		{"1 a minute, x1.5", judgetest.Events{Rate: 1}, 60, 1.5, 0.510, 0.12},
		{"1 a minute, x2", judgetest.Events{Rate: 1}, 60, 2, 0.984, 0.05},
		{"5 a minute, x1.5", judgetest.Events{Rate: 5}, 60, 1.5, 0.999, 0.02},
		{"canary of a tenth, x2", judgetest.Events{Rate: 5, Canary: 0.1}, 60, 2, 0.972, 0.05},
		{"own bursts of 3, A/A", judgetest.Events{Rate: 1, Fano: 3}, 180, 1, 0.007, 0},
		{"own bursts of 3, x2", judgetest.Events{Rate: 1, Fano: 3}, 180, 2, 0.948, 0.02},
	} {
		r := rand.New(rand.NewPCG(1, 60))
		world := row.events.World(row.name, row.intervals, 0)
		failed := 0
		for range samples {
			s := world.Draw(r, row.ratio)
			s.Alpha = 2 * alpha // an increase has one end of the interval
			s.Signal.Direction = judge.Increase
			if (counts.Judge{}).Judge(s).Verdict == judge.Fail {
				failed++
			}
		}
		got := float64(failed) / samples
		t.Logf("%-22s %5.1f %% (table %5.1f %%)", row.name, 100*got, 100*row.table)
		// The table's simulations had 2000 samples.
		se := math.Sqrt(row.table * (1 - row.table) * (1.0/samples + 1.0/2000))
		if row.ratio == 1 {
			if most := alpha + 3*math.Sqrt(alpha*(1-alpha)/samples); got > most {
				t.Errorf("%s: %.2f %% fail, want at most %.2f %%", row.name, 100*got, 100*most)
			}
		} else if got < row.table-row.cost-4*se {
			t.Errorf("%s: %.1f %% found, the table says %.1f %%", row.name, 100*got, 100*row.table)
		}
	}
}
