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
	// Alpha is the family-wise error; 0 counts as judge.DefaultAlpha.
	Alpha float64
}

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

// withDefaults returns c with everything filled in that the user left out,
// or a *ConfigError.
func (c Config) withDefaults() (Config, error) {
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
	case s.Duration < 0 || s.Interval < 0 || s.Warmup < 0 || s.History < 0:
		problem("the schedule has a negative duration")
	case s.LookEvery != 0 && (s.LookEvery < s.Interval || s.LookEvery > s.Duration):
		problem("looks every %v: they must come at least an interval (%v) apart and within the duration (%v)", s.LookEvery, s.Interval, s.Duration)
	case s.Interval > s.Duration:
		problem("the interval %v is longer than the duration %v", s.Interval, s.Duration)
	case s.Duration/s.Interval > MaxIntervals || s.History/s.Interval > MaxIntervals:
		problem("the schedule has more than %d intervals: take a longer interval", MaxIntervals)
	}
	if len(c.Metrics) == 0 {
		problem("there is no metric: without one there is nothing to judge")
	}
	c.Metrics = slices.Clone(c.Metrics)
	seen := map[string]bool{}
	for i := range c.Metrics {
		m := &c.Metrics[i]
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
		if m.Kind == judge.Gauge && m.Total != "" {
			problem("metric %q is a gauge and has no use for a total", m.Name)
		}
		if m.Judge != "" {
			if _, err := JudgeByName(m.Judge); err != nil {
				problem("metric %q: %v", m.Name, err)
			}
		}
		m.Signal = DefaultMargins(m.Signal, Given{Margin: m.HasMargin, Tolerance: m.HasTolerance})
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
	if len(problems) > 0 {
		return Config{}, &ConfigError{Config: c.Name, Problems: problems}
	}
	return c, nil
}

// Given says what DefaultMargins need not choose.
type Given struct{ Margin, Tolerance bool }

// DefaultMargins fills in the margin and tolerance of s where they were not
// given.
//
// A margin says what is too small to matter: 5 % for levels and counts, nothing
// at all for shares, most of which count errors.
//
// A tolerance says what a PASS must exclude: 25 %, for a critical level 10 %.
// For shares also less than 0.1 points, for counts less than one event in ten
// intervals, so that a service without errors can pass.
func DefaultMargins(s judge.Signal, given Given) judge.Signal {
	if !given.Margin {
		s.Margin = judge.Margin{}
		if s.Kind != judge.Ratio {
			s.Margin.Relative = 0.05
		}
	}
	if !given.Tolerance {
		s.Tolerance = judge.Margin{Relative: 0.25}
		switch {
		case s.Kind == judge.Gauge && s.Critical:
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
	for _, m := range c.Metrics {
		for _, q := range []string{m.Query, m.Total} {
			for _, n := range metrics.TemplateVariables(q) {
				names[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
