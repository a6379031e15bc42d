package judgetest

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
)

// World is a way in which the two arms of a release can behave, and what a
// judge must achieve in it.
type World struct {
	Name string
	Kind judge.Kind
	// Intervals of a sample, and of its history; 0 for none.
	Intervals, History int
	// Change is a ratio canary / baseline that must be found (FAIL) in at
	// least the share Power of the samples; 0 asks for nothing.
	Change, Power float64
	// Excess is what false alarms and false passes may exceed the promise by,
	// as a factor, where a method is known to. 0 counts as 1: nothing.
	Excess float64

	// arms draws n intervals. From the interval onset the canary's level or
	// rate is ratio times what it would be.
	arms func(r *rand.Rand, n, onset int, ratio float64) arms
}

// arms are both sides of a world, and their instances in a world of pods.
type arms struct {
	judge.Pair
	baseline, canary []judge.Side
}

// Draw returns a sample in which the canary's level or rate is ratio times the
// baseline's. Its history, if the world has one, goes before without a break;
// in it the arms are alike.
func (w World) Draw(r *rand.Rand, ratio float64) judge.Sample {
	whole := w.arms(r, w.History+w.Intervals, w.History, ratio)
	s := judge.Sample{
		Signal: judge.Signal{Name: w.Name, Kind: w.Kind},
		Pair:   cut(whole.Pair, w.History, w.History+w.Intervals),
	}
	if whole.canary != nil {
		s.Pods = &judge.Pods{
			Baseline: cutSides(whole.baseline, w.History, w.History+w.Intervals),
			Canary:   cutSides(whole.canary, w.History, w.History+w.Intervals),
		}
	}
	if w.History > 0 {
		past := cut(whole.Pair, 0, w.History)
		s.History = &past
		if s.Pods != nil {
			s.Pods.BaselineHistory = cutSides(whole.baseline, 0, w.History)
			s.Pods.CanaryHistory = cutSides(whole.canary, 0, w.History)
		}
	} else {
		// Only a history could tell a standing difference of the arms; in
		// these worlds there is none.
		s.Assignment = judge.Randomized
	}
	return s
}

func cut(p judge.Pair, from, to int) judge.Pair {
	return judge.Pair{Baseline: cutSide(p.Baseline, from, to), Canary: cutSide(p.Canary, from, to)}
}

func cutSide(s judge.Side, from, to int) judge.Side {
	c := judge.Side{Values: s.Values[from:to:to]}
	if s.Totals != nil {
		c.Totals = s.Totals[from:to:to]
	}
	return c
}

func cutSides(sides []judge.Side, from, to int) []judge.Side {
	out := make([]judge.Side, len(sides))
	for i, s := range sides {
		out[i] = cutSide(s, from, to)
	}
	return out
}

// Gauge makes worlds of lognormal levels. Sizes are standard deviations of
// logarithms: 0.1 is about 10 %.
type Gauge struct {
	// Noise is each arm's own noise, Rho its autocorrelation from one interval
	// to the next.
	Noise, Rho float64
	// Calm makes the noise of the history independent whatever Rho: a history
	// that is no guide to the window.
	Calm bool
	// Heavy draws the own noise from Student's t with 3 degrees of freedom.
	Heavy bool
	// Shock is noise that both arms share, Swing the amplitude of a sine of
	// one period that they share.
	Shock, Swing float64
	// Offset is a difference between the arms that lasts through history and
	// window, as of unlike machines.
	Offset float64
}

// World returns a world of n intervals after so many of history.
func (g Gauge) World(name string, n, history int) World {
	return World{Name: name, Kind: judge.Gauge, Intervals: n, History: history, arms: g.arms}
}

func (g Gauge) arms(r *rand.Rand, n, onset int, ratio float64) arms {
	const level = 0.137 // seconds of latency, say
	b, c := g.noise(r, n, onset), g.noise(r, n, onset)
	phase, offset := r.Float64(), g.Offset*r.NormFloat64()
	for i := range b {
		shared := g.Shock*r.NormFloat64() + g.Swing*math.Sin(2*math.Pi*(phase+float64(i)/float64(n)))
		b[i] = level * math.Exp(shared+b[i])
		c[i] = level * math.Exp(shared+c[i]+offset)
		if i >= onset {
			c[i] *= ratio
		}
	}
	return arms{Pair: judge.Pair{Baseline: judge.Side{Values: b}, Canary: judge.Side{Values: c}}}
}

