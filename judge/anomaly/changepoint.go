package anomaly

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Change is a moment at which the level of a series changed.
type Change struct {
	// Index of the first point of the new level.
	Index int
	// Before and After are the mean levels since the last change and until the
	// next one.
	Before, After float64
	// PValue of Student's t-test between the two.
	PValue float64
}

// ChangeOptions of ChangePoints. The zero value is ready to use.
type ChangeOptions struct {
	// Window is how many points are looked at together, 4 to 500; 0 counts as
	// 50.
	Window int
	// PValue is what a change's may be at most; 0 counts as 0.001. It holds for
	// one test of independent points, and many are made: it is a measure of size,
	// not an error probability.
	PValue float64
}

const (
	defaultChangeWindow, leastChangeWindow, mostChangeWindow = 50, 4, 500
	defaultChangePValue                                      = 0.001
	// firstPass loosens the p-value while changes are still being looked for: one
	// that is weak beside a neighbour that will fall may be strong without it
	// (docs/statistics.md).
	firstPass = 10
)

// ChangePoints returns the changes of the level of x, oldest first. Points that
// are NaN or infinite are passed over.
//
// It is E-divisive (Matteson, James 2014, J. Am. Statist. Assoc. 109:334)
// in the variant of Hunter and Apache Otava (docs/statistics.md): in windows
// that slide by half their length, or to the last change found, the split with
// the largest energy distance between what is before and after it,
//
//	Q = 2/(m+n) sum |x-y| - 2n/((m+n)(m-1)) sum |x-x'| - 2m/((m+n)(n-1)) sum |y-y'|
//
// (m points x before, n points y after, sums over pairs), is kept if Student's
// t-test confirms it, and so on between the changes found. Then the weakest are
// dropped until all hold against their neighbours. Student's test in place of
// permutations makes it deterministic and fast: O(len(x) Window).
func ChangePoints(x []float64, o ChangeOptions) []Change {
	if o.Window == 0 {
		o.Window = defaultChangeWindow
	}
	o.Window = min(max(o.Window, leastChangeWindow), mostChangeWindow)
	if o.PValue == 0 {
		o.PValue = defaultChangePValue
	}
	points, index := observed(x)
	if len(points) < leastChangeWindow {
		return nil
	}
	// Squares of huge numbers stay finite, those of tiny ones do not vanish.
	exponent := stat.Exponent(slices.Max(points), slices.Min(points))
	for i, v := range points {
		points[i] = math.Ldexp(v, -exponent)
	}
	s := newSums(points)
	e := energy{points: points, limit: min(firstPass*o.PValue, max(o.PValue, 0.5)), sums: s}
	var cuts []int
	for start := 0; start < len(points); {
		end := min(start+o.Window, len(points))
		found := e.split(start, end)
		cuts = append(cuts, found...)
		last := 0
		if len(found) > 0 {
			last = slices.Max(found)
		}
		start = max(last, start+o.Window/2)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	changes := s.confirm(cuts, o.PValue)
	for i := range changes {
		changes[i].Index = index[changes[i].Index]
		changes[i].Before = math.Ldexp(changes[i].Before, exponent)
		changes[i].After = math.Ldexp(changes[i].After, exponent)
	}
	return changes
}

// observed returns the finite numbers of x and where they were.
func observed(x []float64) (values []float64, index []int) {
	values, index = make([]float64, 0, len(x)), make([]int, 0, len(x))
	for i, v := range x {
		if finite(v) {
			values = append(values, v)
			index = append(index, i)
		}
	}
	return values, index
}

func finite(v float64) bool { return v-v == 0 }

// energy finds changes by the energy distance.
type energy struct {
	points []float64
	limit  float64
	sums   sums
	// pairs[i*(w+1)+j] is the sum of |x-x'| over the first i and the first j
	// points of a window of w.
	pairs []float64
	width int
}

// split returns the changes in points[start:end].
func (e *energy) split(start, end int) []int {
	e.load(e.points[start:end])
	type part struct{ from, to, cut int }
	propose := func(from, to int) (p part, q float64) {
		cut, q := e.best(from, to)
		return part{from, to, cut}, q
	}
	first, q := propose(0, end-start)
	parts, values := []part{first}, []float64{q}
	var cuts []int
	for len(parts) > 0 {
		most := 0
		for i, q := range values {
			if q > values[most] {
				most = i
			}
		}
		p := parts[most]
		if !(values[most] > 0) || !(e.sums.pValue(start+p.from, start+p.cut, start+p.to) <= e.limit) {
			break
		}
		cuts = append(cuts, start+p.cut)
		left, leftQ := propose(p.from, p.cut)
		right, rightQ := propose(p.cut, p.to)
		parts[most], values[most] = left, leftQ
		parts, values = append(parts, right), append(values, rightQ)
	}
	return cuts
}

// load sums the distances of all pairs of x.
func (e *energy) load(x []float64) {
	e.width = len(x) + 1
	if n := e.width * e.width; cap(e.pairs) < n {
		e.pairs = make([]float64, n)
	} else {
		e.pairs = e.pairs[:n]
		clear(e.pairs[:e.width])
	}
	for i, v := range x {
		row := 0.0
		above, below := e.pairs[i*e.width:], e.pairs[(i+1)*e.width:]
		below[0] = 0
		for j, w := range x {
			row += math.Abs(v - w)
			below[j+1] = above[j+1] + row
		}
	}
}

// between returns the sum of |x-y| over x in [a, b) and y in [c, d).
func (e *energy) between(a, b, c, d int) float64 {
	w := e.width
	return e.pairs[b*w+d] - e.pairs[a*w+d] - e.pairs[b*w+c] + e.pairs[a*w+c]
}

// best returns the cut of [from, to) with the largest energy distance between
// what is before it and what comes after, up to any later point: a new level
// need not last. Q is not above 0 if there is none.
func (e *energy) best(from, to int) (cut int, q float64) {
	for tau := from + 2; tau <= to-2; tau++ {
		m := float64(tau - from)
		before := e.between(from, tau, from, tau) / 2
		for kappa := tau + 2; kappa <= to; kappa++ {
			n := float64(kappa - tau)
			across := e.between(from, tau, tau, kappa)
			after := e.between(tau, kappa, tau, kappa) / 2
			v := 2 / (m + n) * (across - n/(m-1)*before - m/(n-1)*after)
			if v > q {
				cut, q = tau, v
			}
		}
	}
	return cut, q
}

// sums are prefix sums for means and variances.
type sums struct {
	// mean was taken off the points, so that squares do not cancel.
	mean            float64
	values, squares []float64
	// resolution is the variance below which there is none but rounding.
	resolution float64
}

func newSums(x []float64) sums {
	s := sums{values: make([]float64, len(x)+1), squares: make([]float64, len(x)+1)}
	for _, v := range x {
		s.mean += v / float64(len(x))
	}
	for i, v := range x {
		d := v - s.mean
		s.values[i+1] = s.values[i] + d
		s.squares[i+1] = s.squares[i] + d*d
	}
	s.resolution = 0x1p-40 * s.squares[len(x)]
	return s
}

// part returns number, mean and sum of squares around it of [from, to).
func (s sums) part(from, to int) (n, mean, squares float64) {
	n = float64(to - from)
	sum := s.values[to] - s.values[from]
	mean = sum / n
	return n, mean, max(s.squares[to]-s.squares[from]-sum*mean, 0)
}

// pValue returns that of Student's t-test between [from, cut) and [cut, to).
func (s sums) pValue(from, cut, to int) float64 {
	m, before, beforeSquares := s.part(from, cut)
	n, after, afterSquares := s.part(cut, to)
	df := m + n - 2
	if !(df > 0) {
		return 1
	}
	squares := beforeSquares + afterSquares
	if squares <= s.resolution {
		squares = s.resolution
	}
	if squares == 0 {
		return 1
	}
	t := math.Abs(after-before) / math.Sqrt(squares/df*(1/m+1/n))
	return min(1, 2*stat.StudentTail(t, df))
}

// confirm drops the weakest of cuts until each is significant at limit against
// its neighbours, and describes the rest.
func (s sums) confirm(cuts []int, limit float64) []Change {
	n := len(s.values) - 1
	bounds := append(append([]int{0}, cuts...), n)
	p := make([]float64, len(bounds))
	test := func(i int) {
		if i > 0 && i < len(bounds)-1 {
			p[i] = s.pValue(bounds[i-1], bounds[i], bounds[i+1])
		}
	}
	for i := range bounds {
		test(i)
	}
	for len(bounds) > 2 {
		weakest := 1
		for i := 2; i < len(bounds)-1; i++ {
			if p[i] > p[weakest] {
				weakest = i
			}
		}
		if p[weakest] <= limit {
			break
		}
		bounds, p = slices.Delete(bounds, weakest, weakest+1), slices.Delete(p, weakest, weakest+1)
		test(weakest - 1)
		test(weakest)
	}
	changes := make([]Change, 0, len(bounds)-2)
	for i := 1; i < len(bounds)-1; i++ {
		_, before, _ := s.part(bounds[i-1], bounds[i])
		_, after, _ := s.part(bounds[i], bounds[i+1])
		changes = append(changes, Change{Index: bounds[i], Before: s.mean + before, After: s.mean + after, PValue: p[i]})
	}
	return changes
}
