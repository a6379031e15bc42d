package analysis

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/srm"
	"github.com/judged-dev/judged/metrics"
)

// Config says what to compare and how.
type Config struct {
	Name        string
	Description string
	Application string
	Scopes      Scopes
	Schedule    Schedule
	Metrics     []Metric
	Logs        []Log
	// Traffic is how requests should be split; nil judges no split.
	Traffic *Traffic
	// Assignment says what makes healthy arms alike.
	Assignment judge.Assignment
	// Alpha is the family-wise error; 0 counts as judge.DefaultAlpha.
	Alpha float64
	// Rules decide after the judges.
	Rules Rules
}

// Rules are CEL expressions over a judgment (package policy), empty for none.
type Rules struct{ Fail, Inconclusive, Pass string }

// Scopes are the variables that select each side.
type Scopes struct {
	Baseline, Canary map[string]string
}

// IsZero reports whether neither side has a variable.
func (s Scopes) IsZero() bool { return len(s.Baseline) == 0 && len(s.Canary) == 0 }

// Schedule says which time is judged.
type Schedule struct {
	// Start is the moment of the release; zero means that the window ends
	// when it is asked for.
	Start time.Time
	// Warmup after Start is not judged.
	Warmup time.Duration
	// Duration is how long to look after the warm-up; 0 is DefaultDuration.
	Duration time.Duration
	// Interval is the length of one interval of the grid; 0 is
	// DefaultInterval.
	Interval time.Duration
	// History is how much time before Start calibrates the judges.
	History time.Duration
	// LookEvery is how often the growing window is judged; 0 is one look.
	LookEvery time.Duration
	// Grace is how long after the end of an interval a look waits for late data.
	Grace time.Duration
	// Sliding is the length of a window that slides with the looks; 0 lets it
	// grow.
	Sliding time.Duration
	// Stop says which verdicts end the looks.
	Stop Stop
}

// Defaults of a Schedule.
const (
	DefaultDuration = 30 * time.Minute
	DefaultInterval = time.Minute
)

// MaxIntervals bounds a grid; it is the number of points that Prometheus
// answers with at most.
const MaxIntervals = 11000

// Metric is one query whose two sides are compared.
type Metric struct {
	// Signal is what the numbers are and which change matters. NewPlan
	// fills in margins that are zero.
	judge.Signal
	// HasMargin and HasTolerance tell a margin of zero that a user asked for
	// from one that was not given.
	HasMargin, HasTolerance bool
	// Source names who is asked.
	Source string
	// Query and Total are in the source's language with ${variables}.
	Query, Total string
	// Judge is the judge's name; empty chooses by kind.
	Judge string
	// Pods is the label whose values tell the instances of a side apart; Query and
	// Total then give one series for each. Empty: one series a side.
	Pods string
	// SLO is the threshold, in the signal's unit, above which the share of a
	// Distribution's observations is judged; 0 takes the edge nearest to the
	// baseline's p90.
	SLO float64
}

// Traffic is how requests should be split between the sides.
type Traffic struct {
	Source string
	// Query gives the requests of one side in each interval.
	Query string
	// Share is the canary's part of the requests of both sides, in (0, 1).
	Share    float64
	Critical bool
}

// TrafficSignal is the name of the signal that a Traffic becomes.
const TrafficSignal = "traffic"

// metric returns the metric that judges the split. Its margins stay zero: how
// far a right split strays is for the judge to know.
func (t Traffic) metric() Metric {
	return Metric{
		Signal: judge.Signal{Name: TrafficSignal, Kind: judge.Count, Unit: "requests", Critical: t.Critical},
		Source: t.Source, Query: t.Query, Judge: srm.Name,
	}
}

// ConfigError is a mistake in a Config.
type ConfigError struct {
	// Config is the config's name.
	Config string
	// Problems has one sentence a mistake.
	Problems []string
}

// Error implements error.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("config %q: %s", e.Config, strings.Join(e.Problems, "; "))
}

