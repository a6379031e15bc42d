package sequential

import "math"

const (
	// negligible alpha is spent by the union bound instead of the recursion:
	// P(first rejection at this look) <= P(the bound is reached at this look).
	// What is lost that way could not be seen in any decision.
	negligible = 1e-14
	// leastSpend is where a normal quantile can still be found.
	leastSpend = 1e-300
	// leastGap between two looks, as part of the information at the later one,
	// that the recursion follows. Its cost grows with the inverse root of the
	// gap; a closer look spends its share by the union bound.
	leastGap = 1e-5
)

// Looks is a design in progress: it knows what the looks so far have spent and
// how the paths that they have not stopped are distributed. One more look
// costs as much whatever the number before it. It is not safe for concurrent
// use.
type Looks struct {
	design Design
	paths  paths
	last   float64
	spent  float64
	count  int
}

// Next takes a look when the given fraction of the planned information is
// there, and returns what it must reach so that all looks together spend what
// the design allows by then. Looks may come at any moment, as long as the
// moment does not depend on what the earlier ones saw.
//
// A fraction above 1 is more information than was planned: alpha is spent at
// the first look that reaches 1, and those after it reject nothing.
//
// Next fails, without any effect, for a fraction that is not larger than the
// one before, for more than MaxLooks, and where the spending function gives
// something other than a part of alpha.
func (l *Looks) Next(fraction float64) (Bound, error) {
	if err := checkFraction(fraction, l.last, l.count); err != nil {
		return Bound{}, err
	}
	allowed, err := l.design.allowed(fraction)
	if err != nil {
		return Bound{}, err
	}
	l.last = fraction
	l.count++

	b := Bound{Fraction: fraction, Z: math.Inf(1)}
	switch spend := allowed - l.spent; {
	case spend < leastSpend:
	case spend < negligible || l.paths.gap(fraction) < leastGap:
		b.Z = l.design.Sides.bound(spend)
		l.spent = allowed
	default:
		l.paths.advance(fraction)
		b.Z = l.paths.solve(fraction, spend, l.design.Sides) / math.Sqrt(fraction)
		l.paths.stop(fraction, b.Z, l.design.Sides)
		l.spent = allowed
	}
	b.Level, b.Spent = l.design.Sides.level(b.Z), l.spent
	return b, nil
}
