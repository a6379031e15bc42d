package judgetest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/pods"
)

// TestPodsTables measures the rows of docs/statistics.md, 3.5: the share of FAIL
// at alpha 0.01 after 60 intervals, of healthy canaries and at +20 %, by the
// arms' series with margins and by pods, with a history of 60 and without. The
// tables' pods are judged by plain difference-in-differences and Welch; the
// judge of package pods also looks for one sick pod, and mistrusts few pods
// that happen to agree, which costs power. For the tables:
//
//	JUDGETEST_TRIALS=2000 go test -v -run TestPodsTables ./judge/judgetest
func TestPodsTables(t *testing.T) {
	const alpha, change = 0.01, 1.2
	samples, long := judgetest.Trials(100)
	none := math.NaN()
	columns := []struct {
		name    string
		judge   judge.Judge
		margin  float64
		history int
	}{
		{"paired", paired.Judge{}, 0, 0},
		{"paired, margin 5 %", paired.Judge{}, 0.05, 0},
		{"paired, margin 10 %", paired.Judge{}, 0.10, 0},
		{"paired, history", paired.Judge{}, 0, 60},
		{"pods, history", pods.Judge{}, 0, 60},
		{"pods", pods.Judge{}, 0, 0},
	}
	for _, row := range []struct {
		pods   int
		spread float64
		// The tables' percentages of false alarms and finds, for each column.
		alarms, found [6]float64
	}{
		{1, 0.05, [6]float64{23.3, 7.5, 1.6, 1.0, 1.0, none}, [6]float64{85, 66, 45, 73, 73, none}},
		{3, 0, [6]float64{1.3, 0, 0, 0.8, 0.8, 0.4}, [6]float64{100, 99.6, 85, 100, 100, 87}},
		{3, 0.05, [6]float64{21.2, 3.4, 0.4, 1.3, 1.3, 0.6}, [6]float64{99, 95, 68, 100, 100, 26}},
		{3, 0.10, [6]float64{46.4, 19.1, 7.0, 1.8, 1.8, 0.5}, [6]float64{93, 79, 63, 99.6, 99.6, 8}},
		{5, 0.05, [6]float64{21.2, 1.1, 0, 1.4, 1.4, 0.8}, [6]float64{100, 99, 83, 100, 100, 88}},
		{10, 0.05, [6]float64{23.6, 0.4, 0, 1.3, 1.3, 1.0}, [6]float64{100, 100, 98, 100, 100, 100}},
		{10, 0.10, [6]float64{47.8, 7.1, 0.5, 0.9, 0.9, 0.8}, [6]float64{100, 98, 87, 100, 100, 84}},
	} {
		if !long && row.pods > 5 {
			continue
		}
		for i, c := range columns {
			world := judgetest.Fleet{Pods: row.pods, Spread: row.spread, Noise: 0.15, Rho: 0.3, Shock: 0.35}
			e := judgetest.Experiment{
				Judge: c.judge, World: world.World(fmt.Sprintf("%d pods that differ by %g %%", row.pods, 100*row.spread), 60, c.history),
				Alpha: alpha, Samples: samples,
				Prepare: func(s *judge.Sample) {
					s.Signal.Margin.Relative = c.margin
					if c.history == 0 {
						// Whoever took the arms' series for a split at random.
						s.Assignment = judge.Randomized
					}
				},
			}
			curve, err := e.Power(1, change)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%-26s %-20s %v (table %.1f%%), %v (table %.1f%%)", e.World.Name, c.name, curve[0].Rate, row.alarms[i], curve[1].Rate, row.found[i])
			// What is promised holds where the judge can know what pods differ by.
			if _, single := c.judge.(pods.Judge); single || c.history > 0 {
				const most = 1.3 * alpha
				if got := curve[0]; got.Share() > most+3*math.Sqrt(most*(1-most)/float64(got.Samples)) {
					t.Errorf("%s, %s: %v false alarms, want at most %.1f%%", e.World.Name, c.name, got.Rate, 100*most)
				}
			}
		}
	}
}