// noise draws an arm's own noise.
func (g Gauge) noise(r *rand.Rand, n, onset int) []float64 {
	if g.Calm {
		return append(ar1(r, onset, g.Noise, 0, g.Heavy), ar1(r, n-onset, g.Noise, g.Rho, g.Heavy)...)
	}
	return ar1(r, n, g.Noise, g.Rho, g.Heavy)
}

// ar1 returns a stationary AR(1) with the given standard deviation.
func ar1(r *rand.Rand, n int, sd, rho float64, heavy bool) []float64 {
	draw := r.NormFloat64
	if heavy {
		t3 := distuv.StudentsT{Sigma: 1 / math.Sqrt(3), Nu: 3, Src: r} // of variance 1
		draw = t3.Rand
	}
	x := make([]float64, n)
	last := draw()
	for i := range x {
		last = rho*last + math.Sqrt(1-rho*rho)*draw()
		x[i] = sd * last
	}
	return x
}

// Events makes worlds of events: Counts without Total, Ratios with it.
type Events struct {
	// Rate is the number of baseline events expected in an interval.
	Rate float64
	// Canary is the canary's exposure as a part of the baseline's; 0 counts
	// as 1.
	Canary float64
	// Total is the baseline's total of an interval, e.g. its requests; the
	// events are a share of it.
	Total float64
	// Bursts makes every tenth interval or so ten times as eventful, in both arms.
	Bursts bool
	// Fano is the variance of an arm's own count over its mean beyond that; 0
	// counts as 1, independent events.
	Fano float64
	// Noise and Rho are standard deviation and autocorrelation of the
	// logarithm of each arm's own rate.
	Noise, Rho float64
}

// World returns a world of n intervals after so many of history.
func (e Events) World(name string, n, history int) World {
	w := World{Name: name, Kind: judge.Count, Intervals: n, History: history, arms: e.arms}
	if e.Total > 0 {
		w.Kind = judge.Ratio
	}
	return w
}

func (e Events) arms(r *rand.Rand, n, onset int, ratio float64) arms {
	part := e.Canary
	if part == 0 {
		part = 1
	}
	b, c := ar1(r, n, e.Noise, e.Rho, false), ar1(r, n, e.Noise, e.Rho, false)
	p := judge.Pair{Baseline: judge.Side{Values: b}, Canary: judge.Side{Values: c}}
	if e.Total > 0 || part != 1 {
		p.Baseline.Totals, p.Canary.Totals = make([]float64, n), make([]float64, n)
	}
	for i := range n {
		rate := e.Rate
		if e.Bursts && r.Float64() < 0.1 {
			rate *= 10
		}
		cRate := rate * part
		if i >= onset {
			cRate *= ratio
		}
		b[i] = e.count(r, rate*math.Exp(b[i]))
		c[i] = e.count(r, cRate*math.Exp(c[i]))
		switch {
		case e.Total > 0:
			// Traffic is random as well, and contains its events.
			p.Baseline.Totals[i] = max(poisson(r, e.Total), b[i], 1)
			p.Canary.Totals[i] = max(poisson(r, e.Total*part), c[i], 1)
		case part != 1:
			p.Baseline.Totals[i], p.Canary.Totals[i] = 1, part
		}
	}
	return arms{Pair: p}
}

// count draws a negative binomial number, Poisson for Fano <= 1.
func (e Events) count(r *rand.Rand, mean float64) float64 {
	if e.Fano > 1 && mean > 0 {
		mean = distuv.Gamma{Alpha: mean / (e.Fano - 1), Beta: 1 / (e.Fano - 1), Src: r}.Rand()
	}
	return poisson(r, mean)
}

func poisson(r *rand.Rand, mean float64) float64 {
	if mean == 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: r}.Rand()
}
