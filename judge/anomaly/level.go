package anomaly

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// fewestBlocks of the window's length make a history that is forecast window
	// by window; a shorter one is taken for one level with AR(1) noise.
	fewestBlocks = 8
	// mostBlocks bounds how far back that goes.
	mostBlocks = 200
	// training is how many blocks the first forecast rests on.
	training = 4
	// toChoose is how many forecasts must be known to choose between methods by
	// their errors, and advantage by how much another must be better than the
	// mean of all, lest chance chooses.
	toChoose, advantage = 10, 0.8
	// leastBlock is how many points a block needs.
	leastBlock = 5
	// certainTrend is how many standard errors make a slope certain. Two instead
	// of three find 2 % less of recorded incidents at the same false alarms.
	certainTrend = 3
)

// against compares window with history, from both of which seasons are gone.
func (l *Location) against(history, window []float64) {
	values, index := observed(history)
	now, _ := observed(window)
	buffer := make([]float64, 2*max(len(values), len(now)))
	pseudo, scratch := buffer[:len(buffer)/2], buffer[len(buffer)/2:]

	recent := newSegment(now, pseudo, scratch)
	past := newSegment(values, pseudo, scratch)
	if recent.exact && past.exact {
		l.exact = true
		l.settleExact(recent, past)
		return
	}
	if past.exact {
		// The window is all that is known of the noise.
		mean := past.Mean
		past = recent
		past.Mean = mean
	} else if blocks := cut(history, len(window)); len(blocks) >= fewestBlocks {
		l.byForecast(recent, blocks)
		return
	}
	l.byLevel(recent, past, values, index)
}

func (l *Location) settleExact(recent, past segment) {
	l.Value = recent.Mean - past.Mean
	if math.Abs(l.Value) <= resolution*max(math.Abs(recent.Mean), math.Abs(past.Mean)) {
		l.Value = 0
	}
	l.EffectiveN, l.DF, l.past = 1, 1, 1
	l.expect(past.Mean)
}

// expect adds level to what is expected of each interval.
func (l *Location) expect(level float64) {
	for i := range l.Expected {
		l.Expected[i] += level
	}
}

// segment is a stretch after Huber's treatment, as in judge/paired.
type segment struct {
	stat.Series
	exact bool
}

// newSegment overwrites pseudo and scratch, which are at least as long as d.
func newSegment(d, pseudo, scratch []float64) segment {
	lo, hi := d[0], d[0]
	for _, v := range d {
		lo, hi = min(lo, v), max(hi, v)
	}
	same := resolution * max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= same {
		return segment{stat.Series{N: len(d), Mean: d[0]}, true}
	}
	pseudo, scratch = pseudo[:len(d)], scratch[:len(d)]
	mean := stat.Huber(d, pseudo, scratch, same)
	s := stat.NewSeries(pseudo)
	s.Mean = mean
	return segment{Series: s}
}

// byLevel takes the history for one level with AR(1) noise around it.
//
// A slope that the history cannot exclude would have carried the level on until
// the window, so its standard error counts. A slope that is certain may go on or
// stop: the level is then expected halfway, give or take a uniform distribution
// over all in between.
func (l *Location) byLevel(recent, past segment, values []float64, index []int) {
	most := maxRho
	if past.N >= longHistory {
		most = maxRhoLong
	}
	n, m := float64(recent.N), float64(past.N)
	rho := past.Rho(most)
	variance := past.PointVariance(rho)
	l.EffectiveN = n / stat.Inflation(rho, recent.N)
	l.past = m / stat.Inflation(rho, past.N)

	t := newTrend(values, index, most)
	// From the center of the history to that of the window.
	ahead := float64(len(l.history)) + float64(len(l.Expected)-1)/2 - t.center
	level, drift := past.Mean, t.slope*ahead
	l.fixed = math.Hypot(math.Sqrt(variance/l.past), t.stdErr*ahead)
	if math.Abs(t.slope) > certainTrend*t.stdErr {
		l.Trend = true
		level += drift / 2
		l.fixed = math.Hypot(l.fixed, drift/math.Sqrt(12))
	}
	l.Value = recent.Mean - level
	l.expect(level)
	l.StdErr = math.Hypot(math.Sqrt(variance/l.EffectiveN), l.fixed)
	l.DF = max(l.past-1, 1)
}

// trend is a straight line with the standard error of its slope.
type trend struct {
	line
	stdErr float64
}

