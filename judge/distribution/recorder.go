package distribution

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
)

// recordedBits are the bits of a float64 below those that choose its bucket: 6
// of the 52 of the mantissa choose one of 64 equal buckets of each doubling.
const recordedBits = 52 - 6

// infinite is the bucket that would begin with +Inf.
const infinite = 0x7ff << (52 - recordedBits)

// Recorder counts single observations into buckets that are the same for
// every Recorder: 64 of equal width between a power of two and the next. A bucket
// is at most 1/64 of its numbers wide, so its middle is within 0.8 % of them. An
// observation costs nanoseconds, and a Recorder at most 2 MB however many
// there are. The zero value is ready to use.
type Recorder struct {
	positive, negative store
	zero               float64
}

// store counts sizes by the leading bits of their representation, which ascend
// with the size.
type store struct {
	first  int
	counts []float64
}

var errNaN = errors.New("NaN is not an observation")

// Add counts v; NaN is an error and not counted. Infinities share a bucket with
// the largest numbers.
func (r *Recorder) Add(v float64) error {
	switch {
	case v > 0:
		r.positive.add(int((math.Float64bits(v) - 1) >> recordedBits))
	case v < 0:
		// The upper end of a bucket belongs to it, which here is the smaller size.
		r.negative.add(min(int(math.Float64bits(-v)>>recordedBits), infinite-1))
	case v == 0:
		r.zero++
	default:
		return errNaN
	}
	return nil
}

func (s *store) add(k int) {
	i := k - s.first
	if uint(i) >= uint(len(s.counts)) {
		i = s.grow(k)
	}
	s.counts[i]++
}

// grow makes room for bucket k, and for some around it, and returns its place.
func (s *store) grow(k int) int {
	const room = 64
	first, end := max(k-room, 0), k+room
	if len(s.counts) > 0 {
		first, end = min(first, s.first), max(end, s.first+len(s.counts))
	}
	grown := make([]float64, end-first)
	if len(s.counts) > 0 {
		copy(grown[s.first-first:], s.counts)
	}
	s.first, s.counts = first, grown
	return k - first
}

// edge returns the lower end of bucket k.
func edge(k int) float64 { return math.Float64frombits(uint64(k) << recordedBits) }

// Histogram returns what has been counted since the start or the last Reset.
func (r *Recorder) Histogram() judge.Histogram {
	var l layout
	for i, c := range slices.Backward(r.negative.counts) {
		k := r.negative.first + i
		l.put(-edge(k+1), 0-edge(k), c)
	}
	l.put(-math.SmallestNonzeroFloat64, 0, r.zero)
	for i, c := range r.positive.counts {
		k := r.positive.first + i
		l.put(edge(k), edge(k+1), c)
	}
	return l.h
}

// Reset forgets all observations, not the memory they took.
func (r *Recorder) Reset() {
	clear(r.positive.counts)
	clear(r.negative.counts)
	r.zero = 0
}

// FromValues returns the histogram of single observations in the buckets of
// a Recorder. NaN is an error.
func FromValues(values []float64) (judge.Histogram, error) {
	var r Recorder
	for i, v := range values {
		if err := r.Add(v); err != nil {
			return judge.Histogram{}, fmt.Errorf("observation %d: %w", i, err)
		}
	}
	return r.Histogram(), nil
}
