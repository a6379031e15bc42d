package plan

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/sequential"
)

// Planner answers for one signal. It is not safe for concurrent use.
type Planner struct {
	Signal
	Options

	terms  terms
	margin float64 // as a logarithm
	bounds []sequential.Bound
	seen   map[key]dispersed
}

// calibrating is the history from which on package analysis lets early looks
// spend more.
const calibrating = 60

// New returns the planner of a signal.
func New(s Signal, o Options) (*Planner, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Planner{Signal: s, Options: o}
	if p.terms, err = ask(s, o); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	p.margin = logOf(p.terms.margin)
	if o.Looks > 1 {
		spending := sequential.OBrienFleming
		if s.History >= calibrating {
			spending = sequential.Power(2)
		}
		fractions := make([]float64, o.Looks)
		for j := range fractions {
			fractions[j] = float64(j+1) / float64(o.Looks)
		}
		if p.bounds, err = (sequential.Design{Alpha: p.terms.alpha, Spending: spending}).Bounds(fractions); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Margin returns the relative rise that a FAIL must exclude: the signal's
// margin, and what the judge adds because healthy instances differ.
func (p *Planner) Margin() float64 { return p.terms.margin }

// Alpha returns the two-sided error that the judge of the level may spend.
func (p *Planner) Alpha() float64 { return p.terms.alpha }

// Outcome is what a window does.
type Outcome struct {
	// Power is the probability of FAIL.
	Power float64
	// Intervals is the expected number of intervals until the FAIL, or the whole
	// window where there is none.
	Intervals float64
}

// Outcome returns what a window of n intervals does if the canary is worse by
// change, relative to the baseline.
func (p *Planner) Outcome(change float64, n int) Outcome {
	log := logOf(change)
	if p.Looks <= 1 || n < p.Looks {
		return Outcome{p.alone(n, log, p.terms.alpha), float64(n)}
	}
	// Bounds under which a Brownian motion with drift has, look by look, the
	// power that the look would have alone.
	const sure = 1e-9
	quantiles := make([]float64, len(p.bounds))
	for j, b := range p.bounds {
		alone := p.alone(int(math.Round(b.Fraction*float64(n))), log, b.Level)
		quantiles[j] = normalQuantile(min(max(alone, sure), 1-sure))
	}
	last := len(p.bounds) - 1
	drift := p.bounds[last].Z + quantiles[last]
	matched := make([]sequential.Bound, len(p.bounds))
	for j, b := range p.bounds {
		matched[j] = sequential.Bound{Fraction: b.Fraction, Z: drift*math.Sqrt(b.Fraction) - quantiles[j]}
	}
	c, err := sequential.Cross(matched, drift, sequential.OneSided)
	if err != nil {
		// Fractions rise and bounds are finite: this does not happen.
		return Outcome{math.NaN(), math.NaN()}
	}
	return Outcome{c.Power, c.Fraction * float64(n)}
}

// alone is the power of a single look.
func (p *Planner) alone(n int, log, alpha float64) float64 {
	if !(alpha > 0) {
		return 0
	}
	if p.Kind == judge.Gauge {
		return p.levelPower(n, log, p.margin, alpha)
	}
	return p.eventsPower(n, log, alpha)
}

// Power returns the probability that n intervals FAIL a canary that is worse by
// change.
func (p *Planner) Power(change float64, n int) float64 { return p.Outcome(change, n).Power }

// Intervals returns the length of the shortest window that finds change with the
// planned power, 0 if none of up to MaxIntervals does.
func (p *Planner) Intervals(change float64) int {
	if logOf(change) <= p.margin {
		return 0
	}
	enough := func(n int) bool { return p.Power(change, n) >= p.Options.Power }
	high := 8
	for !enough(high) {
		if high *= 2; high > MaxIntervals {
			return 0
		}
	}
	low := 0
	if high > 8 {
		low = high / 2
	}
	return low + 1 + sort.Search(high-low-1, func(i int) bool { return enough(low + 1 + i) })
}

// Detectable returns the smallest change that n intervals find with the planned
// power, to three thousandths of its logarithm; +Inf if it is beyond a factor of 1000.
func (p *Planner) Detectable(n int) float64 {
	low, high := p.margin, p.margin
	for step := 0.02; ; step *= 2 {
		high += step
		if p.Power(math.Expm1(high), n) >= p.Options.Power {
			break
		}
		if high > math.Log(maxFactor) {
			return math.Inf(1)
		}
		low = high
	}
	for high-low > 3e-3*high {
		if middle := low + (high-low)/2; p.Power(math.Expm1(middle), n) >= p.Options.Power {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Expm1(high)
}

// Time returns the length of n intervals.
func (p *Planner) Time(n int) time.Duration { return time.Duration(n) * p.Interval }

// EventsIn returns the expected number of events of both sides in n intervals if
// the canary is worse by change; 0 for a Gauge.
func (p *Planner) EventsIn(n int, change float64) float64 {
	return float64(n) * p.Events * (1 + p.weight()*(1+change))
}
