package distribution

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// layout collects buckets in ascending order. What lies between two of them is
// one bucket without observations, however wide: a histogram takes as much room
// as it has buckets with observations, not as its range.
type layout struct {
	h judge.Histogram
}

// add appends the bucket (lo, hi] after checking its count.
func (l *layout) add(lo, hi, count float64) error {
	if !(count >= 0 && count <= mostObservations) {
		return badCount(lo, hi, count)
	}
	l.put(lo, hi, count)
	return nil
}

// put appends the bucket (lo, hi]. Where it overlaps the one before, as the zero
// bucket may the first regular ones, that one keeps what it has, and takes in a
// bucket that lies within it.
func (l *layout) put(lo, hi, count float64) {
	if count == 0 {
		return
	}
	if n := len(l.h.Bounds); n == 0 {
		l.h.Bounds = append(l.h.Bounds, lo)
	} else if last := l.h.Bounds[n-1]; hi <= last {
		l.h.Counts[n-2] += count
		return
	} else if lo > last && !sameEdge(lo, last) {
		l.h.Bounds = append(l.h.Bounds, lo)
		l.h.Counts = append(l.h.Counts, 0)
	}
	l.h.Bounds = append(l.h.Bounds, hi)
	l.h.Counts = append(l.h.Counts, count)
}

// addZero appends the observations that are no farther from 0 than threshold.
// Without observations below, they are taken for not negative.
func (l *layout) addZero(threshold, count float64) error {
	lo := 0 - threshold
	if len(l.h.Bounds) == 0 {
		lo = 0
	}
	if lo >= threshold {
		// Zero and nothing else: no bucket is narrower.
		lo, threshold = -math.SmallestNonzeroFloat64, 0
	}
	return l.add(lo, threshold, count)
}
