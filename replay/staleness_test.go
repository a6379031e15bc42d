package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func TestStaleMarkers(t *testing.T) {
	// samples writes one series.
	samples := func(name string, times ...float64) string {
		var b strings.Builder
		for _, at := range times {
			fmt.Fprintf(&b, "%s 1 %v\n", name, at)
		}
		return b.String()
	}
	tests := map[string]struct {
		text string // the series "a", and what else there is
		want []float64
	}{
		"alive at the end":             {samples("a", 0, 10, 20, 30), []float64{45}},
		"jitter":                       {samples("a", 0, 10, 24, 30, 40), []float64{55}},
		"gone before the end":          {samples("a", 0, 10, 20, 30) + samples("b", 0, 10, 20, 30, 40, 50), []float64{40}},
		"almost at the end":            {samples("a", 0, 10, 20, 30) + samples("b", 5, 15, 25, 35, 45), []float64{45}},
		"one scrape missed":            {samples("a", 0, 10, 20, 40, 50), []float64{30, 65}},
		"away for long":                {samples("a", 0, 10, 20, 500, 510, 520), []float64{30, 535}},
		"its own slow scrape":          {samples("a", 0, 60, 120, 180) + samples("b", 0, 10, 20, 30, 180), []float64{270}},
		"too few to tell, others tell": {samples("a", 0, 60) + samples("b", 0, 10, 20, 30, 40, 50, 60), []float64{10, 75}},
		"one sample, others tell":      {samples("a", 20) + samples("b", 0, 10, 20, 30, 40), []float64{30}},
		"only a few samples":           {samples("a", 0, 60), []float64{150}},
		"one sample":                   {samples("a", 0), nil},
		"the smaller of two medians":   {samples("a", 0, 10, 20, 120, 220), []float64{30, 130, 235}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, test.text+"# EOF\n", Options{}).store.match(matchersOf(t, "a"))[0]
			var got []float64
			for i := range s.times {
				if s.values[i] != 1 {
					got = append(got, float64(s.times[i])/1000)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("markers at %v, want %v", got, test.want)
			}
			if !slices.IsSorted(s.times) {
				t.Errorf("times %v are not in order", s.times)
			}
		})
	}
}

// Of a pod that is replaced, only the successor is seen: the rollout's
// instances are two at any time.
func TestReplacedPodIsNotCountedTwice(t *testing.T) {
	grid := metrics.Grid{Start: rolloutRelease.Add(rolloutScrape), Step: time.Minute, N: 5}
	query := metrics.Query{Expr: "count(app_temperature_celsius)", Grid: grid}
	for _, test := range []struct {
		keep bool
		want []float64
	}{
		{false, []float64{2, 2, 2, 2, 2}},
		{true, []float64{3, 3, 3, 3, 2}}, // for five minutes after the last sample
	} {
		result, err := open(t, rolloutText(), Options{KeepVanished: test.keep}).Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, p := range result.Series[0].Points {
			got = append(got, p.Value)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("KeepVanished %t: %v instances, want %v", test.keep, got, test.want)
		}
	}
}

// Markers leave range selectors alone.
func TestStaleMarkersDoNotChangeRates(t *testing.T) {
	for _, expr := range []string{`rate(app_requests_total[2m])`, `sum_over_time(app_temperature_celsius[5m])`, `count_over_time(app_requests_total[90s])`} {
		query := metrics.Query{Expr: expr, Grid: metrics.NewGrid(metrics.Window{Start: rolloutStart, End: rolloutEnd.Add(5 * time.Minute)}, 30*time.Second)}
		want, err := open(t, rolloutText(), Options{KeepVanished: true}).Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := open(t, rolloutText(), Options{}).Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		compareSeries(t, want.Series, got.Series)
	}
}
