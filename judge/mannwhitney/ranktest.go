package mannwhitney

import (
	"errors"
	"math"
	"slices"
)

// errTied is the only way in which a comparison fails: the statistic has no
// spread.
var errTied = errors.New("all observations are tied")

// rankTest is the Mann-Whitney statistic of the experiment x, less a shift,
// against the control y.
//
// Kayenta ranks all values anew for each of the 25 to 60 shifts that a
// comparison looks at. But subtracting a shift does not change the order
// within x, not even by rounding, and ranks enter only through the number of
// pairs in which x is above y and through the sizes of the groups of ties. So
// one merge of the two sides, sorted beforehand, is enough for each shift; and
// as these counts are integers (or halves) below 2^53, every order of
// summation gives Kayenta's number to the last bit.
type rankTest struct {
	x, y sample
	// spread is the standard deviation of the rank sum where no value of x is
	// tied with one of y.
	spread float64
	// manyValues says that it is quicker to compare values than groups of
	// equal values.
	manyValues bool
	// simpleTies says that a tie between x and y is of one value each.
	simpleTies bool
	places     places // at the last shift that was counted in full
	near       window
	// last repeats the last result: with infinities in the data the search
	// stays at NaN for all its iterations.
	last struct {
		mu, statistic float64
		known         bool
	}
}

// load prepares the comparison of x with y, both of which are sorted already,
// from the given values.
func (t *rankTest) load(experiment, control []float64) {
	x, y := &t.x, &t.y
	x.prepare(experiment)
	y.prepare(control)
	t.spread = t.deviation(x.tied + y.tied)
	t.manyValues = 2*(x.distinct+y.distinct) > x.size()+y.size()
	// 0.0 and -0.0 are equal, but not tied.
	_, zero := slices.BinarySearch(y.ascending(), 0)
	t.simpleTies = x.distinct == x.size() && y.distinct == y.size() && !zero
	t.places.below = slices.Grow(t.places.below[:0], x.size()+1)[:x.size()+1]
	t.near.reset()
	t.last.known = false
}

// deviation is the standard deviation of the rank sum, given the sum of
// t^3 - t over the groups of ties of both sides together.
func (t *rankTest) deviation(tied float64) float64 {
	n, m := float64(t.x.size()), float64(t.y.size())
	return math.Sqrt(n * m / 12 * (n + m + 1 - tied/((n+m)*(n+m-1))))
}

// statistic returns the standardized rank sum of x - mu among x - mu and y,
// with continuity correction. It falls as mu grows.
func (t *rankTest) statistic(mu float64) (float64, error) {
	if t.last.known && math.Float64bits(mu) == math.Float64bits(t.last.mu) {
		return t.last.statistic, nil
	}
	twice, spread := t.rankSum(mu)
	if spread == 0 {
		return 0, errTied
	}
	d := float64(float64(twice-t.x.size()*t.y.size()) / 2)
	correction := 0.0
	if d > 0 {
		correction = 0.5
	} else if d < 0 {
		correction = -0.5
	}
	w := (d - correction) / spread
	t.last.mu, t.last.statistic, t.last.known = mu, w, true
	return w, nil
}

// rankSum returns twice the number of pairs in which x - mu is above y, pairs
// that are tied counting half, and the deviation.
func (t *rankTest) rankSum(mu float64) (twice int, spread float64) {
	if t.manyValues && t.keepsDistinct(mu) {
		above, equal := t.countAbove(mu)
		switch {
		case equal == 0:
			return 2 * above, t.spread
		case t.simpleTies:
			return 2*above + equal, t.deviation(float64(equal) * tieTerm(2))
		}
	}
	twice, tied := t.countGroups(mu)
	return twice, t.deviation(tied)
}

// keepsDistinct reports whether values of x that differ are sure to differ
// after mu was subtracted: numbers that are further apart than the spacing of
// doubles of the result's size do not round to the same.
func (t *rankTest) keepsDistinct(mu float64) bool {
	first, last := t.x.values[0], t.x.values[t.x.size()-1]
	size := max(math.Abs(first-mu), math.Abs(last-mu))
	return t.x.gap > float64(size*0x1p-51)+0x1p-1073
}

// countAbove returns the number of pairs in which x - mu > y, and the number
// of x - mu that equal some y.
func (t *rankTest) countAbove(mu float64) (above, equal int) {
	if t.near.covers(t, mu) {
		return t.near.count(mu)
	}
	above, equal = countPairs(t.x.values, t.y.values, mu, &t.places)
	t.near.counted(mu, above)
	return above, equal
}

// countGroups is rankSum for all cases, with the sum of t^3 - t in place of
// the deviation.
func (t *rankTest) countGroups(mu float64) (twice int, tied float64) {
	x, y := t.x.grouped(), t.y.grouped()
	tied = t.y.tied
	below := 0 // y before group j
	for g, j := 0, 0; g < len(x); {
		k, count := key(x[g].value-mu), x[g].count
		for g++; g < len(x) && key(x[g].value-mu) == k; g++ {
			count += x[g].count
		}
		for j < len(y) && y[j].key < k {
			below += y[j].count
			j++
		}
		equal := 0
		if j < len(y) && y[j].key == k {
			equal = y[j].count
		}
		twice += count * (2*below + equal)
		tied += tieTerm(count+equal) - tieTerm(equal)
	}
	return twice, tied
}

// commonLanguage is the share of pairs in which x is above y, pairs that are
// equal counting half (Vargha and Delaney 2000, doi:10.3102/10769986025002101).
// Kayenta's own is wrong above some 32768 values a side, where its 32-bit
// products overflow; that is not copied.
func (t *rankTest) commonLanguage() float64 {
	twice, _ := t.rankSum(0)
	return float64(twice) / float64(2*t.x.size()*t.y.size())
}
