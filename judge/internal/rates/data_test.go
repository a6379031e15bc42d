package rates

import (
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func TestCollect(t *testing.T) {
	nan := math.NaN()
	d := collect(t,
		[]float64{1, nan, 3, 4, 0}, []float64{10, 10, 10, 10, 0},
		[]float64{2, 2, nan, 5, 1}, []float64{20, 20, 20, 40, 20})
	// The second and third lack a value, the last has no baseline traffic.
	if d.Len() != 2 || d.Baseline.Events != 5 || d.Canary.Events != 7 || d.Baseline.Exposure != 20 || d.Canary.Exposure != 60 {
		t.Errorf("%d intervals, baseline %+v, canary %+v", d.Len(), d.Baseline, d.Canary)
	}
	if d.least != 2 || d.most != 4 {
		t.Errorf("weights from %v to %v, want 2 to 4", d.least, d.most)
	}
}

func TestCollectRefuses(t *testing.T) {
	for _, c := range []struct {
		name           string
		events, totals []float64
		share          bool
		says           string
	}{
		{"negative count", []float64{1, -2}, nil, false, "canary, interval 1: -2 events; a count cannot be negative"},
		{"uncountable", []float64{1e300, 1}, nil, false, "more than can be counted"},
		{"negative total", []float64{1, 1}, []float64{5, -1}, true, "a total cannot be negative"},
		{"events of nothing", []float64{1, 1}, []float64{5, 0}, true, "interval 1: 1 events out of a total of 0"},
		{"tiny total", []float64{1, 1}, []float64{5, 5e-324}, false, "out of range"},
		{"whole events above the total", []float64{1, 6}, []float64{5, 5}, true, "6 events out of a total of 5"},
		{"far above an extrapolated total", []float64{1, 7.5}, []float64{50, 3.7}, true, "7.5 events out of a total of 3.7"},
		{"more events than totals over all", []float64{3.9, 3.9}, []float64{3.7, 3.7}, true, "the canary has 7.8 events out of a total of 7.4"},
		{"extrapolated above the total once", []float64{0, 3.9}, []float64{50.5, 3.7}, true, ""},
		{"more events than exposure", []float64{7, 8}, []float64{1, 1}, false, ""},
	} {
		side := judge.Side{Values: c.events, Totals: c.totals}
		fine := judge.Side{Values: []float64{1, 1}}
		if c.totals != nil {
			fine.Totals = []float64{10, 10}
		}
		_, err := Kind{Share: c.share}.Collect(judge.Pair{Baseline: fine, Canary: side})
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.says)
		}
	}
}
