package metrics

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Histogram is observations counted in buckets: Counts[i] of them lie in
// (Bounds[i], Bounds[i+1]].
type Histogram struct {
	// Bounds ascend and are one more than Counts. The first may be -Inf, the
	// last +Inf.
	Bounds []float64
	// Counts are those of each bucket alone.
	Counts []float64
}

// Equal reports whether both have the same buckets and counts.
func (h Histogram) Equal(o Histogram) bool {
	return slices.Equal(h.Bounds, o.Bounds) && slices.Equal(h.Counts, o.Counts)
}

// Bucket is one bucket of a Histogram.
type Bucket struct{ Low, High, Count float64 }

// mostBuckets bounds one histogram; a native one of Prometheus' finest schema
// has some thousands.
const mostBuckets = 1 << 16

// NewHistogram returns the histogram of buckets in ascending order. What lies
// between two of them is a bucket without observations, as backends leave those
// out. It is an error if a bucket has no width, reaches into the one before it,
// or has a count that is negative or not finite.
func NewHistogram(buckets []Bucket) (Histogram, error) {
	if len(buckets) == 0 {
		return Histogram{}, nil
	}
	if len(buckets) > mostBuckets {
		return Histogram{}, fmt.Errorf("a histogram of %d buckets: %d are read", len(buckets), mostBuckets)
	}
	h := Histogram{Bounds: make([]float64, 1, len(buckets)+1), Counts: make([]float64, 0, len(buckets))}
	h.Bounds[0] = buckets[0].Low
	for _, b := range buckets {
		last := h.Bounds[len(h.Bounds)-1]
		switch {
		case !(b.Low < b.High):
			return Histogram{}, fmt.Errorf("a bucket from %v to %v", b.Low, b.High)
		case b.Low < last:
			return Histogram{}, fmt.Errorf("the bucket from %v to %v begins before the end of the one before it, %v", b.Low, b.High, last)
		case !(b.Count >= 0 && b.Count <= math.MaxFloat64):
			return Histogram{}, fmt.Errorf("%v observations from %v to %v", b.Count, b.Low, b.High)
		case b.Low > last:
			h.Bounds, h.Counts = append(h.Bounds, b.Low), append(h.Counts, 0)
		}
		h.Bounds, h.Counts = append(h.Bounds, b.High), append(h.Counts, b.Count)
	}
	return h, nil
}

// HistogramPoint is one histogram of a series.
type HistogramPoint struct {
	Time      time.Time
	Histogram Histogram
}

// HistogramAlignment is a series of histograms on a grid.
type HistogramAlignment struct {
	// Intervals holds the histograms of each interval in the order of time: one,
	// none where the series has none, several where it is finer than the grid.
	Intervals [][]HistogramPoint
	// Missing, Outside and Warnings are those of Alignment.
	Missing, Outside int
	Warnings         []string
}

// AlignHistograms puts points on the grid by the rules of Align: they are taken
// in any order, the same one twice counts once, and two different ones of one
// moment are an error.
func AlignHistograms(points []HistogramPoint, g Grid) (HistogramAlignment, error) {
	a := HistogramAlignment{Intervals: make([][]HistogramPoint, g.N)}
	byTime := func(x, y HistogramPoint) int { return x.Time.Compare(y.Time) }
	if !slices.IsSortedFunc(points, byTime) {
		a.Warnings = append(a.Warnings, unordered)
		points = slices.Clone(points)
		slices.SortStableFunc(points, byTime)
	}
	duplicates := 0
	for i, p := range points {
		if i > 0 && p.Time.Equal(points[i-1].Time) {
			if !p.Histogram.Equal(points[i-1].Histogram) {
				return HistogramAlignment{}, fmt.Errorf("two histograms for %s", p.Time.UTC().Format(time.RFC3339Nano))
			}
			duplicates++
			continue
		}
		slot, ok := g.slot(p.Time)
		if !ok {
			a.Outside++
			continue
		}
		a.Intervals[slot] = append(a.Intervals[slot], p)
	}
	for _, in := range a.Intervals {
		if len(in) == 0 {
			a.Missing++
		}
	}
	if duplicates > 0 {
		a.Warnings = append(a.Warnings, twice(duplicates))
	}
	return a, nil
}
