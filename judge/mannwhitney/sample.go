package mannwhitney

import (
	"math"
	"slices"
)

// sample is one side in ascending order of keys.
type sample struct {
	keys []uint64
	// values are the numbers of keys, followed by one +Inf.
	values []float64
	// least and most are the extremes; of equal ones (0.0 and -0.0) the
	// first in the order given.
	least, most float64

	// groups are the distinct keys, below[g] is the number of values before
	// group g, and below[len(groups)] that of all values. Empty if no two
	// keys are equal.
	groups []uint64
	below  []int32
	// tied is the sum of t^3 - t over the groups of t values.
	tied float64
	// gap is the smallest difference between neighbours that differ.
	gap float64
}

func (s *sample) size() int { return len(s.keys) }

// ascending returns the values without the +Inf.
func (s *sample) ascending() []float64 { return s.values[:len(s.keys)] }

// distinct reports whether no two keys are equal.
func (s *sample) distinct() bool { return len(s.groups) == 0 }

// sort fills keys and values. The other fields need prepare.
func (s *sample) sort(values []float64, by *sorter) {
	s.keys = slices.Grow(s.keys[:0], len(values))[:len(values)]
	for i, v := range values {
		s.keys[i] = key(v)
	}
	by.sort(s.keys)
	s.values = slices.Grow(s.values[:0], len(values)+1)[:len(values)+1]
	for i, k := range s.keys {
		s.values[i] = value(k)
	}
	s.values[len(values)] = math.Inf(1)
}

// keep drops the values that are not within the bounds; a NaN bound keeps
// all. It reports whether it has dropped any.
func (s *sample) keep(low, high float64) bool {
	n := s.size()
	first, last := 0, n
	for first < n && s.values[first] < low {
		first++
	}
	for last > first && s.values[last-1] > high {
		last--
	}
	if last-first == n {
		return false
	}
	s.keys = s.keys[:copy(s.keys, s.keys[first:last])]
	s.values = s.values[:copy(s.values, s.values[first:last])+1]
	s.values[len(s.keys)] = math.Inf(1)
	return true
}

// equals reports whether both samples hold the same numbers; 0.0 is -0.0.
func (s *sample) equals(other *sample) bool {
	return slices.Equal(s.values, other.values)
}

// prepare readies the sorted sample for a rankTest. values are those that it
// was sorted from.
func (s *sample) prepare(values []float64) {
	// Scala's min and max: a NaN gives way to what follows.
	least, most := values[0], values[0]
	for _, v := range values[1:] {
		if !(least <= v) {
			least = v
		}
		if !(most >= v) {
			most = v
		}
	}
	s.least, s.most = least, most

	s.gap = math.Inf(1)
	distinct := true
	for i := 1; i < len(s.keys); i++ {
		if s.keys[i] == s.keys[i-1] {
			distinct = false
			continue
		}
		if d := s.values[i] - s.values[i-1]; d < s.gap {
			s.gap = d
		}
	}
	s.groups, s.below, s.tied = s.groups[:0], s.below[:0], 0
	if !distinct {
		s.group()
	}
}

// group fills groups, below and tied.
func (s *sample) group() {
	start := 0
	for i := range s.keys {
		if i+1 < len(s.keys) && s.keys[i+1] == s.keys[i] {
			continue
		}
		s.groups = append(s.groups, s.keys[i])
		s.below = append(s.below, int32(start))
		s.tied += tieTerm(i + 1 - start)
		start = i + 1
	}
	s.below = append(s.below, int32(start))
}

// tieTerm is t^3 - t, by which a group of t ties lowers the variance of a rank
// sum.
func tieTerm(t int) float64 {
	f := float64(t)
	return float64(f*f*f) - f
}
