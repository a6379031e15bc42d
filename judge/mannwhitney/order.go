package mannwhitney

import (
	"math"
	"math/bits"
	"slices"
)

// key maps v to an integer such that keys order as Java's Double.compare
// orders doubles: -0.0 before 0.0, and two keys are equal only if the bits
// are. NaN is taken as +Inf, as Kayenta's ranking does (NaNStrategy.MAXIMAL).
func key(v float64) uint64 {
	if v != v {
		v = math.Inf(1)
	}
	b := math.Float64bits(v)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// value is the inverse of key.
func value(k uint64) float64 {
	return math.Float64frombits(k ^ (uint64(int64(^k)>>63) | 1<<63))
}

const (
	// Below radixFrom keys slices.Sort is the faster one.
	radixFrom = 24
	// Digits of the radix sort have narrow bits, and wide ones from wideFrom
	// keys on; 2^wide counters still fit into the fastest cache.
	narrow, wide = 8, 11
	wideFrom     = 1000
)

// sorter sorts keys by their leading digits and leaves the rest to insertion
// sort: n random keys differ in their first 2 log2(n) bits but for few pairs.
// Where they do not, slices.Sort does it. It is three to six times as fast as
// slices.Sort.
type sorter struct {
	counts  [1 << wide]uint32
	scratch []uint64
}

// sort sorts keys.
func (s *sorter) sort(keys []uint64) {
	n := len(keys)
	if n < radixFrom {
		slices.Sort(keys)
		return
	}
	least, most := keys[0], keys[0]
	for _, k := range keys {
		least, most = min(least, k), max(most, k)
	}
	width := narrow
	if n >= wideFrom {
		width = wide
	}
	// The digits cover the leading bits of the range that the keys span.
	span := bits.Len64(most - least)
	leading := min(span, 2*bits.Len(uint(n)))
	digits := (leading + width - 1) / width
	s.scratch = slices.Grow(s.scratch[:0], n)
	from, to := keys, s.scratch[:n]
	for d := range digits {
		s.scatter(from, to, least, max(0, span-(digits-d)*width), width)
		from, to = to, from
	}
	if digits%2 == 1 {
		copy(keys, from)
	}
	if !insertionSort(keys, 8*n) {
		slices.Sort(keys)
	}
}

// scatter moves from to to, stably ordered by the digit of k - least that
// begins at bit at and is width bits wide.
func (s *sorter) scatter(from, to []uint64, least uint64, at, width int) {
	counts := s.counts[:1<<width]
	mask := uint64(len(counts) - 1)
	shift := uint(at) & 63
	clear(counts)
	for _, k := range from {
		counts[(k-least)>>shift&mask]++
	}
	next := uint32(0)
	for b, c := range counts {
		counts[b] = next
		next += c
	}
	for _, k := range from {
		c := &counts[(k-least)>>shift&mask]
		to[*c] = k
		*c++
	}
}

// insertionSort sorts keys, or gives up with false after so many moves.
func insertionSort(keys []uint64, moves int) bool {
	for i := 1; i < len(keys); i++ {
		k := keys[i]
		if keys[i-1] <= k {
			continue
		}
		j := i
		for ; j > 0 && keys[j-1] > k; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = k
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}
