package paired

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// resolution is the smallest difference that is taken for one, relative to
// the numbers compared: sums that differ only in the order of their terms
// differ in the last bits of a float64 (2^-52 each).
const resolution = 0x1p-40

// pairs are the intervals with data on both sides, oldest first.
type pairs struct {
	baseline, canary []float64
}

// align drops the intervals that are missing on a side. It copies only if it
// must.
func align(p judge.Pair) pairs {
	b, c := p.Baseline.Values, p.Canary.Values
	whole := true
	for i := range b {
		if !p.Baseline.Has(i) || !p.Canary.Has(i) {
			whole = false
			break
		}
	}
	if whole {
		return pairs{b, c}
	}
	var out pairs
	for i := range b {
		if p.Baseline.Has(i) && p.Canary.Has(i) {
			out.baseline = append(out.baseline, b[i])
			out.canary = append(out.canary, c[i])
		}
	}
	return out
}

func (p pairs) len() int { return len(p.baseline) }

func (p pairs) positive() bool {
	for i := range p.baseline {
		if !(p.baseline[i] > 0 && p.canary[i] > 0) {
			return false
		}
	}
	return true
}

// scale is where the two sides are subtracted: logarithms where everything is
// positive, else the numbers themselves in units of 2^exponent.
type scale struct {
	log      bool
	exponent int
	// level is the mean size of both sides.
	level float64
}

// clip bounds a number in units of the scale so that its square stays finite.
// Whatever is that far from the typical value counts as an outlier anyway.
const clip = 0x1p500

// newScale chooses the scale for window and history together. scratch must
// hold both sides of the window.
func newScale(window, history pairs, scratch []float64) scale {
	if window.positive() && history.positive() {
		return scale{log: true}
	}
	sizes := scratch[:0]
	for _, side := range [][]float64{window.baseline, window.canary} {
		for _, v := range side {
			if v != 0 {
				sizes = append(sizes, math.Abs(v))
			}
		}
	}
	if len(sizes) == 0 {
		return scale{}
	}
	return scale{exponent: stat.Exponent(stat.Median(sizes), 0)}
}

// differences writes canary - baseline of every pair to out.
func (s scale) differences(p pairs, out []float64) {
	for i, b := range p.baseline {
		out[i] = s.difference(p.canary[i], b)
	}
}

// difference returns c - b on the scale.
func (s scale) difference(c, b float64) float64 {
	switch {
	case b == c || math.Abs(c/2-b/2) <= resolution/2*max(math.Abs(b), math.Abs(c)):
		return 0
	case s.log:
		return logRatio(c, b)
	default:
		return s.number(c) - s.number(b)
	}
}

// number returns v in units of the scale.
func (s scale) number(v float64) float64 {
	return min(max(math.Ldexp(v, -s.exponent), -clip), clip)
}

// logRatio returns ln(c/b). The quotient comes first because it is the same
// for both sides in any unit that is a power of two; only where it leaves the
// normal range are the logarithms taken apart.
func logRatio(c, b float64) float64 {
	const tiny, huge = 0x1p-1022, math.MaxFloat64
	if r := c / b; r >= tiny && r <= huge && b >= tiny && c >= tiny {
		return math.Log(r)
	}
	return math.Log(c) - math.Log(b)
}

// effect returns v, a difference on the scale, as the user reads it: a ratio
// for logarithms.
func (s scale) effect(v float64) float64 {
	e := math.Ldexp(v, s.exponent)
	if s.log {
		e = math.Exp(v)
	}
	if math.IsInf(e, 0) && !math.IsInf(v, 0) {
		// Infinite ends mean "unlimited", which this is not.
		return math.Copysign(math.MaxFloat64, e)
	}
	return e
}

// limits returns the limits of the signal twice: as the user reads them, and on
// the scale.
func (s scale) limits(signal judge.Signal, level float64) (read, onScale verdict.Limits) {
	if s.log {
		read = verdict.RatioLimits(signal, level)
		return read, read.Map(math.Log)
	}
	read = verdict.DifferenceLimits(signal, level)
	return read, read.Map(func(v float64) float64 { return math.Ldexp(v, -s.exponent) })
}

func (s scale) measure() judge.Measure {
	if s.log {
		return judge.RatioOfLevels
	}
	return judge.Difference
}
