package calibrate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// sizes are the regressions that are injected, as fractions of the healthy
// level.
var sizes = []float64{
	0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.60, 0.80,
	1, 1.5, 2, 3, 4, 6, 9,
}

// injector puts regressions of any size into the canary of one input. What is
// random is drawn once, so that a larger size is never a smaller change.
type injector struct {
	input analysis.Input
	down  bool
	// uniform has one draw an interval.
	uniform []float64
	// level is what a level that is not positive throughout is shifted by, rate
	// the healthy events per unit of exposure.
	level, rate float64
	positive    bool
}

// newInjector draws from a source of its own, seeded by the two numbers.
func newInjector(in analysis.Input, seed, stream uint64) *injector {
	s := in.Sample
	x := &injector{input: in, down: s.Signal.Direction == judge.Decrease, positive: true}
	if s.Signal.Kind == judge.Gauge {
		n := 0.0
		for i, v := range s.Baseline.Values {
			if s.Baseline.Has(i) {
				x.level += math.Abs(v)
				n++
			}
		}
		x.level /= max(n, 1)
		for i, v := range s.Canary.Values {
			x.positive = x.positive && (!s.Canary.Has(i) || v > 0)
		}
		return x
	}
	random := rand.New(rand.NewPCG(seed, stream))
	x.uniform = make([]float64, len(s.Canary.Values))
	for i := range x.uniform {
		x.uniform[i] = random.Float64()
	}
	var events, exposure float64
	for _, side := range []judge.Side{s.Baseline, s.Canary} {
		for i, v := range side.Values {
			if side.Has(i) {
				events += v
				exposure += exposureOf(side, i)
			}
		}
	}
	if exposure > 0 {
		x.rate = events / exposure
	}
	return x
}

func exposureOf(s judge.Side, i int) float64 {
	if s.Totals == nil {
		return 1
	}
	return s.Totals[i]
}

// at returns the input with a regression of this size.
//
// A level is multiplied by 1+size, or divided where a decrease is bad. Events
// that an increase adds are Poisson at size times the healthy rate of the
// window, as those of a new fault would be; a decrease keeps each event with
// probability 1/(1+size). So the events stay as irregular as events are:
// multiplying them would add none to an interval without any, and bursts that
// are not there to others.
func (x *injector) at(size float64) analysis.Input {
	in := x.input
	s := &in.Sample
	if !(size > 0) {
		return in
	}
	values := slices.Clone(s.Canary.Values)
	for i, v := range values {
		if !s.Canary.Has(i) {
			continue
		}
		switch {
		case s.Signal.Kind == judge.Gauge && x.positive && x.down:
			values[i] = v / (1 + size)
		case s.Signal.Kind == judge.Gauge && x.positive:
			values[i] = v * (1 + size)
		case s.Signal.Kind == judge.Gauge && x.down:
			values[i] = v - size*x.level
		case s.Signal.Kind == judge.Gauge:
			values[i] = v + size*x.level
		case x.down:
			values[i] = binomial(v, 1/(1+size), x.uniform[i])
		default:
			values[i] = v + poisson(size*x.rate*exposureOf(s.Canary, i), x.uniform[i])
			if s.Signal.Kind == judge.Ratio && s.Canary.Totals != nil {
				values[i] = max(min(values[i], s.Canary.Totals[i]), v)
			}
		}
	}
	s.Canary.Values = values
	return in
}

// exactUpTo is the mean up to which the quantile is summed up; beyond it the
// normal one, rounded, is within a count or two.
const exactUpTo = 200

// poisson returns the quantile at u of the Poisson distribution.
func poisson(mean, u float64) float64 {
	if !(mean > 0) {
		return 0
	}
	if mean > exactUpTo {
		return max(0, math.Round(mean+math.Sqrt(mean)*distuv.UnitNormal.Quantile(u)))
	}
	p := math.Exp(-mean)
	sum, k := p, 0.0
	for sum < u && k < 10*exactUpTo {
		k++
		p *= mean / k
		sum += p
	}
	return k
}

// binomial returns the quantile at u of the binomial distribution of trials
// rounded to a whole number.
func binomial(trials, p, u float64) float64 {
	trials = math.Round(trials)
	if !(trials > 0) {
		return 0
	}
	if trials > exactUpTo {
		return min(max(0, math.Round(trials*p+math.Sqrt(trials*p*(1-p))*distuv.UnitNormal.Quantile(u))), trials)
	}
	chance := math.Pow(1-p, trials)
	sum, k := chance, 0.0
	for sum < u && k < trials {
		chance *= (trials - k) / (k + 1) * p / (1 - p)
		k++
		sum += chance
	}
	return k
}
