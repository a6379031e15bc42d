package plan

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// Signal is what a plan must know of a signal of a healthy release.
type Signal struct {
	Name string
	Kind judge.Kind
	// Judge is the name in the config; empty is the default for the kind.
	Judge string
	// Margin is relative: 0.05 is 5 %.
	Margin float64
	// Level is what the baseline has, for words: the gauge's level or the share
	// of a ratio. 0 if unknown.
	Level float64

	// Noise is the standard deviation of ln(canary/baseline) from one interval
	// to the next, outliers aside, and Rho the autocorrelation of neighbours. Of
	// a Gauge.
	Noise, Rho float64

	// Events is how many events the baseline has in an interval, Weight the
	// canary's exposure relative to the baseline's (0 counts as 1), Dispersion
	// how many events weigh as one (0 counts as 1). Of a Count or Ratio.
	Events, Weight, Dispersion float64
	// Requests is the traffic of both sides in an interval, for words; 0 if
	// unknown.
	Requests float64

	// History is the number of intervals before the release that calibrate the
	// judge.
	History int
	// Randomized: chance alone sends a request to a side, and the instances are
	// alike; see judge.Randomized.
	Randomized bool
}

// weight is the canary's exposure relative to the baseline's.
func (s Signal) weight() float64 {
	if s.Weight == 0 {
		return 1
	}
	return s.Weight
}

func (s Signal) dispersion() float64 { return max(s.Dispersion, 1) }

// Limits of what is planned. They lie far beyond what canaries are, and keep
// the formulas within what float64 can do.
const (
	// MaxIntervals is the longest canary: two years of minutes.
	MaxIntervals = 1 << 20
	maxNoise     = 10
	maxRho       = 0.99
	maxEvents    = 1e9
	maxWeight    = 1e4
	maxFactor    = 1000
	maxLooks     = 2000
	maxSignals   = 100_000
)

func (s Signal) check() error {
	name := s.Name
	if name == "" {
		name = "the signal"
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	switch {
	case s.Kind != judge.Gauge && s.Kind != judge.Count && s.Kind != judge.Ratio:
		return fail("there is no plan for a %v", s.Kind)
	case !(s.Margin >= 0 && s.Margin <= maxFactor):
		return fail("a margin of %v", s.Margin)
	case s.History < 0:
		return fail("a history of %d intervals", s.History)
	case s.Kind == judge.Gauge && !(s.Noise > 0 && s.Noise <= maxNoise):
		return fail("a noise of %v: want the standard deviation of the logarithm of canary/baseline, such as 0.08, above 0 and at most %d", s.Noise, maxNoise)
	case s.Kind == judge.Gauge && !(s.Rho >= 0 && s.Rho <= maxRho):
		return fail("an autocorrelation of %v: want 0 to %v", s.Rho, maxRho)
	case s.Kind != judge.Gauge && !(s.Events > 0 && s.Events <= maxEvents):
		return fail("%v events in an interval: want more than 0 and at most %g", s.Events, float64(maxEvents))
	case s.Kind != judge.Gauge && !(s.weight() >= 1/maxWeight && s.weight() <= maxWeight):
		return fail("the canary has %v times the baseline's traffic: want %v to %v", s.Weight, 1/maxWeight, maxWeight)
	case s.Kind != judge.Gauge && !(s.dispersion() < maxEvents):
		return fail("a dispersion of %v", s.Dispersion)
	}
	return nil
}

// Options say what is asked of a plan.
type Options struct {
	// Alpha is the family-wise error; 0 is judge.DefaultAlpha.
	Alpha float64
	// Signals is how many decide together; each has Alpha/Signals. 0 is 1.
	Signals int
	// Power is the probability with which a regression is to FAIL; 0 is 0.8.
	Power float64
	// Looks is how many evenly spaced looks the window has; 0 and 1 are one, at
	// the end.
	Looks int
	// Interval is the length of an interval; 0 is analysis.DefaultInterval.
	Interval time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Alpha == 0 {
		o.Alpha = judge.DefaultAlpha
	}
	if o.Power == 0 {
		o.Power = defaultPower
	}
	if o.Interval == 0 {
		o.Interval = analysis.DefaultInterval
	}
	o.Signals, o.Looks = max(o.Signals, 1), max(o.Looks, 1)
	switch {
	case !(o.Alpha > 1e-9 && o.Alpha < 1):
		return o, fmt.Errorf("an error (alpha) of %v: want a probability above 0 and below 1", o.Alpha)
	case !(o.Power > 0.01 && o.Power <= 0.999):
		return o, fmt.Errorf("a power of %v: want a probability from 0.01 to 0.999", o.Power)
	case o.Looks > maxLooks:
		return o, fmt.Errorf("%d looks: at most %d are planned", o.Looks, maxLooks)
	case o.Signals > maxSignals:
		return o, fmt.Errorf("%d signals: at most %d are planned", o.Signals, maxSignals)
	case o.Interval < 0:
		return o, errors.New("the interval is negative")
	}
	return o, nil
}

// defaultPower is the certainty that the planning numbers of docs/statistics.md
// are for.
const defaultPower = 0.8

// logOf returns the logarithm of a relative rise.
func logOf(change float64) float64 { return math.Log1p(change) }
