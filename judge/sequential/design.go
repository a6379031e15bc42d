package sequential

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Sides says which deviations a test may reject for.
type Sides int

const (
	// TwoSided rejects for large and for small values of the statistic.
	TwoSided Sides = iota
	// OneSided rejects for large values only.
	OneSided
)

// level returns P(reject) of a single look at bound z without an effect.
func (s Sides) level(z float64) float64 {
	if s == TwoSided {
		return 2 * stat.NormalTail(z)
	}
	return stat.NormalTail(z)
}

// bound is the inverse of level.
func (s Sides) bound(level float64) float64 {
	if s == TwoSided {
		level /= 2
	}
	return stat.NormalUpper(level)
}

// Design says how much false-alarm probability a test may spend, and when.
type Design struct {
	// Alpha is the probability of rejecting at any look if there is no effect.
	Alpha float64
	// Spending is how Alpha is used up, Power(2) if nil.
	Spending Spending
	// Sides of the test; two-sided bounds are symmetric.
	Sides Sides
}

// MaxLooks is how many looks a design may have: a week of minutes.
const MaxLooks = 10080

// Bound is what a look must reach.
type Bound struct {
	// Fraction of the planned information at the look.
	Fraction float64
	// Z is the bound of the standard normal statistic: reject where it is
	// reached. +Inf where nothing is left to spend.
	Z float64
	// Level is the nominal p value of Z, on as many sides as the design has:
	// reject where a p value is no larger. A repeated confidence interval is
	// the usual one at level 1-Level. For a Student statistic the level is kept
	// and its own quantile taken (Jennison, Turnbull 2000, 3.8).
	Level float64
	// Spent is the alpha used up by this look and those before.
	Spent float64
}

// Bounds returns the bounds of looks at the given fractions of the planned
// information, which must increase; see Looks.Next.
func (d Design) Bounds(fractions []float64) ([]Bound, error) {
	looks, err := d.Start()
	if err != nil {
		return nil, err
	}
	bounds := make([]Bound, len(fractions))
	for i, t := range fractions {
		if bounds[i], err = looks.Next(t); err != nil {
			return nil, err
		}
	}
	return bounds, nil
}

// Start returns the design before its first look.
func (d Design) Start() (*Looks, error) {
	if !(d.Alpha > 0 && d.Alpha < 1) {
		return nil, fmt.Errorf("sequential: alpha is %v, want a probability above 0 and below 1", d.Alpha)
	}
	d = d.withDefaults()
	return &Looks{design: d, paths: newPaths(0, d.Sides == TwoSided)}, nil
}

func (d Design) withDefaults() Design {
	if d.Spending == nil {
		d.Spending = Power(2)
	}
	return d
}

// allowed returns how much alpha may be spent when the fraction t is there.
func (d Design) allowed(t float64) (float64, error) {
	tails := 1.0
	if d.Sides == TwoSided {
		tails = 2
	}
	spend := tails * d.Spending(d.Alpha/tails, min(t, 1))
	// 1e-9: a spending function may round.
	if !(spend >= 0 && spend <= d.Alpha*(1+1e-9)) {
		return 0, fmt.Errorf("sequential: the spending function gives %v at fraction %v, want a part of alpha %v", spend, t, d.Alpha)
	}
	return min(spend, d.Alpha), nil
}

// checkFraction returns an error unless a look at fraction may follow one at
// last.
func checkFraction(fraction, last float64, looks int) error {
	switch {
	case !(fraction > last) || math.IsInf(fraction, 1):
		return fmt.Errorf("sequential: a look at fraction %v of the information cannot follow one at %v; fractions must increase from above 0", fraction, last)
	case looks >= MaxLooks:
		return fmt.Errorf("sequential: a design has at most %d looks; look less often", MaxLooks)
	default:
		return nil
	}
}
