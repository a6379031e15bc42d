package paired

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// longHistory is where a history pins the autocorrelation well enough to
	// let it come closer to 1 (statistics.md 2.1, step 4).
	longHistory = 240
	maxRho      = 0.95
	maxRhoLong  = 0.97
)

// location is an estimate of the difference between the arms.
type location struct {
	value float64
	// se is the standard error from the window, seHistory the part that the
	// history adds when its offset was subtracted.
	se, seHistory float64
	// df are the degrees of freedom of the standard error.
	df float64
	// n points of the window, worth effective independent ones; rho is their
	// autocorrelation.
	n         int
	effective float64
	rho       float64
	// exact: every difference is the same number.
	exact bool
}

func (l location) stdErr() float64 { return math.Hypot(l.se, l.seHistory) }

// segment is one stretch of differences after Huber's treatment.
type segment struct {
	stat.Series
	// exact: every difference is the same number.
	exact bool
}

// newSegment overwrites pseudo and scratch, which must be as long as d or
// longer.
func newSegment(d, pseudo, scratch []float64) segment {
	lo, hi := d[0], d[0]
	for _, v := range d {
		lo, hi = min(lo, v), max(hi, v)
	}
	same := resolution * max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= same {
		// The first stands for all: a mean could be off by a bit.
		return segment{stat.Series{N: len(d), Mean: d[0]}, true}
	}
	pseudo, scratch = pseudo[:len(d)], scratch[:len(d)]
	mean := stat.Huber(d, pseudo, scratch, same)
	s := stat.NewSeries(pseudo)
	s.Mean = mean
	return segment{Series: s}
}

// locate estimates the location of the window, with the noise as the history
// knows it. history is nil if there is none.
func (j Judge) locate(window segment, history *segment) location {
	rho := window.Rho(maxRho)
	if history == nil {
		f := stat.Inflation(rho, window.N)
		n := float64(window.N)
		return location{
			value: window.Mean, n: window.N, rho: rho, effective: n / f, df: max(n/f-1, 1),
			se: math.Sqrt(window.PointVariance(rho) * f / n), exact: window.exact,
		}
	}
	most := maxRho
	if history.N >= longHistory {
		most = maxRhoLong
	}
	n, past := float64(window.N), float64(history.N)
	pastRho := history.Rho(most)
	var variance float64
	switch j.Calibration {
	case Pooled:
		rho = (n*rho + past*pastRho) / (n + past)
		variance = (n*window.PointVariance(rho) + past*history.PointVariance(rho)) / (n + past)
	default:
		rho = max(rho, pastRho)
		variance = max(window.PointVariance(rho), history.PointVariance(rho))
	}
	f, pastF := stat.Inflation(rho, window.N), stat.Inflation(rho, history.N)
	l := location{
		value: window.Mean, n: window.N, rho: rho, effective: n / f,
		df: max(n/f+past/pastF-1, 1),
		se: math.Sqrt(variance * f / n), exact: window.exact && history.exact,
	}
	if j.Offset == History {
		l.value -= history.Mean
		l.seHistory = math.Sqrt(variance * pastF / past)
		l.df = max(l.df-1, 1)
	}
	return l
}
