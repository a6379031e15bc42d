package paired_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

// The tables of docs/statistics.md were simulated with 2000 samples a cell, at
// alpha 0.01 two-sided without margins, for arms that are alike.
const (
	tableSamples = 2000
	tableAlpha   = 0.01
	tableHistory = 480
)

// below is how far a power may stay below the tables'.
const below = 0.03

var (
	independent  = judgetest.Gauge{Noise: 0.2}
	ar3          = judgetest.Gauge{Noise: 0.2, Rho: 0.3}
	ar6          = judgetest.Gauge{Noise: 0.2, Rho: 0.6}
	ar9          = judgetest.Gauge{Noise: 0.2, Rho: 0.9}
	sharedShocks = judgetest.Gauge{Noise: 0.1, Shock: 0.35}
	shocksAR6    = judgetest.Gauge{Noise: 0.1, Rho: 0.6, Shock: 0.35}
	// The tables do not say how much noise the daily swing goes with; 0.15 gives
	// their powers.
	dailySwing = judgetest.Gauge{Noise: 0.15, Rho: 0.3, Swing: 0.5}
	heavyTails = judgetest.Gauge{Noise: 0.2, Rho: 0.3, Heavy: true}
)

func alike(s *judge.Sample) { s.Assignment = judge.Randomized }

// column is one way to judge a row of a table.
type column struct {
	name    string
	judge   paired.Judge
	history int
}

var columns = []column{
	{"alone", paired.Judge{}, 0},
	{"cautious", paired.Judge{Calibration: paired.Cautious}, tableHistory},
	{"pooled", paired.Judge{Calibration: paired.Pooled}, tableHistory},
}

// promise is the most false alarms at this alpha: 1.3 times it with a history,
// twice without one up to an autocorrelation of 0.6.
func (c column) promise(g judgetest.Gauge) float64 {
	switch {
	case c.history > 0:
		return 1.3 * tableAlpha
	case g.Rho <= 0.6:
		return 2 * tableAlpha
	default:
		return 1
	}
}

// TestTables measures the rows of docs/statistics.md, 3.1: the share of FAIL
// after 30, 60 and 180 intervals, alone and with a history. Usually it draws few
// samples of the rows of 60 intervals; for the tables:
//
//	JUDGETEST_TRIALS=4000 go test -v -timeout 30m -run TestTables ./judge/paired
func TestTables(t *testing.T) {
	samples, long := judgetest.Trials(300)
	lengths := []int{30, 60, 180}
	for _, row := range []struct {
		name  string
		gauge judgetest.Gauge
		ratio float64
		// The tables' percentages, "HubAR1" and "+hist" for each length.
		alone, calibrated [3]float64
	}{
		{"independent", independent, 1, [3]float64{0.8, 0.8, 1.0}, [3]float64{0.8, 0.4, 1.0}},
		{"independent", independent, 1.1, [3]float64{15.4, 40.3, 95.7}, [3]float64{17.6, 42.1, 96.1}},
		{"independent", independent, 1.2, [3]float64{65.7, 97.0, 100}, [3]float64{73.8, 97.6, 100}},
		{"AR 0.3", ar3, 1, [3]float64{2.3, 1.2, 1.1}, [3]float64{0.4, 0.8, 0.8}},
		{"AR 0.3", ar3, 1.2, [3]float64{38.3, 76.1, 99.8}, [3]float64{43.6, 81.1, 99.9}},
		{"AR 0.6", ar6, 1, [3]float64{2.3, 1.6, 1.8}, [3]float64{0.5, 0.8, 1.2}},
		{"AR 0.6", ar6, 1.2, [3]float64{19.9, 36.5, 92.8}, [3]float64{18.9, 40.1, 95.2}},
		{"AR 0.9", ar9, 1, [3]float64{6.7, 4.2, 2.6}, [3]float64{1.1, 1.2, 1.5}},
		{"AR 0.9", ar9, 1.4, [3]float64{21.4, 26.6, 66.4}, [3]float64{16.2, 32.4, 81.2}},
		{"shared shocks", sharedShocks, 1, [3]float64{1.0, 0.6, 0.8}, [3]float64{0.8, 0.5, 0.8}},
		{"shared shocks", sharedShocks, 1.05, [3]float64{16.5, 44.3, 96.4}, [3]float64{18.6, 45.8, 96.7}},
		{"shared shocks", sharedShocks, 1.1, [3]float64{69.0, 97.4, 100}, [3]float64{78.0, 98.7, 100}},
		{"shocks, AR 0.6", shocksAR6, 1, [3]float64{3.7, 2.3, 1.1}, [3]float64{1.0, 0.8, 0.6}},
		{"shocks, AR 0.6", shocksAR6, 1.1, [3]float64{18.2, 38.0, 93.8}, [3]float64{18.6, 46.0, 95.7}},
		{"daily swing", dailySwing, 1, [3]float64{2.1, 1.5, 1.4}, [3]float64{0.6, 0.7, 0.9}},
		{"daily swing", dailySwing, 1.1, [3]float64{21.2, 41.8, 94.7}, [3]float64{19.7, 44.0, 95.2}},
		{"heavy tails", heavyTails, 1, [3]float64{1.6, 1.0, 0.8}, [3]float64{0.4, 0.5, 0.6}},
		{"heavy tails", heavyTails, 1.2, [3]float64{52.6, 89.9, 100}, [3]float64{63.2, 93.7, 100}},
	} {
		for i, n := range lengths {
			if n != 60 && !long {
				continue
			}
			for _, c := range columns {
				table := row.alone[i] / 100
				if c.history > 0 {
					table = row.calibrated[i] / 100
				}
				e := judgetest.Experiment{
					Judge: c.judge, World: row.gauge.World(row.name, n, c.history), Alpha: tableAlpha, Prepare: alike, Samples: samples,
				}
				check(t, e, row.gauge, c, row.ratio, table)
			}
		}
	}
}