// WithDefaults returns c with everything filled in that the user left out,
// or a *ConfigError.
func (c Config) WithDefaults() (Config, error) {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if c.Alpha == 0 {
		c.Alpha = judge.DefaultAlpha
	}
	if !(c.Alpha > 0 && c.Alpha < 1) {
		problem("alpha %v is not a probability", c.Alpha)
	}
	s := &c.Schedule
	if s.Duration == 0 {
		s.Duration = DefaultDuration
	}
	if s.Interval == 0 {
		s.Interval = min(DefaultInterval, s.Duration)
	}
	switch {
	case s.Duration < 0 || s.Interval < 0 || s.Warmup < 0 || s.History < 0 || s.Grace < 0 || s.Sliding < 0:
		problem("the schedule has a negative duration")
	case s.LookEvery != 0 && (s.LookEvery < s.Interval || s.LookEvery > s.Duration):
		problem("looks every %v: they must come at least an interval (%v) apart and within the duration (%v)", s.LookEvery, s.Interval, s.Duration)
	case s.Sliding != 0 && s.LookEvery == 0:
		problem("a window that slides over %v needs looks: say how often (schedule.look_every: %v)", s.Sliding, s.Interval)
	case s.Sliding != 0 && s.Sliding < s.Interval:
		problem("a window that slides over %v is shorter than an interval (%v)", s.Sliding, s.Interval)
	case s.LookEvery != 0 && s.Duration/s.LookEvery > MaxLooks:
		problem("the schedule has more than %d looks: look less often", MaxLooks)
	case s.Interval > s.Duration:
		problem("the interval %v is longer than the duration %v", s.Interval, s.Duration)
	case s.Duration/s.Interval > MaxIntervals || s.History/s.Interval > MaxIntervals:
		problem("the schedule has more than %d intervals: take a longer interval", MaxIntervals)
	}
	if _, err := c.Rules.Compile(); err != nil {
		problem("%v", err)
	}
	if t := c.Traffic; t != nil && !(t.Share > 0 && t.Share < 1) {
		problem("the canary's share of the traffic is %v: it must be more than 0 and less than 1", t.Share)
	}
	if len(c.Metrics)+len(c.Logs) == 0 {
		problem("there is no metric and no log: without one there is nothing to judge")
	}
	c.Metrics = slices.Clone(c.Metrics)
	seen := map[string]bool{}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if c.Traffic != nil && m.Name == TrafficSignal {
			problem("a metric is called %q, which is the name of the traffic check: call it something else", m.Name)
		}
		if m.Name == "" {
			problem("metric %d has no name", i+1)
			continue
		}
		if seen[m.Name] {
			problem("two metrics are called %q: every signal needs a name of its own", m.Name)
		}
		seen[m.Name] = true
		if m.Source == "" {
			problem("metric %q has no source", m.Name)
		}
		if m.Query == "" {
			problem("metric %q has no query", m.Name)
		}
		if m.Kind == judge.Ratio && m.Total == "" {
			problem("metric %q is a ratio and needs a total: the query of what the events are out of", m.Name)
		}
		if (m.Kind == judge.Gauge || m.Kind == judge.Distribution) && m.Total != "" {
			problem("metric %q is a %v and has no use for a total", m.Name, m.Kind)
		}
		if m.Kind == judge.Distribution && m.Pods != "" {
			problem("metric %q is a histogram, which cannot be judged pod by pod: sum it over the pods", m.Name)
		}
		if !(m.SLO >= 0 && m.SLO <= math.MaxFloat64) || m.SLO > 0 && m.Kind != judge.Distribution {
			problem("metric %q has an slo of %v: it is a threshold above 0 and for histograms", m.Name, m.SLO)
		}
		if m.Judge != "" {
			if err := fits(m.Judge, m.Kind); err != nil {
				problem("metric %q: %v", m.Name, err)
			}
			if needsPods(m.Judge) && m.Pods == "" {
				problem("metric %q: judge %s needs the label that tells pods apart (pods: instance)", m.Name, m.Judge)
			}
		}
		m.Signal = DefaultMargins(m.Signal, Given{Margin: m.HasMargin, Tolerance: m.HasTolerance, Judge: m.Judge})
		for _, v := range []float64{m.Margin.Relative, m.Margin.Absolute, m.Tolerance.Relative, m.Tolerance.Absolute, m.Weight} {
			if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
				problem("metric %q has a margin, tolerance or weight that is negative or not finite", m.Name)
				break
			}
		}
		if m.Tolerance.Relative < m.Margin.Relative {
			problem("metric %q has a tolerance (%v) smaller than its margin (%v): a change could then pass and fail", m.Name, m.Tolerance, m.Margin)
		}
	}
	c.Logs = slices.Clone(c.Logs)
	for i := range c.Logs {
		l := &c.Logs[i]
		problems = append(problems, l.problems()...)
		if seen[l.Name] || c.Traffic != nil && l.Name == TrafficSignal {
			problem("two signals are called %q: every signal needs a name of its own", l.Name)
		}
		seen[l.Name] = true
		if l.Share == 0 && c.Traffic != nil {
			l.Share = c.Traffic.Share
		}
	}
	if len(problems) > 0 {
		return Config{}, &ConfigError{Config: c.Name, Problems: problems}
	}
	return c, nil
}

