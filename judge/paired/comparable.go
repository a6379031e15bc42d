package paired

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// allowance returns what is added to the margin, as a share of the level,
// because healthy instances differ: by a standing offset where no history shows
// it, by some drift since then where one does.
func (t trial) allowance(l location, window segment) float64 {
	if t.sample.Assignment == judge.Randomized || t.judge.Offset == None {
		return 0
	}
	if t.history != nil {
		return verdict.DriftAllowance(verdict.TotalAlpha(t.sample))
	}
	sd := math.Sqrt(window.PointVariance(l.rho))
	if !t.scale.log {
		sd = math.Ldexp(sd, t.scale.exponent) / t.scale.level
	}
	return verdict.OffsetAllowance(verdict.TotalAlpha(t.sample), sd)
}

// seenBefore reports whether the arms have been as far apart in the history as
// they are now.
func (t trial) seenBefore(window segment) bool {
	if !t.offset {
		return false
	}
	low, high := t.history.extremes()
	d := t.sample.Signal.Direction
	up, down := d != judge.Decrease && window.Mean > high, d != judge.Increase && window.Mean < low
	return !up && !down
}

// widen adds an allowance, a share of the level, to the margins.
func (s scale) widen(read verdict.Limits, allowance float64) (wideRead, wideScale verdict.Limits) {
	if s.log {
		read = read.Widen(allowance)
		return read, read.Map(math.Log)
	}
	more := allowance * s.level
	read.MarginHigh += more
	read.MarginLow -= more
	return read, read.Map(func(v float64) float64 { return math.Ldexp(v, -s.exponent) })
}
