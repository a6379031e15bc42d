package distribution

import (
	"slices"

	"github.com/judged-dev/judged/judge"
)

// derive returns each statistic's value in both arms, one point for every
// stretch of neighbouring intervals that together hold the observations that
// the statistic needs in each arm; mostly a stretch is one interval. Intervals
// without observations on a side count for neither. What is left at the end of
// the window is too little for a point.
func (w *window) derive(statistics []*statistic) []judge.Pair {
	size := len(w.grid.bounds) - 1
	buffer := make([]float64, 2*size)
	baseline, canary := buffer[:size], buffer[size:]
	stretches := make([]stretch, len(statistics))
	pairs := make([]judge.Pair, len(statistics))
	for i := range pairs {
		pairs[i].Baseline.Values = make([]float64, 0, w.usable)
		pairs[i].Canary.Values = make([]float64, 0, w.usable)
	}
	for i := range w.baseline {
		if !w.has(i) {
			continue
		}
		b := w.grid.counts(w.Baseline.Histograms[i], baseline)
		c := w.grid.counts(w.Canary.Histograms[i], canary)
		for k, s := range statistics {
			b, c, bTotal, cTotal := b, c, w.baseline[i], w.canary[i]
			// A stretch of one interval needs no sums.
			if t := &stretches[k]; t.begun || bTotal < s.need || cTotal < s.need {
				if !t.add(b, c, bTotal, cTotal, s.need) {
					continue
				}
				b, c, bTotal, cTotal = t.baseline, t.canary, t.baselineTotal, t.canaryTotal
			}
			size := min(bTotal, cTotal)
			pairs[k].Baseline.Values = append(pairs[k].Baseline.Values, s.value(w.grid, b, bTotal, size))
			pairs[k].Canary.Values = append(pairs[k].Canary.Values, s.value(w.grid, c, cTotal, size))
		}
	}
	return pairs
}

// counts returns the counts of h by the grid, in scratch if they are not
// already so.
func (g grid) counts(h judge.Histogram, scratch []float64) []float64 {
	if slices.Equal(h.Bounds, g.bounds) {
		return h.Counts
	}
	onto(g.bounds, h, scratch)
	return scratch
}

// stretch is the sums over a run of intervals.
type stretch struct {
	begun                      bool
	baseline, canary           []float64
	baselineTotal, canaryTotal float64
}

// add adds an interval, and reports whether the stretch now holds the needed
// observations in both arms. After that the next interval begins a new one.
func (t *stretch) add(baseline, canary []float64, baselineTotal, canaryTotal, need float64) bool {
	if !t.begun {
		t.baseline = append(t.baseline[:0], baseline...)
		t.canary = append(t.canary[:0], canary...)
		t.baselineTotal, t.canaryTotal = baselineTotal, canaryTotal
	} else {
		for i, c := range baseline {
			t.baseline[i] += c
			t.canary[i] += canary[i]
		}
		t.baselineTotal += baselineTotal
		t.canaryTotal += canaryTotal
	}
	full := t.baselineTotal >= need && t.canaryTotal >= need
	t.begun = !full
	return full
}
