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
	// digitBits is the widest digit of the radix sort; 2^11 counters stay in
	// the fastest cache.
	digitBits = 11
	// radixFrom is the length from which the radix sort is the faster one.
	radixFrom = 128
)

// sorter sorts keys by their leading digits and leaves the rest to insertion
// sort: n random keys differ in their first 2 log2(n) bits but for few pairs.
// Where they do not, slices.Sort does it. It is about four times as fast as
// slices.Sort from 1440 keys up.
type sorter struct {
	counts  [1 << digitBits]uint32
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
	// The digits cover the leading bits of the range that the keys span.
	span := bits.Len64(most - least)
	leading := min(span, 2*bits.Len(uint(n)))
	digits := (leading + digitBits - 1) / digitBits
	s.scratch = slices.Grow(s.scratch[:0], n)
	from, to := keys, s.scratch[:n]
	for d := range digits {
		s.scatter(from, to, least, uint(max(0, span-(digits-d)*digitBits)))
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
// begins at bit at.
func (s *sorter) scatter(from, to []uint64, least uint64, at uint) {
	const mask = 1<<digitBits - 1
	at &= 63
	counts := &s.counts
	clear(counts[:])
	for _, k := range from {
		counts[(k-least)>>at&mask]++
	}
	next := uint32(0)
	for b, c := range counts {
		counts[b] = next
		next += c
	}
	for _, k := range from {
		c := &counts[(k-least)>>at&mask]
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
