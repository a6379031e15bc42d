package metrics_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func TestNewHistogram(t *testing.T) {
	inf := math.Inf(1)
	h, err := metrics.NewHistogram([]metrics.Bucket{{math.Inf(-1), -1, 1}, {-1, 0, 0}, {2, inf, 2.5}})
	want := metrics.Histogram{Bounds: []float64{math.Inf(-1), -1, 0, 2, inf}, Counts: []float64{1, 0, 0, 2.5}}
	if err != nil || !h.Equal(want) {
		t.Errorf("got %v and %v, want %v", h, err, want)
	}
	if h, err := metrics.NewHistogram(nil); err != nil || len(h.Bounds)+len(h.Counts) > 0 {
		t.Errorf("no buckets: %v and %v", h, err)
	}
	nan := math.NaN()
	for want, buckets := range map[string][]metrics.Bucket{
		"a bucket from 1 to 1":    {{1, 1, 1}},
		"a bucket from 2 to 1":    {{2, 1, 1}},
		"a bucket from NaN to 1":  {{nan, 1, 1}},
		"a bucket from 1 to NaN":  {{1, nan, 1}},
		"begins before the end":   {{0, 2, 1}, {1, 3, 1}},
		"-1 observations":         {{0, 1, -1}},
		"NaN observations":        {{0, 1, nan}},
		"+Inf observations":       {{0, 1, inf}},
		"histogram of 65537 buck": make([]metrics.Bucket, 65537),
	} {
		if _, err := metrics.NewHistogram(buckets); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
}

func FuzzNewHistogram(f *testing.F) {
	f.Add(0.0, 1.0, 2.0, 1.0, 3.0, 4.0)
	f.Add(-1.0, 1.0, 2.0, 3.0, math.Inf(1), 4.0)
	f.Add(-1.0, 1.0, 2.0, 0.5, 3.0, 0.0)
	f.Fuzz(func(t *testing.T, a, b, n, c, d, m float64) {
		h, err := metrics.NewHistogram([]metrics.Bucket{{a, b, n}, {c, d, m}})
		if err != nil {
			return
		}
		if len(h.Bounds) != len(h.Counts)+1 {
			t.Fatalf("%d bounds for %d counts", len(h.Bounds), len(h.Counts))
		}
		for i := range h.Counts {
			if !(h.Bounds[i] < h.Bounds[i+1]) || !(h.Counts[i] >= 0) {
				t.Errorf("bucket %d of %v", i, h)
			}
		}
	})
}

func TestAlignHistograms(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	g := metrics.Grid{Start: start, Step: time.Minute, N: 3}
	at := func(seconds int, count float64) metrics.HistogramPoint {
		return metrics.HistogramPoint{
			Time:      start.Add(time.Duration(seconds) * time.Second),
			Histogram: metrics.Histogram{Bounds: []float64{0, 1}, Counts: []float64{count}},
		}
	}
	// Before the grid, two in the first interval, one of them twice, none in the
	// second, one in the third, one after; not in order.
	a, err := metrics.AlignHistograms([]metrics.HistogramPoint{at(60, 2), at(0, 9), at(30, 1), at(180, 3), at(181, 9), at(30, 1)}, g)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]float64
	for _, in := range a.Intervals {
		var counts []float64
		for _, p := range in {
			counts = append(counts, p.Histogram.Counts[0])
		}
		got = append(got, counts)
	}
	want := [][]float64{{1, 2}, nil, {3}}
	if !slices.EqualFunc(got, want, slices.Equal[[]float64]) || a.Missing != 1 || a.Outside != 2 {
		t.Errorf("got %v, %d missing, %d outside; want %v, 1 and 2", got, a.Missing, a.Outside, want)
	}
	if w := strings.Join(a.Warnings, "; "); !strings.Contains(w, "out of order") || !strings.Contains(w, "1 points came twice") {
		t.Errorf("warnings: %q", w)
	}
	if _, err := metrics.AlignHistograms([]metrics.HistogramPoint{at(30, 1), at(30, 2)}, g); err == nil || !strings.Contains(err.Error(), "two histograms for 2026-01-02T03:00:30Z") {
		t.Errorf("a contradiction: %v", err)
	}
}
