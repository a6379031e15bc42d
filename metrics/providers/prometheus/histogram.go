package prometheus

import (
	"math"

	"github.com/prometheus/common/model"

	"github.com/judged-dev/judged/metrics"
)

// bothEnds is the API's mark of a bucket that includes both of its ends: the
// zero bucket.
const bothEnds = 3

// histogramOf reads a native histogram as the API writes it: the buckets that
// have observations, ascending, with their ends and which of them they include
// (prometheus.io, HTTP API, "Native histograms").
func histogramOf(h *model.SampleHistogram) (metrics.Histogram, error) {
	buckets := make([]metrics.Bucket, len(h.Buckets))
	for i, b := range h.Buckets {
		low, high := float64(b.Lower), float64(b.Upper)
		if b.Boundaries == bothEnds {
			// The API writes the zero bucket as wide below 0 as above. Where
			// nothing else is negative it begins at 0, as for histogram_quantile.
			if i == 0 && low < 0 && high > 0 {
				low = 0
			}
			if low == 0 && high == 0 {
				low = -math.SmallestNonzeroFloat64 // zeros and nothing else
			}
		}
		if i > 0 {
			// Rates of a histogram whose zero threshold rose.
			if end := buckets[i-1].High; low < end && end < high {
				low = end
			}
		}
		buckets[i] = metrics.Bucket{Low: low, High: high, Count: float64(b.Count)}
	}
	return metrics.NewHistogram(buckets)
}
