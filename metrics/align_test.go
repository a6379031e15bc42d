package metrics_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

var t0 = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func grid(n int) metrics.Grid { return metrics.Grid{Start: t0, Step: time.Minute, N: n} }

func at(seconds float64, v float64) metrics.Point {
	return metrics.Point{Time: t0.Add(time.Duration(seconds * float64(time.Second))), Value: v}
}

func TestAlign(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name     string
		points   []metrics.Point
		fold     metrics.Fold
		want     []float64
		warnings int
	}{
		{"ends of intervals", []metrics.Point{at(60, 1), at(120, 2), at(180, 3)}, metrics.Mean, []float64{1, 2, 3}, 0},
		{"a gap stays a gap", []metrics.Point{at(60, 1), at(180, 3)}, metrics.Mean, []float64{1, nan, 3}, 0},
		{"no points", nil, metrics.Mean, []float64{nan, nan, nan}, 0},
		{"intervals are open at the start, closed at the end", []metrics.Point{at(0, 9), at(0.001, 1), at(180, 3), at(180.001, 9)}, metrics.Mean, []float64{1, nan, 3}, 0},
		{"mean of an interval", []metrics.Point{at(10, 1), at(20, 2), at(60, 6)}, metrics.Mean, []float64{3, nan, nan}, 0},
		{"sum of an interval", []metrics.Point{at(10, 1), at(20, 2), at(60, 6)}, metrics.Sum, []float64{9, nan, nan}, 0},
		{"NaN is missing", []metrics.Point{at(60, nan), at(120, 2)}, metrics.Mean, []float64{nan, 2, nan}, 0},
		{"infinite is missing and said", []metrics.Point{at(60, inf), at(120, 2)}, metrics.Mean, []float64{nan, 2, nan}, 1},
		{"order does not matter but is said", []metrics.Point{at(180, 3), at(60, 1)}, metrics.Mean, []float64{1, nan, 3}, 1},
		{"the same twice counts once", []metrics.Point{at(60, 1), at(60, 1), at(120, 2)}, metrics.Sum, []float64{1, 2, nan}, 1},
		{"mean does not overflow", []metrics.Point{at(10, math.MaxFloat64), at(20, math.MaxFloat64)}, metrics.Mean, []float64{math.MaxFloat64, nan, nan}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.points)
			got, err := metrics.Align(c.points, grid(3), c.fold)
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
			if !slices.EqualFunc(got.Values, c.want, same) {
				t.Errorf("values %v, want %v", got.Values, c.want)
			}
			if len(got.Warnings) != c.warnings {
				t.Errorf("warnings %q, want %d", got.Warnings, c.warnings)
			}
			if !slices.EqualFunc(before, c.points, func(a, b metrics.Point) bool { return a.Time.Equal(b.Time) && same(a.Value, b.Value) }) {
				t.Error("the caller's points were changed")
			}
		})
	}
}

func TestAlignRefusesContradictions(t *testing.T) {
	if _, err := metrics.Align([]metrics.Point{at(60, 1), at(60, 2)}, grid(3), metrics.Mean); err == nil {
		t.Error("two values for one moment were accepted")
	}
}

func TestNewGrid(t *testing.T) {
	w := metrics.Window{Start: t0, End: t0.Add(150 * time.Second)}
	if g := metrics.NewGrid(w, time.Minute); g.N != 2 || !g.Time(1).Equal(t0.Add(2*time.Minute)) {
		t.Errorf("grid %+v: only whole intervals count", g)
	}
	for _, step := range []time.Duration{0, -time.Second, time.Hour} {
		if g := metrics.NewGrid(w, step); g.N != 0 {
			t.Errorf("step %v gave %d intervals", step, g.N)
		}
	}
}

func FuzzAlign(f *testing.F) {
	f.Add(int64(60), int64(120), 1.0, 2.0)
	f.Fuzz(func(t *testing.T, s1, s2 int64, v1, v2 float64) {
		points := []metrics.Point{{Time: time.Unix(s1, 0), Value: v1}, {Time: time.Unix(s2, 0), Value: v2}}
		a, err := metrics.Align(points, grid(5), metrics.Mean)
		if err == nil && len(a.Values) != 5 {
			t.Errorf("%d values", len(a.Values))
		}
	})
}
