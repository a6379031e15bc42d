package sequential

import (
	"fmt"
	"math"
)

const (
	// ShapeOBrienFleming is the shape of WangTsiatis whose bounds fall with the
	// root of the information (O'Brien, Fleming 1979).
	ShapeOBrienFleming = 0
	// ShapePocock is the shape of equal bounds (Pocock 1977).
	ShapePocock = 0.5
)

// WangTsiatis returns bounds of the form C (t/t_K)^(shape-1/2) at the given
// increasing fractions t_1..t_K, and the constant C that makes all looks
// together reject with probability alpha (Wang, Tsiatis 1987). All looks must be
// known beforehand; where they are not, spend alpha with a Design.
func WangTsiatis(shape, alpha float64, fractions []float64, sides Sides) (constant float64, bounds []Bound, err error) {
	if !(alpha > 0 && alpha <= 0.5) || !(math.Abs(shape) <= 10) || len(fractions) == 0 {
		return 0, nil, fmt.Errorf("sequential: shape %v, alpha %v and %d looks make no bounds; want a shape around 0 to 0.5, alpha above 0 and at most 0.5, and looks", shape, alpha, len(fractions))
	}
	bounds = make([]Bound, len(fractions))
	end := fractions[len(fractions)-1]
	at := func(c float64) (float64, error) {
		for i, t := range fractions {
			bounds[i] = Bound{Fraction: t, Z: c * math.Pow(t/end, shape-0.5)}
		}
		crossing, err := Cross(bounds, 0, sides)
		spent := 0.0
		for i := range crossing.Upper {
			spent += crossing.Upper[i] + crossing.Lower[i]
			bounds[i].Spent, bounds[i].Level = spent, sides.level(bounds[i].Z)
		}
		return crossing.Power - alpha, err
	}
	// At C = 0 a test rejects with probability 1/2 or more. At the other end
	// every single look rejects with probability alpha/K or less.
	high := sides.bound(alpha/float64(len(fractions))) / min(1, math.Pow(fractions[0]/end, shape-0.5))
	if _, err := at(high); err != nil {
		return 0, nil, err
	}
	constant = solve(0, high, func(c float64) float64 {
		miss, _ := at(c)
		return miss
	})
	_, err = at(constant)
	return constant, bounds, err
}
