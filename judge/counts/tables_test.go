package counts_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/judgetest"
)

// The tables of docs/statistics.md, 3.3, were simulated with 2000 samples a cell,
// at alpha 0.01 one-sided: an interval with two ends at 0.02.
const (
	tableSamples = 2000
	tableAlpha   = 0.02
	tableHistory = 480
	// below is how far a power may stay below the tables'.
	below = 0.03
)

// columns are the ways to judge a row.
var columns = []struct {
	name    string
	history int
	looks   bool
}{
	{"at the end", 0, false},
	{"looks", 0, true},
	{"looks, history", tableHistory, true},
}

// row is a row of the tables: percentages "exact at end", "GS exact" and "GS
// tempered, hist". Where events of one arm are not independent the first two
// are of tests that do not know it, and are not asked for.
type row struct {
	name      string
	events    judgetest.Events
	intervals int
	ratio     float64
	tables    [3]float64
	// cost is what each column is known to find less beyond that: the tables'
	// first two tests know that the dispersion is 1, the third takes it from the
	// history alone. The judge learns it, and takes the larger of two estimates.
	cost [3]float64
	// excess is the factor by which false alarms are known to exceed the
	// promise; 0 counts as 1.
	excess float64
}

var none = math.NaN()

var rows = []row{
	{name: "0.2 a minute", events: judgetest.Events{Rate: 0.2}, intervals: 60, ratio: 1, tables: [3]float64{0.8, 0.5, 0.4}},
	{name: "0.2 a minute", events: judgetest.Events{Rate: 0.2}, intervals: 60, ratio: 3, tables: [3]float64{86.1, 83.8, 81.4}, cost: [3]float64{0.12, 0.18, 0.11}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 60, ratio: 1, tables: [3]float64{0.6, 0.6, 0.4}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 60, ratio: 1.5, tables: [3]float64{51.0, 49.0, 45.8}, cost: [3]float64{0.05, 0.11, 0.12}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 60, ratio: 2, tables: [3]float64{98.4, 98.2, 97.6}, cost: [3]float64{0.01, 0.03, 0.03}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 60, ratio: 3, tables: [3]float64{100, 100, 100}},
	{name: "5 a minute", events: judgetest.Events{Rate: 5}, intervals: 60, ratio: 1, tables: [3]float64{0.6, 0.6, 0.5}},
	{name: "5 a minute", events: judgetest.Events{Rate: 5}, intervals: 60, ratio: 1.5, tables: [3]float64{99.9, 99.9, 99.7}},
	{name: "5 a minute", events: judgetest.Events{Rate: 5}, intervals: 60, ratio: 3, tables: [3]float64{100, 100, 100}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 180, ratio: 1, tables: [3]float64{0.6, 0.6, 0.4}},
	{name: "1 a minute", events: judgetest.Events{Rate: 1}, intervals: 180, ratio: 1.5, tables: [3]float64{96.8, 96.0, 94.9}, cost: [3]float64{0, 0.01, 0.01}},
	{name: "canary of a tenth", events: judgetest.Events{Rate: 5, Canary: 0.1}, intervals: 60, ratio: 1, tables: [3]float64{0.6, 0.6, 0.5}},
	{name: "canary of a tenth", events: judgetest.Events{Rate: 5, Canary: 0.1}, intervals: 60, ratio: 2, tables: [3]float64{97.2, 96.9, 95.9}, cost: [3]float64{0, 0.02, 0.01}},
	// A tenth of the intervals with ten times the events: 1 a minute on average.
	{name: "shared bursts", events: judgetest.Events{Rate: 1 / 1.9, Bursts: true}, intervals: 60, ratio: 1, tables: [3]float64{0.7, 0.5, 0.5}},
	{name: "shared bursts", events: judgetest.Events{Rate: 1 / 1.9, Bursts: true}, intervals: 60, ratio: 2, tables: [3]float64{94, 93, 91}, cost: [3]float64{0, 0.04, 0}},
	{name: "own bursts of 3", events: judgetest.Events{Rate: 1, Fano: 3}, intervals: 180, ratio: 1, tables: [3]float64{none, none, 0.7}},
	{name: "own bursts of 3", events: judgetest.Events{Rate: 1, Fano: 3}, intervals: 180, ratio: 2, tables: [3]float64{none, none, 94.8}},
	{name: "own swings", events: judgetest.Events{Rate: 5, Noise: 0.5, Rho: 0.7}, intervals: 180, ratio: 1, tables: [3]float64{none, none, 3.4}, excess: 3.4},
	{name: "own swings", events: judgetest.Events{Rate: 5, Noise: 0.5, Rho: 0.7}, intervals: 180, ratio: 2, tables: [3]float64{none, none, 100}},
}

// TestTables measures the rows of docs/statistics.md, 3.3: the share of FAIL for
// an increase without margins, at the end and with a look every minute, alone
// and with a history. Usually it draws few samples at the end; for the tables:
//
//	JUDGETEST_TRIALS=1000 go test -v -timeout 30m -run TestTables ./judge/counts
func TestTables(t *testing.T) {
	samples, long := judgetest.Trials(400)
	for _, row := range rows {
		for i, c := range columns {
			if c.looks && !long {
				continue
			}
			e := judgetest.Experiment{
				Judge: counts.Judge{}, World: row.events.World(row.name, row.intervals, c.history), Alpha: tableAlpha, Samples: samples,
				Prepare: func(s *judge.Sample) { s.Signal.Direction, s.Assignment = judge.Increase, judge.Randomized },
			}
			if c.looks {
				e.Looks = judgetest.LooksEvery(1, 1, row.intervals)
			}
			curve, err := e.Power(row.ratio)
			if err != nil {
				t.Fatal(err)
			}
			got, table, miss := curve[0], row.tables[i]/100, ""
			cell := fmt.Sprintf("%-17s n=%-3d x%-3g %-14s %-36v table %5.1f%%", row.name, row.intervals, row.ratio, c.name, got, 100*table)
			// The promise is one-sided, 1.3 times with a look every minute and a
			// history and twice without one.
			const oneSided = tableAlpha / 2
			if row.ratio == 1 {
				most := oneSided
				if c.looks {
					most *= map[bool]float64{true: 1.3, false: 2}[c.history > 0]
				}
				if got.Share() > most {
					miss = fmt.Sprintf("  above the promised %.1f%%", 100*most)
				}
				most = max(most, oneSided*row.excess)
				if got.Share() > most+3*math.Sqrt(most*(1-most)/float64(got.Samples)) {
					t.Errorf("%s: want at most %.1f%%", cell, 100*most)
				}
			} else if got.Share() < table-below {
				miss = fmt.Sprintf("  %.1f points below the table", 100*(table-got.Share()))
				se := math.Sqrt(table * (1 - table) * (1/float64(got.Samples) + 1.0/tableSamples))
				if least := table - below - row.cost[i] - 3*se; got.Share() < least {
					t.Errorf("%s: want at least %.1f%%", cell, 100*least)
				}
			}
			t.Log(cell + miss)
		}
	}
}
