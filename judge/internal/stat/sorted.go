package stat

import (
	"math"
	"slices"
	"sort"
)

// Sorted is a growing set of numbers in order, for medians and Huber locations
// that cost less than a pass.
type Sorted struct {
	values []float64
	// sums[i] is the sum of values[:i], up to date for the first summed values.
	sums   []float64
	summed int
}

// Len returns the number of values.
func (s *Sorted) Len() int { return len(s.values) }

// Add inserts a number: a search and a move of memory.
func (s *Sorted) Add(v float64) {
	i, _ := slices.BinarySearch(s.values, v)
	s.values = slices.Insert(s.values, i, v)
	s.summed = min(s.summed, i)
}

// Min and Max return the extremes; the set must not be empty.
func (s *Sorted) Min() float64 { return s.values[0] }

// Max returns the largest number.
func (s *Sorted) Max() float64 { return s.values[len(s.values)-1] }

// Median is the same as the function.
func (s *Sorted) Median() float64 {
	n := len(s.values)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return s.values[n/2]
	}
	return between(s.values[n/2-1], s.values[n/2])
}

// MAD is the same as the function, not scaled. The distances from center ascend
// to both sides of it, so the k-th smallest is found by halving.
func (s *Sorted) MAD(center float64) float64 {
	n := len(s.values)
	if n == 0 {
		return math.NaN()
	}
	upper := s.distance(center, n/2)
	if n%2 == 1 {
		return upper
	}
	return between(s.distance(center, n/2-1), upper)
}

// distance returns the k-th smallest distance from center, counted from 0.
func (s *Sorted) distance(center float64, k int) float64 {
	n := len(s.values)
	middle := sort.SearchFloat64s(s.values, center)
	below := func(i int) float64 { return center - s.values[middle-1-i] }
	above := func(i int) float64 { return s.values[middle+i] - center }
	// How many of the k+1 smallest lie below: the least number i such that the
	// next one below is farther than the last one above.
	low, high := max(0, k+1-(n-middle)), min(middle, k+1)
	i := low + sort.Search(high-low, func(j int) bool {
		taken := low + j
		return taken >= middle || below(taken) > above(k-taken)
	})
	switch fromAbove := k + 1 - i; {
	case i == 0:
		return above(fromAbove - 1)
	case fromAbove == 0:
		return below(i - 1)
	default:
		return max(below(i-1), above(fromAbove-1))
	}
}

// Huber returns the same location as the function, with the scale and the share
// of points within k scales that its pseudo-values need. flat: no scale stands
// above floor, and the points are their own pseudo-values.
func (s *Sorted) Huber(floor float64) (mu, scale, core float64, flat bool) {
	mu = s.Median()
	scale = MADScale * s.MAD(mu)
	if !(scale > floor) {
		m := Describe(s.values)
		if !(m.Std > floor) {
			return m.Mean, 0, 1, true
		}
		mu, scale = m.Mean, m.Std
	}
	s.sum()
	n := float64(len(s.values))
	for range huberRounds {
		low := sort.SearchFloat64s(s.values, mu-HuberK*scale)
		high := len(s.values) - 1
		high = low + sort.Search(high-low+1, func(i int) bool { return s.values[low+i] > mu+HuberK*scale })
		within := float64(high - low)
		sum := (s.sums[high] - s.sums[low] - within*mu) / scale
		sum += HuberK * (n - float64(high) - float64(low))
		core = max(within/n, huberMinCore)
		step := scale * sum / n / core
		mu += step
		if math.Abs(step) <= 1e-13*scale {
			break
		}
	}
	return mu, scale, core, false
}

// sum brings the sums up to date.
func (s *Sorted) sum() {
	if len(s.sums) == 0 {
		s.sums = append(s.sums, 0)
	}
	s.sums = slices.Grow(s.sums, len(s.values)+1-len(s.sums))[:len(s.values)+1]
	for i := s.summed; i < len(s.values); i++ {
		s.sums[i+1] = s.sums[i] + s.values[i]
	}
	s.summed = len(s.values)
}

// Running is mean and standard deviation of a growing set (Welford 1962).
type Running struct {
	N             int
	Mean, squares float64
	// Size is the sum of the absolute values.
	Size float64
}

// Add takes in one more number.
func (r *Running) Add(v float64) {
	r.N++
	d := v - r.Mean
	r.Mean += d / float64(r.N)
	r.squares += d * (v - r.Mean)
	r.Size += math.Abs(v)
}

// Std divides by N-1 and is 0 for a single number.
func (r *Running) Std() float64 {
	if r.N < 2 {
		return 0
	}
	return math.Sqrt(r.squares / float64(r.N-1))
}
