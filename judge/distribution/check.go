package distribution

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
)

const (
	// maxBuckets bounds the work that one histogram can cause: Prometheus keeps
	// 160 buckets by default, DDSketch 2048 bins, and a Recorder 64 for each
	// doubling.
	maxBuckets = 1 << 16
	// mostObservations is where float64 stops counting one by one.
	mostObservations = 1 << 53
	// resolution is what two edges may differ by, relative to their size, and
	// still be one: the same edge computed in two ways differs in its last bits,
	// and no bucket is that narrow.
	resolution = 1e-9
)

// Check returns what is wrong with h: bounds that are not one more than the
// counts, do not ascend or are NaN, counts that are negative, NaN or infinite,
// more than 65536 buckets, or more than 2^53 observations. No bounds and no
// counts are an interval without data, which is fine.
//
// The other functions of this package expect histograms without such faults.
// For others their results mean nothing.
func Check(h judge.Histogram) error {
	_, err := observations(h)
	return err
}

// observations returns the total of h, or what Check does.
func observations(h judge.Histogram) (float64, error) {
	switch {
	case len(h.Counts) == 0 && len(h.Bounds) <= 1:
		return 0, nil
	case len(h.Counts) > maxBuckets:
		return 0, fmt.Errorf("%d buckets are more than the %d that are read; record with a lower resolution", len(h.Counts), maxBuckets)
	case len(h.Bounds) != len(h.Counts)+1:
		return 0, fmt.Errorf("%d bounds for %d buckets; there must be one more", len(h.Bounds), len(h.Counts))
	}
	if math.IsNaN(h.Bounds[0]) {
		return 0, fmt.Errorf("bound 0 is NaN")
	}
	total := 0.0
	for i, c := range h.Counts {
		if lo, hi := h.Bounds[i], h.Bounds[i+1]; !(lo < hi) {
			return 0, fmt.Errorf("bounds must ascend, but %g follows %g", hi, lo)
		}
		if !(c >= 0 && c <= mostObservations) {
			return 0, badCount(h.Bounds[i], h.Bounds[i+1], c)
		}
		total += c
	}
	if total > mostObservations {
		return 0, fmt.Errorf("%g observations are more than can be counted", total)
	}
	return total, nil
}

// badCount says why c cannot be the count of the bucket (lo, hi].
func badCount(lo, hi, c float64) error {
	hint := ""
	switch {
	case c < 0:
		hint = "; a count cannot be negative (is it the difference of a counter that restarted?)"
	case c > mostObservations:
		hint = "; that is more than can be counted"
	}
	return fmt.Errorf("the bucket from %g to %g holds %g observations%s", lo, hi, c, hint)
}

// sameEdge reports whether a and b are one edge.
func sameEdge(a, b float64) bool {
	return a == b || math.Abs(a-b) <= resolution*min(math.Abs(a), math.Abs(b))
}
