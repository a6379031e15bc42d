package distribution

import (
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
)

// Exponential is OpenTelemetry's exponential histogram: bucket i of a store
// holds the observations from 2^(i/2^Scale) to 2^((i+1)/2^Scale).
type Exponential struct {
	// Scale is -10 to 20.
	Scale int
	// ZeroCount observations are no farther from 0 than ZeroThreshold.
	ZeroThreshold, ZeroCount float64
	// Negative holds the sizes of observations below 0.
	Positive, Negative Buckets
}

// Buckets is one store of an Exponential: Counts[k] is that of bucket Offset+k.
type Buckets struct {
	Offset int
	Counts []float64
}

// Histogram returns e with its buckets in ascending order. It is an error if the
// scale or a bucket is out of range, or a count is negative, NaN or infinite.
func (e Exponential) Histogram() (judge.Histogram, error) {
	const minScale, maxScale = -10, 20 // the OpenTelemetry metrics data model
	if e.Scale < minScale || e.Scale > maxScale {
		return judge.Histogram{}, fmt.Errorf("exponential histogram: the scale must lie between %d and %d, got %d", minScale, maxScale, e.Scale)
	}
	grid := powers{schema: e.Scale}
	h, err := signed(grid, run(e.Positive), run(e.Negative), e.ZeroThreshold, e.ZeroCount)
	if err != nil {
		return judge.Histogram{}, fmt.Errorf("exponential histogram: %w", err)
	}
	return h, nil
}

// run lists the buckets of b by their upper ends.
func run(b Buckets) []bin {
	bins := make([]bin, len(b.Counts))
	for k, c := range b.Counts {
		bins[k] = bin{b.Offset + k + 1, c}
	}
	return bins
}

// bin is a bucket between edges index-1 and index of a grid.
type bin struct {
	index int
	count float64
}

// edges are a grid of positive bucket edges.
type edges interface {
	// edge returns edge i, 0 or +Inf where it is beyond float64.
	edge(i int) float64
}

// powers has the edges 2^(i/2^schema).
type powers struct{ schema int }

// edge splits i/2^schema into whole and fraction, so that an edge which two
// schemas share is the same number in both.
func (p powers) edge(i int) float64 {
	if p.schema <= 0 {
		return math.Ldexp(1, clampExponent(i, 1<<-p.schema))
	}
	whole := i >> p.schema
	fraction := float64(i-whole<<p.schema) / float64(int(1)<<p.schema)
	return math.Ldexp(math.Exp2(fraction), clampExponent(whole, 1))
}

// clampExponent returns a*b, or where it is beyond the exponents of float64 a
// number that is as well.
func clampExponent(a, b int) int {
	const beyond = 1 << 12
	return min(max(a, -beyond), beyond) * b
}

// signed returns the histogram of positive and negative bins, both in ascending
// order of index, and of the observations around zero.
func signed(grid edges, positive, negative []bin, zeroThreshold, zeroCount float64) (judge.Histogram, error) {
	if n := len(positive) + len(negative); n > maxBuckets {
		return judge.Histogram{}, fmt.Errorf("%d buckets are more than the %d that are read", n, maxBuckets)
	}
	if !(zeroThreshold >= 0 && zeroThreshold < math.MaxFloat64) {
		return judge.Histogram{}, fmt.Errorf("the zero threshold must be 0 or more, got %g", zeroThreshold)
	}
	var l layout
	for _, b := range slices.Backward(negative) {
		lo, hi, err := ends(grid, b)
		if err == nil {
			err = l.add(-hi, 0-lo, b.count)
		}
		if err != nil {
			return judge.Histogram{}, fmt.Errorf("negative observations: %w", err)
		}
	}
	if err := l.addZero(zeroThreshold, zeroCount); err != nil {
		return judge.Histogram{}, fmt.Errorf("observations around zero: %w", err)
	}
	for _, b := range positive {
		lo, hi, err := ends(grid, b)
		if err == nil {
			err = l.add(lo, hi, b.count)
		}
		if err != nil {
			return judge.Histogram{}, err
		}
	}
	if err := Check(l.h); err != nil {
		return judge.Histogram{}, err
	}
	return l.h, nil
}

// ends returns the edges of b. Where the upper one is beyond float64 but the
// lower is not, the bucket ends with the largest number, and the next one
// holds what is infinite (as Prometheus counts them).
func ends(grid edges, b bin) (lo, hi float64, err error) {
	lo, hi = grid.edge(b.index-1), grid.edge(b.index)
	if math.IsInf(hi, 1) && lo < math.MaxFloat64 {
		return lo, math.MaxFloat64, nil
	}
	if math.IsInf(lo, 1) && grid.edge(b.index-2) < math.MaxFloat64 {
		return math.MaxFloat64, hi, nil
	}
	if !(lo < hi) && b.count != 0 {
		return 0, 0, fmt.Errorf("bucket %d is out of the range of numbers", b.index)
	}
	return lo, hi, nil
}
