package distribution_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

// counted returns observations in buckets with the given bounds.
func counted(bounds []float64, values ...float64) judge.Histogram {
	h := judge.Histogram{Bounds: bounds, Counts: make([]float64, len(bounds)-1)}
	for _, v := range values {
		for i := range h.Counts {
			if bounds[i] < v && v <= bounds[i+1] {
				h.Counts[i]++
			}
		}
	}
	return h
}

func TestMerge(t *testing.T) {
	a := judge.Histogram{Bounds: []float64{0, 1, 2, 4}, Counts: []float64{1, 2, 3}}
	for _, c := range []struct {
		name           string
		with           judge.Histogram
		bounds, counts []float64
	}{
		{"no data", judge.Histogram{}, a.Bounds, a.Counts},
		{"equal bounds", a, a.Bounds, []float64{2, 4, 6}},
		{"an edge is missing", judge.Histogram{Bounds: []float64{0, 2, 4}, Counts: []float64{5, 7}}, []float64{0, 2, 4}, []float64{8, 10}},
		{"one edge in common", judge.Histogram{Bounds: []float64{0, 1, 3, 4}, Counts: []float64{5, 6, 7}}, []float64{0, 1, 4}, []float64{6, 18}},
		{"outside of the range", judge.Histogram{Bounds: []float64{4, 5, 6}, Counts: []float64{5, 6}}, []float64{0, 1, 2, 4, 5, 6}, []float64{1, 2, 3, 5, 6}},
		{"a gap between", judge.Histogram{Bounds: []float64{7, 8}, Counts: []float64{5}}, []float64{0, 1, 2, 4, 7, 8}, []float64{1, 2, 3, 0, 5}},
		{"within an empty bucket", judge.Histogram{Bounds: []float64{-1, 0, 4, 5}, Counts: []float64{5, 0, 7}}, []float64{-1, 0, 1, 2, 4, 5}, []float64{5, 1, 2, 3, 7}},
		{"nothing in common", judge.Histogram{Bounds: []float64{-0.5, 0.5, 1.5, 3}, Counts: []float64{5, 6, 7}}, []float64{-0.5, 4}, []float64{24}},
		{"a bit off", judge.Histogram{Bounds: []float64{0, 1 + 1e-15, 2, 4}, Counts: []float64{1, 1, 1}}, a.Bounds, []float64{2, 3, 4}},
		{"unlimited", judge.Histogram{Bounds: []float64{math.Inf(-1), 1, inf}, Counts: []float64{1, 9}}, []float64{math.Inf(-1), 1, inf}, []float64{2, 14}},
	} {
		for _, h := range []judge.Histogram{distribution.Merge(a, c.with), distribution.Merge(c.with, a)} {
			equal(t, c.name, h, c.bounds, c.counts)
		}
	}
	if h := distribution.Merge(); len(h.Counts) != 0 {
		t.Errorf("nothing: %v", h)
	}
}

func TestIncrease(t *testing.T) {
	earlier := judge.Histogram{Bounds: []float64{0, 1, 2, 4}, Counts: []float64{1, 2, 3}}
	for _, c := range []struct {
		name           string
		later          judge.Histogram
		bounds, counts []float64
	}{
		{"more", judge.Histogram{Bounds: earlier.Bounds, Counts: []float64{1, 5, 4}}, earlier.Bounds, []float64{0, 3, 1}},
		{"restarted", judge.Histogram{Bounds: earlier.Bounds, Counts: []float64{4, 1, 9}}, earlier.Bounds, []float64{4, 1, 9}},
		{"off in the last bit", judge.Histogram{Bounds: earlier.Bounds, Counts: []float64{1 - 1e-16, 2, 3}}, earlier.Bounds, []float64{0, 0, 0}},
		{"grown", judge.Histogram{Bounds: []float64{0, 1, 2, 4, 8}, Counts: []float64{1, 2, 4, 5}}, []float64{0, 1, 2, 4, 8}, []float64{0, 0, 1, 5}},
		{"coarser", judge.Histogram{Bounds: []float64{0, 2, 4}, Counts: []float64{5, 5}}, []float64{0, 2, 4}, []float64{2, 2}},
		{"other buckets", judge.Histogram{Bounds: []float64{0, 1.5, 3, 4}, Counts: []float64{50, 50, 50}}, []float64{0, 1.5, 3, 4}, []float64{50, 50, 50}},
	} {
		equal(t, c.name, distribution.Increase(earlier, c.later), c.bounds, c.counts)
	}
	equal(t, "the first reading", distribution.Increase(judge.Histogram{}, earlier), earlier.Bounds, earlier.Counts)
}

