package distribution

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
)

// Native is Prometheus' native histogram: bucket i of a side holds the
// observations from 2^((i-1)/2^Schema) to 2^(i/2^Schema), one higher than
// OpenTelemetry counts them.
type Native struct {
	// Schema is -4 to 8, or CustomBuckets.
	Schema int
	// ZeroCount observations are no farther from 0 than ZeroThreshold.
	ZeroThreshold, ZeroCount float64
	// The spans say which buckets the counts belong to. Counts are those of
	// each bucket alone; Counts sums up the deltas of an integer histogram.
	PositiveSpans, NegativeSpans []Span
	Positive, Negative           []float64
	// CustomBounds are the upper ends of the buckets, without +Inf, for the
	// schema CustomBuckets.
	CustomBounds []float64
}

// CustomBuckets is the schema of a native histogram with classic buckets.
const CustomBuckets = -53

// Span is a run of Length consecutive buckets that begins Offset buckets after
// the end of the span before; the first one's Offset is its first bucket.
type Span struct {
	Offset, Length int
}

// Counts returns the counts of the buckets of an integer histogram, each of which is
// written as its difference from the one before.
func Counts(deltas []int64) []float64 {
	counts := make([]float64, len(deltas))
	sum := int64(0)
	for i, d := range deltas {
		sum += d
		counts[i] = float64(sum)
	}
	return counts
}

// Histogram returns n with its buckets in ascending order. It is an error if the
// schema or a bucket is out of range, spans and counts disagree, or a count is
// negative, NaN or infinite.
func (n Native) Histogram() (judge.Histogram, error) {
	h, err := n.histogram()
	if err != nil {
		return judge.Histogram{}, fmt.Errorf("native histogram: %w", err)
	}
	return h, nil
}

func (n Native) histogram() (judge.Histogram, error) {
	const minSchema, maxSchema = -4, 8 // Prometheus' native histogram specification
	positive, err := place(n.PositiveSpans, n.Positive)
	if err != nil {
		return judge.Histogram{}, err
	}
	if n.Schema == CustomBuckets {
		return n.custom(positive)
	}
	if n.Schema < minSchema || n.Schema > maxSchema {
		return judge.Histogram{}, fmt.Errorf("the schema must lie between %d and %d or be %d, got %d", minSchema, maxSchema, CustomBuckets, n.Schema)
	}
	negative, err := place(n.NegativeSpans, n.Negative)
	if err != nil {
		return judge.Histogram{}, fmt.Errorf("negative observations: %w", err)
	}
	return signed(powers{n.Schema}, positive, negative, n.ZeroThreshold, n.ZeroCount)
}

// custom keeps buckets without observations: their bounds are the user's own,
// and every histogram of the signal has them.
func (n Native) custom(bins []bin) (judge.Histogram, error) {
	size := len(n.CustomBounds)
	switch {
	case size >= maxBuckets:
		return judge.Histogram{}, fmt.Errorf("%d buckets are more than the %d that are read", size+1, maxBuckets)
	case n.ZeroCount != 0 || len(n.Negative) > 0:
		return judge.Histogram{}, fmt.Errorf("custom buckets with a zero bucket or negative ones")
	}
	h := judge.Histogram{Bounds: make([]float64, 1, size+2), Counts: make([]float64, size+1)}
	if size > 0 && !(n.CustomBounds[0] > 0) {
		h.Bounds[0] = math.Inf(-1)
	}
	h.Bounds = append(append(h.Bounds, n.CustomBounds...), math.Inf(1))
	for _, b := range bins {
		if b.index < 0 || b.index > size {
			return judge.Histogram{}, fmt.Errorf("bucket %d of %d custom ones", b.index, size+1)
		}
		h.Counts[b.index] = b.count
	}
	return h, Check(h)
}

// place returns the buckets of one side in ascending order.
func place(spans []Span, counts []float64) ([]bin, error) {
	const far = 1 << 40 // further than any bucket, and far from overflow
	bins := make([]bin, 0, min(len(counts), maxBuckets))
	index := 0
	for k, s := range spans {
		if s.Length < 0 || k > 0 && s.Offset < 0 || s.Offset < -far || s.Offset > far {
			return nil, fmt.Errorf("span %d has offset %d and length %d", k, s.Offset, s.Length)
		}
		index = min(index+s.Offset, far)
		if s.Length > len(counts)-len(bins) || len(bins)+s.Length > maxBuckets {
			return nil, fmt.Errorf("%d counts are fewer than the spans have buckets, or more than %d", len(counts), maxBuckets)
		}
		for range s.Length {
			bins = append(bins, bin{index, counts[len(bins)]})
			index++
		}
	}
	if len(bins) != len(counts) {
		return nil, fmt.Errorf("%d counts for spans of %d buckets", len(counts), len(bins))
	}
	return bins, nil
}
