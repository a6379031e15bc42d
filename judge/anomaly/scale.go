package anomaly

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// scale is where window and history are compared: logarithms where everything
// is positive, else the numbers themselves in units of 2^exponent.
type scale struct {
	log      bool
	exponent int
}

// clip bounds a number in units of the scale so that its square stays finite;
// whatever is that far off counts as an outlier anyway.
const clip = 0x1p300

func newScale(history, window []float64) scale {
	positive := true
	var sizes []float64
	for _, x := range [][]float64{history, window} {
		for _, v := range x {
			if finite(v) && !(v > 0) {
				positive = false
			}
		}
	}
	if positive {
		return scale{log: true}
	}
	for _, x := range [][]float64{history, window} {
		for _, v := range x {
			if finite(v) && v != 0 {
				sizes = append(sizes, math.Abs(v))
			}
		}
	}
	if len(sizes) == 0 {
		return scale{}
	}
	return scale{exponent: stat.Exponent(stat.Median(sizes), 0)}
}

// to returns x on the scale, NaN where it has no data.
func (s scale) to(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		switch {
		case !finite(v):
			out[i] = math.NaN()
		case s.log:
			out[i] = math.Log(v)
		default:
			out[i] = min(max(math.Ldexp(v, -s.exponent), -clip), clip)
		}
	}
	return out
}

// from returns a value or a difference on the scale as the user reads it.
func (s scale) from(v float64) float64 {
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

func (s scale) measure() judge.Measure {
	if s.log {
		return judge.RatioOfLevels
	}
	return judge.Difference
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
