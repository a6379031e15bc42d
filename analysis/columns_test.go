package analysis

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge/distribution"
	"github.com/judged-dev/judged/metrics"
)

var fuzzGrid = metrics.Grid{Start: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Step: time.Minute, N: 3}

// FuzzHistograms: whatever a backend calls buckets, there are histograms without
// faults or an error.
func FuzzHistograms(f *testing.F) {
	f.Add("0.1", "1", "+Inf", 90.0, 99.0, 100.0, 60)
	f.Add("1", "1.0", "+Inf", 5.0, 6.0, 20.0, 60)
	f.Add("-1", "0x1p-2", "Inf", 0.5, math.NaN(), math.Inf(1), 1)
	f.Add("", "nan", "+Inf", -1.0, 1e300, 1e308, 180)
	f.Fuzz(func(t *testing.T, a, b, c string, x, y, z float64, seconds int) {
		at := fuzzGrid.Start.Add(time.Duration(seconds%200) * time.Second)
		var r metrics.Result
		for _, one := range []struct {
			le    string
			value float64
		}{{a, x}, {b, y}, {c, z}} {
			r.Series = append(r.Series, metrics.Series{
				Labels: metrics.Labels{"le": one.le},
				Points: []metrics.Point{{Time: at, Value: one.value}, {Time: fuzzGrid.Time(2), Value: one.value}},
			})
		}
		got, _, err := histograms(r, fuzzGrid)
		if err != nil {
			return
		}
		if len(got) != fuzzGrid.N {
			t.Fatalf("%d histograms, want %d", len(got), fuzzGrid.N)
		}
		for i, h := range got {
			if err := distribution.Check(h); err != nil {
				t.Errorf("interval %d: %v", i, err)
			}
		}
	})
}

// BenchmarkHistograms puts the buckets of one side together.
func BenchmarkHistograms(b *testing.B) {
	for _, size := range []struct{ intervals, buckets int }{{60, 24}, {1440, 24}} {
		b.Run(fmt.Sprintf("intervals=%d/buckets=%d", size.intervals, size.buckets), func(b *testing.B) {
			g := metrics.Grid{Start: fuzzGrid.Start, Step: time.Minute, N: size.intervals}
			var r metrics.Result
			for k := range size.buckets {
				le := fmt.Sprint(float64(k+1) / 100)
				if k == size.buckets-1 {
					le = "+Inf"
				}
				s := metrics.Series{Labels: metrics.Labels{"le": le}}
				for i := range g.N {
					s.Points = append(s.Points, metrics.Point{Time: g.Time(i), Value: float64(10 * (k + 1))})
				}
				r.Series = append(r.Series, s)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := histograms(r, g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
