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
	// distinct is the number of keys that differ.
	distinct int
	// tied is the sum of t^3 - t over the groups of t equal keys.
	tied float64
	// gap is the smallest difference between neighbours that differ.
	gap float64
	// groups are the distinct values if they were asked for, see grouped.
	groups []group
}

// group is a value that occurs count times.
type group struct {
	key   uint64
	value float64
	count int
}

func (s *sample) size() int { return len(s.keys) }

// ascending returns the values without the +Inf.
func (s *sample) ascending() []float64 { return s.values[:len(s.keys)] }

// sort fills keys and values and reports whether values hold NaN, which is
// taken as +Inf. The other fields need prepare.
func (s *sample) sort(values []float64, by *sorter) (nan bool) {
	s.keys = slices.Grow(s.keys[:0], len(values))[:len(values)]
	for i, v := range values {
		nan = nan || v != v
		s.keys[i] = key(v)
	}
	by.sort(s.keys)
	s.values = slices.Grow(s.values[:0], len(values)+1)[:len(values)+1]
	for i, k := range s.keys {
		s.values[i] = value(k)
	}
	s.values[len(values)] = math.Inf(1)
	return nan
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
// was sorted from, of which there is at least one.
func (s *sample) prepare(values []float64) {
	s.extremes(values)
	s.groups = s.groups[:0]
	s.distinct, s.tied, s.gap = s.size(), 0, math.Inf(1)
	run := 1 // values like this one so far
	for i, v := range s.values[1:s.size()] {
		d := v - s.values[i]
		if d > s.gap && run == 1 {
			continue // most go this way
		}
		if s.keys[i] == s.keys[i+1] {
			s.distinct--
			run++
			continue
		}
		if d < s.gap {
			s.gap = d
		}
		s.tied += tieTerm(run)
		run = 1
	}
	s.tied += tieTerm(run)
}

// extremes fills least and most.
func (s *sample) extremes(values []float64) {
	s.least, s.most = s.values[0], s.values[s.size()-1]
	if s.least != 0 && s.most != 0 && !math.IsInf(s.most, 1) {
		return
	}
	// Scala's min and max: of equals the first one counts, and a NaN gives
	// way to what follows.
	s.least, s.most = values[0], values[0]
	for _, v := range values {
		if !(s.least <= v) {
			s.least = v
		}
		if !(s.most >= v) {
			s.most = v
		}
	}
}

// grouped returns the distinct values.
func (s *sample) grouped() []group {
	if len(s.groups) > 0 {
		return s.groups
	}
	for i, k := range s.keys {
		if n := len(s.groups); n > 0 && s.groups[n-1].key == k {
			s.groups[n-1].count++
			continue
		}
		s.groups = append(s.groups, group{k, s.values[i], 1})
	}
	return s.groups
}

// tieTerm is t^3 - t, by which a group of t ties lowers the variance of a rank
// sum.
func tieTerm(t int) float64 {
	f := float64(t)
	return float64(f*f*f) - f
}
