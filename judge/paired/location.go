package paired

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/longrun"
)

const (
	// longHistory is where a history pins the autocorrelation well enough to
	// let it come closer to 1 (docs/statistics.md).
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
	// cosine is measured where it is asked for.
	cosine longrun.Estimate
	// thirds are the medians of the thirds of a history.
	thirds [3]float64
	// exact: every difference is the same number.
	exact bool
}

// newSegment overwrites pseudo and scratch, which must be as long as d or
// longer. With trend, the noise is that beside a straight line.
func newSegment(d, pseudo, scratch []float64, trend bool) segment {
	lo, hi := d[0], d[0]
	for _, v := range d {
		lo, hi = min(lo, v), max(hi, v)
	}
	same := resolution * max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= same {
		// The first stands for all: a mean could be off by a bit.
		constant := stat.Series{N: len(d), Mean: d[0]}
		return segment{Series: constant, thirds: [3]float64{d[0], d[0], d[0]}, exact: true}
	}
	pseudo, scratch = pseudo[:len(d)], scratch[:len(d)]
	return measured(stat.Huber(d, pseudo, scratch, same), pseudo, trend)
}

// measured returns the segment of pseudo-values whose mean is given.
func measured(mean float64, pseudo []float64, trend bool) segment {
	s := segment{Series: stat.NewSeries(pseudo)}
	if trend {
		s.Series = stat.NewTrendSeries(pseudo)
	}
	s.Mean = mean
	return s
}

// measureThirds overwrites scratch.
func (g *segment) measureThirds(d, scratch []float64) {
	if g.exact {
		return
	}
	for i := range g.thirds {
		part := d[i*len(d)/3 : (i+1)*len(d)/3]
		g.thirds[i] = stat.Median(scratch[:copy(scratch, part)])
	}
}

// extremes returns the range of the thirds, extended by half its width on
// either side: where the difference wandered in the history it may wander on
// as well.
func (g segment) extremes() (low, high float64) {
	low, high = min(g.thirds[0], g.thirds[1], g.thirds[2]), max(g.thirds[0], g.thirds[1], g.thirds[2])
	width := (high - low) / 2
	return low - width, high + width
}

// locate estimates the location of the window, with the noise as the history
// knows it. history is nil if there is none.
//
// With offset, the window's noise must be that beside a straight line, so that
// a change that grows through the window does not hide in its own noise; the
// history knows how much a healthy difference wanders.
func (j Judge) locate(window segment, history *segment, offset bool) location {
	rho := window.Rho(maxRho)
	variance := window.PointVariance(rho)
	if history != nil {
		rho, variance = j.calibrate(window, *history)
	}
	n := float64(window.N)
	l := location{value: window.Mean, n: window.N, rho: rho, exact: window.exact}
	l.effective = n / stat.Inflation(rho, window.N)
	l.se = math.Sqrt(variance / l.effective)
	l.df = l.effective - 1
	if history != nil {
		past := float64(history.N) / stat.Inflation(rho, history.N)
		l.df += past
		l.exact = l.exact && history.exact
		if offset {
			l.value -= history.Mean
			l.seHistory = math.Sqrt(variance / past)
			l.df--
		}
	}
	switch c := window.cosine; j.Noise {
	case AR1:
	case EWC:
		l.se, l.df = c.StdErr, c.DF
	case Larger:
		l.se, l.df = max(l.se, c.StdErr), min(l.df, c.DF)
	}
	l.df = max(l.df, 1)
	return l
}

// calibrate returns autocorrelation and variance of the noise from window and
// history.
func (j Judge) calibrate(window, history segment) (rho, variance float64) {
	most := maxRho
	if history.N >= longHistory {
		most = maxRhoLong
	}
	pastRho := history.Rho(most)
	rho = window.Rho(maxRho)
	if j.Calibration == Cautious {
		rho = max(rho, pastRho)
		return rho, max(window.PointVariance(rho), history.PointVariance(rho))
	}
	n, past := float64(window.N), float64(history.N)
	rho = (n*rho + past*pastRho) / (n + past)
	return rho, (n*window.PointVariance(rho) + past*history.PointVariance(rho)) / (n + past)
}
