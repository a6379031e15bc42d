package distribution

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
)

// extrapolation is by how much PromQL's increase() may overstate a count: it
// extends what it saw in two scrapes of an interval to the whole interval, for
// each bucket apart.
const extrapolation = 2

// Classic returns the histogram of Prometheus' classic buckets: cumulative[i]
// observations are at most le[i], the last le being +Inf. The counts are those of
// one interval, as increase() gives them, or counters at one moment, which
// Increase turns into an interval. The lowest bucket begins at 0 if it ends above,
// as in Prometheus' own histogram_quantile, else at -Inf.
//
// Cumulative counts must not decrease, but increase() extrapolates each bucket
// on its own; a decrease by up to a factor 2 is taken for that and counts as an
// empty bucket. It is an error if le does not ascend or does not end with
// +Inf, and for counts that are negative, NaN or infinite.
func Classic(le, cumulative []float64) (judge.Histogram, error) {
	n := len(le)
	switch {
	case n == 0 || n != len(cumulative):
		return judge.Histogram{}, fmt.Errorf("classic histogram: %d values of le for %d counts", n, len(cumulative))
	case n > maxBuckets:
		return judge.Histogram{}, fmt.Errorf("classic histogram: %d buckets are more than the %d that are read", n, maxBuckets)
	case !math.IsInf(le[n-1], 1):
		return judge.Histogram{}, fmt.Errorf("classic histogram: the bucket le=\"+Inf\" is missing; without it the observations above %g are unknown", le[n-1])
	}
	h := judge.Histogram{Bounds: make([]float64, 1, n+1), Counts: make([]float64, n)}
	if !(le[0] > 0) {
		h.Bounds[0] = math.Inf(-1)
	}
	h.Bounds = append(h.Bounds, le...)
	below := 0.0
	for i, c := range cumulative {
		if c < below && c >= below/extrapolation {
			c = below
		}
		if !(c >= 0) {
			return judge.Histogram{}, fmt.Errorf("classic histogram: %w", badCount(h.Bounds[0], le[i], c))
		}
		if c < below {
			return judge.Histogram{}, fmt.Errorf("classic histogram: %g observations up to %g, but %g up to %g; cumulative counts cannot decrease", below, le[i-1], c, le[i])
		}
		h.Counts[i] = c - below
		below = c
	}
	if err := Check(h); err != nil {
		return judge.Histogram{}, fmt.Errorf("classic histogram: %w", err)
	}
	return h, nil
}