// TestLooksTables measures the rows of docs/statistics.md, 3.2: a look every
// minute from 10 to 60, or every 5 from 10 to 180. Without a history the tables
// spend as O'Brien and Fleming, with one the square.
func TestLooksTables(t *testing.T) {
	samples, long := judgetest.Trials(100)
	for _, row := range []struct {
		name  string
		gauge judgetest.Gauge
		ratio float64
		// The tables' percentages, "GS-OBF no hist" and "GS-pow2 hist"; NaN where
		// they have none.
		alone, calibrated float64
	}{
		{"independent", independent, 1, 0.8, 0.8},
		{"AR 0.3", ar3, 1, 3.2, 0.9},
		{"AR 0.6", ar6, 1, 4.1, 0.9},
		{"AR 0.9", ar9, 1, 9.6, 0.7},
		{"shared shocks", sharedShocks, 1, 1.1, 0.4},
		{"daily swing", dailySwing, 1, 1.7, 0.8},
		{"heavy tails", heavyTails, 1, 2.1, 0.7},
		{"independent", independent, 1.2, 95.8, 96.8},
		{"independent", independent, 1.5, 100, 100},
		{"shared shocks", sharedShocks, 1.1, 98.4, 97.8},
		{"shocks, AR 0.6", shocksAR6, 1.2, 86, 97.6},
		{"AR 0.3", ar3, 1.2, math.NaN(), 78},
		{"AR 0.6", ar6, 1.3, math.NaN(), 75},
		{"AR 0.9", ar9, 1.5, math.NaN(), 37},
	} {
		for _, c := range columns {
			table := row.alone / 100
			if c.history > 0 {
				table = row.calibrated / 100
			}
			e := judgetest.Experiment{
				Judge: c.judge, World: row.gauge.World(row.name, 60, c.history), Alpha: tableAlpha, Prepare: alike,
				Looks: judgetest.LooksEvery(10, 5, 60), Samples: samples,
			}
			if long {
				e.Looks = judgetest.LooksEvery(10, 1, 60)
			}
			check(t, e, row.gauge, c, row.ratio, table)
			if long && row.ratio == 1 {
				e.World = row.gauge.World(row.name, 180, c.history)
				e.Looks = judgetest.LooksEvery(10, 5, 180)
				check(t, e, row.gauge, c, row.ratio, table)
			}
		}
	}
}

// check measures one cell: false alarms against the promise, powers against the
// table, each with three standard errors.
func check(t *testing.T, e judgetest.Experiment, g judgetest.Gauge, c column, ratio, table float64) {
	t.Helper()
	curve, err := e.Power(ratio)
	if err != nil {
		t.Fatal(err)
	}
	got, n := curve[0], e.World.Intervals
	looks := ""
	if len(e.Looks) > 0 {
		looks = fmt.Sprintf(", %d looks", len(e.Looks))
	}
	miss := ""
	if ratio == 1 {
		most := c.promise(g)
		if got.Share() > most+3*math.Sqrt(most*(1-most)/float64(got.Samples)) {
			t.Errorf("%s, %s, %d intervals%s: %v false alarms, want at most %.1f%%", e.World.Name, c.name, n, looks, got.Rate, 100*most)
		}
		if got.Share() > most {
			miss = "  above the promise"
		}
	} else if got.Share() < table-below {
		miss = "  below the table"
		if se := math.Sqrt(table * (1 - table) * (1/float64(got.Samples) + 1.0/tableSamples)); got.Share() < table-below-3*se-c.costs(g, n, len(e.Looks) > 0) {
			t.Errorf("%s, %s, %d intervals%s: %v, the table says %.1f%%", e.World.Name, c.name, n, looks, got, 100*table)
		}
	}
	t.Logf("%-14s %-8s n=%-3d%-10s %-34v table %5.1f%%%s", e.World.Name, c.name, n, looks, got, 100*table, miss)
}

// costs is what a column is known to find less than the tables.
func (column) costs(judgetest.Gauge, int, bool) float64 { return 0 }
