package sequential

import (
	"fmt"
	"math"
)

// Crossing is what bounds do under a given effect.
type Crossing struct {
	// Upper and Lower are the probabilities, look by look, that this is the
	// first look at which the bound is reached, above and below. Lower is zero
	// in a one-sided design.
	Upper, Lower []float64
	// Power is the probability of reaching a bound on either side at any look.
	Power float64
	// Fraction is the expected fraction of the planned information at which the
	// test ends: at the bound, or at the last look if none is reached.
	Fraction float64
}

// Cross returns what bounds do if the statistic's expectation at fraction 1 is
// drift, and drift sqrt(t) at fraction t: the effect over its standard error at
// the planned end. Without an effect drift is 0. Only Fraction and Z of the
// bounds are used.
//
// A look that follows the one before at less than 1e-5 of its own information
// is passed over; Design gives such looks a bound that hardly matters.
//
// Cross fails for fractions that do not increase, more than MaxLooks, and a
// drift or bound that is no number. A negative bound of a two-sided design is
// an error too.
func Cross(bounds []Bound, drift float64, sides Sides) (Crossing, error) {
	if math.IsNaN(drift) || math.IsInf(drift, 0) {
		return Crossing{}, fmt.Errorf("sequential: the drift is %v, want a finite number", drift)
	}
	both := make([]float64, 2*len(bounds))
	c := Crossing{Upper: both[:len(bounds):len(bounds)], Lower: both[len(bounds):]}
	p := newPaths(drift, false)
	last, going := 0.0, 1.0
	for i, b := range bounds {
		if err := checkFraction(b.Fraction, last, i); err != nil {
			return Crossing{}, err
		}
		if math.IsNaN(b.Z) || sides == TwoSided && b.Z < 0 {
			return Crossing{}, fmt.Errorf("sequential: the bound at fraction %v is %v", b.Fraction, b.Z)
		}
		c.Fraction += going * (b.Fraction - last)
		last = b.Fraction
		if p.gap(b.Fraction) < leastGap {
			continue
		}
		p.advance(b.Fraction)
		root := math.Sqrt(b.Fraction)
		c.Upper[i], _ = p.above(b.Fraction, b.Z*root)
		if sides == TwoSided {
			c.Lower[i] = p.below(b.Fraction, -b.Z*root)
		}
		p.stop(b.Fraction, b.Z, sides)
		c.Power += c.Upper[i] + c.Lower[i]
		going = max(1-c.Power, 0)
	}
	c.Power = min(c.Power, 1)
	return c, nil
}

// mostDrift is where any design that has a finite bound at all rejects.
const mostDrift = 1000

// Drift returns the drift at which bounds reach the given power, which must
// lie between what they reach without an effect and 1. The information that a
// design needs for an effect follows: an effect of d standard deviations of
// one unit of information needs (drift/d)^2 units.
func Drift(bounds []Bound, sides Sides, power float64) (float64, error) {
	at := func(drift float64) (float64, error) {
		c, err := Cross(bounds, drift, sides)
		return c.Power - power, err
	}
	least, err := at(0)
	switch {
	case err != nil:
		return 0, err
	case !(least < 0 && power < 1):
		return 0, fmt.Errorf("sequential: a power of %v was asked of bounds that have %v without an effect; want more than that and less than 1", power, least+power)
	}
	low, high := 0.0, 1.0
	for {
		miss, err := at(high)
		if err != nil {
			return 0, err
		}
		if miss >= 0 {
			break
		}
		if high > mostDrift {
			return 0, fmt.Errorf("sequential: no effect reaches a power of %v with these bounds", power)
		}
		low, high = high, 2*high
	}
	return solve(low, high, func(drift float64) float64 {
		miss, _ := at(drift) // it failed at no other drift
		return miss
	}), nil
}