func TestQuantile(t *testing.T) {
	linear := judge.Histogram{Bounds: []float64{0, 1, 2, 3, 4}, Counts: []float64{10, 0, 20, 10}}
	powers := judge.Histogram{Bounds: []float64{0.5, 1, 2, 8}, Counts: []float64{10, 20, 10}} // a gap is written as one bucket
	open := judge.Histogram{Bounds: []float64{math.Inf(-1), -1, 1, inf}, Counts: []float64{5, 5, 10}}
	for _, c := range []struct {
		name    string
		h       judge.Histogram
		q, want float64
	}{
		{"lowest", linear, 0, 0},
		{"linear", linear, 0.125, 0.5},
		{"at an edge", linear, 0.25, 1},
		{"beyond a gap", linear, 0.5, 2.5},
		{"highest", linear, 1, 4},
		{"sums that round", judge.Histogram{Bounds: []float64{0, 1, 2, 3}, Counts: []float64{0.1, 0.2, 0.3}}, 1, 3},
		{"geometric", powers, 0.5, math.Sqrt2},
		{"geometric over a gap", powers, 0.875, 4},
		{"below all", open, 0.2, -1},
		{"between", open, 0.375, 0},
		{"above all", open, 0.99, 1},
		{"out of range", linear, 1.1, nan},
		{"no data", judge.Histogram{}, 0.5, nan},
		{"one bucket without ends", judge.Histogram{Bounds: []float64{math.Inf(-1), inf}, Counts: []float64{1}}, 0.5, nan},
		{"default buckets are not exponential", judge.Histogram{Bounds: classic, Counts: []float64{0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0}}, 0.5, 0.175},
	} {
		if got := distribution.Quantile(c.h, c.q); !near(got, c.want, 1e-12) && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestShare(t *testing.T) {
	h := judge.Histogram{Bounds: []float64{0, 1, 2, 3, inf}, Counts: []float64{10, 0, 20, 10}}
	for _, c := range []struct{ edge, low, high float64 }{
		{-1, 1, 1},
		{0, 1, 1},
		{0.5, 0.75, 1},
		{1, 0.75, 0.75},
		{1.5, 0.75, 0.75},
		{2, 0.75, 0.75},
		{2.5, 0.25, 0.75},
		{3, 0.25, 0.25},
		{100, 0, 0.25},
	} {
		low, high := distribution.Share(h, c.edge)
		if low != c.low || high != c.high {
			t.Errorf("above %v: %v to %v, want %v to %v", c.edge, low, high, c.low, c.high)
		}
	}
	if low, high := distribution.Share(judge.Histogram{}, 1); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("no data: %v to %v", low, high)
	}
}

// The pain scores of Brunner and Munzel (2000), whose Cliff's delta is 0.577922
// (docs/statistics.md).
func TestCliffsDelta(t *testing.T) {
	scores := []float64{0, 1, 2, 3, 4, 5}
	y := counted(scores, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1)
	n := counted(scores, 3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4)
	if got := distribution.CliffsDelta(y, n); math.Abs(got-0.577922) > 5e-7 { // six digits are given
		t.Errorf("delta %v, want 0.577922", got)
	}
	if got := distribution.CliffsDelta(n, y); math.Abs(got+0.577922) > 5e-7 {
		t.Errorf("swapped: %v, want -0.577922", got)
	}
	if got := distribution.CliffsDelta(n, judge.Histogram{}); !math.IsNaN(got) {
		t.Errorf("no data: %v", got)
	}
}

// Against the definitions, on values that have a bucket each.
func TestEffectSizesAgainstPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	bounds := make([]float64, 41)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	for range 50 {
		const m, n = 30, 30
		b, c := make([]float64, m), make([]float64, n)
		for i := range b {
			b[i], c[i] = float64(1+r.IntN(20)), float64(1+r.IntN(40))
		}
		u := 0.0
		for _, x := range b {
			for _, y := range c {
				switch {
				case y > x:
					u++
				case y == x:
					u += 0.5
				}
			}
		}
		baseline, canary := counted(bounds, b...), counted(bounds, c...)
		if got := distribution.MannWhitneyU(baseline, canary); got != u {
			t.Fatalf("U %v, by pairs %v", got, u)
		}
		// Equal numbers of observations: the mean distance of the sorted ones
		// (Vallender 1974). Within its bucket of width 1 each is spread alike.
		slices.Sort(b)
		slices.Sort(c)
		want := 0.0
		for i := range b {
			want += math.Abs(b[i]-c[i]) / n
		}
		// Where the sides alternate within a bucket, its share moves by less than
		// a bucket.
		if got := distribution.Wasserstein(baseline, canary); got > want+1e-9 || got < want-0.5 {
			t.Fatalf("distance %v, sorted %v", got, want)
		}
	}
	// A shift by whole buckets has that distance.
	if got := distribution.Wasserstein(counted(bounds, 1, 2, 9), counted(bounds, 4, 5, 12)); math.Abs(got-3) > 1e-12 {
		t.Errorf("shifted by 3: %v", got)
	}
}
