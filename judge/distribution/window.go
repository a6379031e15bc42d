package distribution

import (
	"errors"
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// mostWork bounds intervals * buckets: a day of minutes with as many buckets as
// are read takes a third of it.
const mostWork = 1 << 28

// window is the histograms of both arms over some intervals.
type window struct {
	judge.Pair
	// baseline and canary are the observations of each interval, 0 where there
	// are none.
	baseline, canary []float64
	// usable intervals have observations on both sides.
	usable int
	// grid is the buckets that all histograms of usable intervals have in
	// common, baselineSum and canarySum the sums over these intervals.
	grid                   grid
	baselineSum, canarySum []float64
}

// collect checks every histogram of p, so that nothing after it needs to. The
// error says for the user which one cannot be what it should be.
func collect(p judge.Pair) (window, error) {
	w := window{Pair: p}
	for _, side := range []struct {
		name string
		data judge.Side
		to   *[]float64
	}{{"baseline", p.Baseline, &w.baseline}, {"canary", p.Canary, &w.canary}} {
		if len(side.data.Values) > 0 || len(side.data.Totals) > 0 {
			return window{}, fmt.Errorf("the %s holds single numbers where a distribution has a histogram an interval", side.name)
		}
		*side.to = make([]float64, len(side.data.Histograms))
		for i, h := range side.data.Histograms {
			total, err := observations(h)
			if err != nil {
				return window{}, fmt.Errorf("%s, interval %d: %w", side.name, i, err)
			}
			(*side.to)[i] = total
		}
	}
	for i := range min(len(w.baseline), len(w.canary)) {
		if w.has(i) {
			w.usable++
		}
	}
	return w, nil
}

func (w *window) has(i int) bool { return w.baseline[i] > 0 && w.canary[i] > 0 }

// observations returns a gauge of how much was observed, NaN where nothing was.
func (w *window) observations() judge.Pair {
	gauge := func(totals []float64) judge.Side {
		values := make([]float64, len(totals))
		for i, total := range totals {
			values[i] = total
			if total == 0 {
				values[i] = math.NaN()
			}
		}
		return judge.Side{Values: values}
	}
	return judge.Pair{Baseline: gauge(w.baseline), Canary: gauge(w.canary)}
}

// rates reports whether an interval holds less than one observation but not
// none, which no counter yields.
func (w *window) rates() bool {
	for _, totals := range [][]float64{w.baseline, w.canary} {
		for _, total := range totals {
			if total > 0 && total < 1 {
				return true
			}
		}
	}
	return false
}

// pool finds the grid and sums up the arms.
func (w *window) pool() error {
	var b, c pool
	for i := range w.baseline {
		if !w.has(i) {
			continue
		}
		b.add(w.Baseline.Histograms[i])
		c.add(w.Canary.Histograms[i])
		if len(b.h.Counts)+len(c.h.Counts) > min(maxBuckets, mostWork/len(w.baseline)) {
			return fmt.Errorf("%d intervals with more than %d different buckets are more than can be judged; use wider intervals or a lower resolution",
				len(w.baseline), min(maxBuckets, mostWork/len(w.baseline)))
		}
	}
	both := sum(judge.Histogram{}, b.h, c.h)
	w.grid = newGrid(both.Bounds)
	w.baselineSum, w.canarySum = make([]float64, len(both.Counts)), make([]float64, len(both.Counts))
	onto(both.Bounds, b.h, w.baselineSum)
	onto(both.Bounds, c.h, w.canarySum)
	return nil
}

// history returns the history of s on the grid of w, nil if there is none or it
// cannot be used.
func (w *window) history(f *judge.Finding, s, observed judge.Sample) *window {
	if s.History == nil {
		return nil
	}
	past, err := collect(*s.History)
	if err == nil {
		o := past.observations()
		if observed.History = &o; !verdict.UsableHistory(f, observed) {
			return nil
		}
		if past.usable == 0 {
			err = errors.New("no interval has observations on both sides")
		} else {
			err = past.pool()
		}
	}
	if err == nil {
		// Quantiles of the history must come from the same buckets as those of
		// the window: another interpolation is another quantile.
		both := sum(judge.Histogram{}, judge.Histogram{Bounds: w.grid.bounds, Counts: w.sum()}, judge.Histogram{Bounds: past.grid.bounds, Counts: past.sum()})
		if contains(both.Bounds, w.grid.bounds) {
			past.grid = grid{bounds: both.Bounds}
			if w.grid.logs != nil {
				past.grid = newExponentialGrid(both.Bounds)
			}
			return &past
		}
		err = errors.New("its buckets have other edges than the window's")
	}
	verdict.Warn(f, "history left out: %v", err)
	return nil
}

// sum returns the counts of both arms by the grid.
func (w *window) sum() []float64 {
	both := make([]float64, len(w.baselineSum))
	for i, c := range w.baselineSum {
		both[i] = c + w.canarySum[i]
	}
	return both
}