// Given says what DefaultMargins need not choose.
type Given struct {
	Margin, Tolerance bool
	// Judge is the name of the judge that was asked for, if any.
	Judge string
}

// DefaultMargins fills in the margin and tolerance of s where they were not
// given.
//
// A margin says what is too small to matter: 5 % for levels and counts, nothing
// at all for shares, most of which count errors.
//
// A tolerance says what a PASS must exclude: 25 %, for a critical level 10 %.
// For shares also less than 0.1 points, for counts less than one event in ten
// intervals, so that a service without errors can pass. Judge srm has margins of
// its own, which grow with how traffic sticks to an arm.
func DefaultMargins(s judge.Signal, given Given) judge.Signal {
	if given.Judge == srm.Name && !given.Margin && !given.Tolerance {
		s.Margin, s.Tolerance = judge.Margin{}, judge.Margin{}
		return s
	}
	if !given.Margin {
		s.Margin = judge.Margin{}
		if s.Kind != judge.Ratio {
			s.Margin.Relative = 0.05
		}
	}
	if !given.Tolerance {
		s.Tolerance = judge.Margin{Relative: 0.25}
		switch {
		case (s.Kind == judge.Gauge || s.Kind == judge.Distribution) && s.Critical:
			s.Tolerance.Relative = 0.10
		case s.Kind == judge.Ratio:
			s.Tolerance.Absolute = 0.001
		case s.Kind == judge.Count:
			s.Tolerance.Absolute = 0.1
		}
		s.Tolerance.Relative = max(s.Tolerance.Relative, s.Margin.Relative)
	}
	// A change too small to matter is always tolerated.
	s.Tolerance.Absolute = max(s.Tolerance.Absolute, s.Margin.Absolute)
	return s
}

// Window returns the time that the schedule judges, and its history (empty
// if none), given the present time for schedules without a start. The
// window is cut at now: what has not happened cannot be judged.
func (s Schedule) Window(now time.Time) (window, history metrics.Window, err error) {
	duration := s.Duration
	if duration == 0 {
		duration = DefaultDuration
	}
	start := s.Start
	if start.IsZero() {
		start = now.Add(-duration - s.Warmup).Truncate(time.Second)
	}
	window = metrics.Window{Start: start.Add(s.Warmup), End: start.Add(s.Warmup + duration)}
	if window.End.After(now) {
		window.End = now
	}
	if !window.End.After(window.Start) {
		return window, history, errors.New("the window lies in the future: the warm-up ends at " + window.Start.UTC().Format(time.RFC3339))
	}
	if s.History > 0 {
		history = metrics.Window{Start: start.Add(-s.History), End: start}
	}
	return window, history, nil
}

// Variables returns the names of all variables that the config's queries
// use, sorted.
func (c Config) Variables() []string {
	names := map[string]bool{}
	add := func(queries ...string) {
		for _, q := range queries {
			for _, n := range metrics.TemplateVariables(q) {
				names[n] = true
			}
		}
	}
	for _, m := range c.Metrics {
		add(m.Query, m.Total)
	}
	for _, l := range c.Logs {
		add(l.Query)
	}
	if c.Traffic != nil {
		add(c.Traffic.Query)
	}
	return slices.Sorted(maps.Keys(names))
}