// newTrend fits a line to values at times index. Noise around it is taken for
// an AR(1), whose inflation of a slope's variance is about that of a mean.
func newTrend(values []float64, index []int, mostRho float64) trend {
	t := trend{line: robustLine(values, index)}
	buffer := make([]float64, 3*len(values))
	residuals, pseudo, scratch := buffer[:len(values)], buffer[len(values):2*len(values)], buffer[2*len(values):]
	spread := 0.0
	for i, v := range values {
		at := float64(index[i])
		residuals[i] = v - t.at(at)
		spread += (at - t.center) * (at - t.center)
	}
	around := newSegment(residuals, pseudo, scratch)
	rho := around.Rho(mostRho)
	t.stdErr = math.Sqrt(around.PointVariance(rho) * (1 + rho) / (1 - rho) / spread)
	return t
}

// cut cuts history into blocks of n from its end, and returns those that have
// data in half of their intervals, oldest first.
func cut(history []float64, n int) []segment {
	var blocks []segment
	buffer := make([]float64, 3*n)
	for end := len(history); end >= n && len(blocks) < mostBlocks; end -= n {
		d := buffer[:0:n]
		for _, v := range history[end-n : end] {
			if finite(v) {
				d = append(d, v)
			}
		}
		if len(d) >= max(n/2, leastBlock) {
			blocks = append(blocks, newSegment(d, buffer[n:2*n], buffer[2*n:]))
		}
	}
	slices.Reverse(blocks)
	return blocks
}

// method forecasts the level of the next block from those before it.
type method struct {
	// last is how many of them it uses at most.
	last int
	// trend continues a line through them instead of their mean.
	trend bool
}

// methods are chosen among by how wrong they were: the whole history for
// levels that stay, its end for levels that wander, lines for those that grow.
var methods = []method{{last: mostBlocks}, {last: 1}, {last: 3}, {last: mostBlocks, trend: true}, {last: 8, trend: true}}

func (m method) forecast(past []segment) float64 {
	past = past[max(0, len(past)-m.last):]
	n := float64(len(past))
	var mean, slope, spread float64
	for i, b := range past {
		d := float64(i) - (n-1)/2
		mean += b.Mean / n
		slope += d * b.Mean
		spread += d * d
	}
	if !m.trend {
		return mean
	}
	return mean + slope/spread*(n+1)/2
}

// share returns the variance of the forecast from so many blocks in units of
// that of one, if they vary independently.
func (m method) share(blocks int) float64 {
	n := float64(min(blocks, m.last))
	if m.trend {
		// 1/n + (n+1)^2/4 / (n (n^2-1)/12)
		return (1 + 3*(n+1)/(n-1)) / n
	}
	return 1 / n
}

// byForecast forecasts the blocks of the history one after the other as the
// window is, and takes the error of those forecasts for that of the window's. It
// is right for whatever the history did again and again: levels that wander,
// days that differ, noise that remembers for longer than an AR(1).
func (l *Location) byForecast(recent segment, blocks []segment) {
	l.Windows = len(blocks) - training
	best, rms := 0, 0.0
	for i, m := range methods {
		squares := 0.0
		for j := training; j < len(blocks); j++ {
			e := blocks[j].Mean - m.forecast(blocks[:j])
			squares += e * e / float64(l.Windows)
		}
		switch e := math.Sqrt(squares); {
		case i == 0:
			rms = e
		case l.Windows < toChoose:
		case best == 0 && e < advantage*rms, best > 0 && e < rms:
			best, rms = i, e
		}
	}
	df := float64(l.Windows)
	if best > 0 {
		// The least of several errors is too small; the choice has cost about as
		// much as two parameters.
		rms *= math.Sqrt(df / (df - 2))
		df -= 2
	}
	m := methods[best]
	level := m.forecast(blocks)
	l.Trend = m.trend
	l.Value = recent.Mean - level
	l.expect(level)

	// The noise within blocks alone gives a standard error as well, the least
	// that there can be.
	var lag1, variance, points float64
	for _, b := range blocks {
		n := float64(b.N)
		lag1 += n * b.Lag1
		variance += n * b.Variance
		points += n
	}
	inside := stat.Series{N: recent.N, Lag1: lag1 / points, Variance: variance / points}
	rho := inside.Rho(maxRhoLong)
	f := stat.Inflation(rho, recent.N)
	l.EffectiveN = float64(recent.N) / f
	l.past = max(points/f, float64(l.Windows))
	own := math.Sqrt(inside.PointVariance(rho) / l.EffectiveN)
	l.fixed = own * math.Sqrt(m.share(len(blocks)))
	l.StdErr, l.DF = math.Hypot(own, l.fixed), max(points/f-1, 1)
	if rms > l.StdErr {
		l.fixed = math.Sqrt(max(rms*rms-own*own, 0))
		l.StdErr, l.DF = rms, df
	}
}
