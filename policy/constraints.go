package policy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/judged-dev/judged/judge"
)

// Config is what constraints see of a CanaryConfig, with every default filled
// in.
type Config struct {
	Name, Application, Description string
	Metrics                        []Metric
	Logs                           []Log
	Schedule                       Schedule
	// Alpha is the family-wise error.
	Alpha      float64
	Assignment judge.Assignment
	// Traffic is how requests should be split; nil if the split is not judged.
	Traffic *Traffic
}

// Metric is one query whose two sides are compared.
type Metric struct {
	judge.Signal

	Source, Query, Total, Judge, Pods string
}

// Log is one query for lines whose two sides are compared.
type Log struct {
	judge.Signal

	Source, Query string
	// Tolerance is the share of requests in which a new error may be overlooked, Ratio
	// how many times more or less often is told, and Share the canary's part of the
	// traffic, NaN if the config does not say.
	Tolerance, Ratio, Share float64
	// SilenceFails: a canary that logs nothing is not healthy.
	SilenceFails bool
	// LevelsOnly: only the level says how bad a line is.
	LevelsOnly bool
}

// sources returns the names of all that the config asks, whatever for.
func (c *Config) sources() []string {
	var names []string
	for i := range c.Metrics {
		names = append(names, c.Metrics[i].Source)
	}
	for i := range c.Logs {
		names = append(names, c.Logs[i].Source)
	}
	if c.Traffic != nil {
		names = append(names, c.Traffic.Source)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Schedule says which time is judged.
type Schedule struct {
	Warmup, Duration, Interval, History, LookEvery time.Duration
}

// Traffic is how requests should be split between the sides.
type Traffic struct {
	Source, Query string
	// Share is the canary's part, in (0, 1).
	Share    float64
	Critical bool
}

// configured is what a constraint sees.
type configured struct {
	config *Config
	caller *Caller
	// metrics, logs and sources are made once for all constraints.
	metrics, logs ref.Val
	sources       []string
}

func configuredBy(config *Config, caller *Caller) *configured {
	return &configured{config, caller, listOf(metricClass, config.Metrics), listOf(logClass, config.Logs), config.sources()}
}

var (
	assignmentWords = []string{"instances", "randomized"}
	silenceWords    = []string{"inconclusive", "fail"}
)

var (
	metricClass = newClass("Metric",
		text("name", func(m *Metric) string { return m.Name }),
		text("source", func(m *Metric) string { return m.Source }),
		text("query", func(m *Metric) string { return m.Query }),
		text("total", func(m *Metric) string { return m.Total }),
		word("kind", kindWords, func(m *Metric) string { return m.Kind.String() }),
		text("unit", func(m *Metric) string { return m.Unit }),
		word("direction", directionWords, func(m *Metric) string { return m.Direction.String() }),
		flag("critical", func(m *Metric) bool { return m.Critical }),
		number("weight", func(m *Metric) float64 { return weight(m.Signal) }),
		text("judge", func(m *Metric) string { return m.Judge }),
		text("pods", func(m *Metric) string { return m.Pods }),
		number("marginRelative", func(m *Metric) float64 { return m.Margin.Relative }),
		number("marginAbsolute", func(m *Metric) float64 { return m.Margin.Absolute }),
		number("toleranceRelative", func(m *Metric) float64 { return m.Tolerance.Relative }),
		number("toleranceAbsolute", func(m *Metric) float64 { return m.Tolerance.Absolute }),
	)
	logClass = newClass("Log",
		text("name", func(l *Log) string { return l.Name }),
		text("source", func(l *Log) string { return l.Source }),
		text("query", func(l *Log) string { return l.Query }),
		flag("critical", func(l *Log) bool { return l.Critical }),
		number("weight", func(l *Log) float64 { return weight(l.Signal) }),
		number("tolerance", func(l *Log) float64 { return l.Tolerance }),
		number("ratio", func(l *Log) float64 { return l.Ratio }),
		number("share", func(l *Log) float64 { return l.Share }),
		word("silence", silenceWords, func(l *Log) string {
			if l.SilenceFails {
				return "fail"
			}
			return "inconclusive"
		}),
		flag("levelsOnly", func(l *Log) bool { return l.LevelsOnly }),
	)
	scheduleClass = newClass("Schedule",
		length("warmup", func(s *Schedule) time.Duration { return s.Warmup }),
		length("duration", func(s *Schedule) time.Duration { return s.Duration }),
		length("interval", func(s *Schedule) time.Duration { return s.Interval }),
		length("history", func(s *Schedule) time.Duration { return s.History }),
		length("lookEvery", func(s *Schedule) time.Duration { return s.LookEvery }),
	)
	trafficClass = newClass("Traffic",
		text("source", func(t *Traffic) string { return t.Source }),
		text("query", func(t *Traffic) string { return t.Query }),
		number("share", func(t *Traffic) float64 { return t.Share }),
		flag("critical", func(t *Traffic) bool { return t.Critical }),
	)
	configClass = newClass("Config",
		text("name", func(c *configured) string { return c.config.Name }),
		text("application", func(c *configured) string { return c.config.Application }),
		text("description", func(c *configured) string { return c.config.Description }),
		many("metrics", metricClass, func(c *configured) ref.Val { return c.metrics }),
		many("logs", logClass, func(c *configured) ref.Val { return c.logs }),
		of("sources", cel.ListType(cel.StringType), func(c *configured) any { return c.sources }),
		part("schedule", scheduleClass, func(c *configured) *Schedule { return &c.config.Schedule }),
		number("alpha", func(c *configured) float64 { return c.config.Alpha }),
		word("assignment", assignmentWords, func(c *configured) string {
			if c.config.Assignment == judge.Randomized {
				return "randomized"
			}
			return "instances"
		}),
		given(part("traffic", trafficClass, func(c *configured) *Traffic { return c.config.Traffic }),
			func(c *configured) bool { return c.config.Traffic != nil }),
	)
	constraints = dialect{
		root: newClass("Configured",
			part("config", configClass, func(c *configured) *configured { return c }),
			part("caller", callerClass, func(c *configured) *Caller { return c.caller }),
		),
		parts: []*class{configClass, metricClass, logClass, scheduleClass, trafficClass, callerClass},
		// Each of 1000 metrics, several times.
		cost: 1_000_000,
	}
)

// Constraint is what an administrator requires of every config.
type Constraint struct {
	// Name is what errors call it.
	Name string
	// Require is the expression that must be true.
	Require string
	// Message tells the author of a config what to do; empty quotes Require.
	Message string
}

// Violation is a constraint that a config does not keep.
type Violation struct {
	// Name is the constraint's.
	Name string
	// Message says what to do about it.
	Message string
	// Err is an *EvalError if the constraint could not be evaluated.
	Err error
}

// Constraints are rules that configs must keep. The zero value, and nil, have
// none. It is safe for concurrent use.
type Constraints struct{ rules []constraint }

type constraint struct {
	*rule

	name, message string
}

// CompileConstraints compiles the rules. The error joins one *CompileError for
// each that is wrong.
func CompileConstraints(rules []Constraint) (*Constraints, error) {
	if len(rules) > MaxRules {
		return nil, tooMany("constraints", len(rules))
	}
	c := &Constraints{}
	var problems []error
	seen := map[string]bool{}
	for i, r := range rules {
		name, err := named("constraints", i, r.Name, seen)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		compiled, err := constraints.compile(name, r.Require, nil)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		message := r.Message
		if message == "" {
			message = "this must be true: " + quote(r.Require)
		}
		c.rules = append(c.rules, constraint{compiled, r.Name, message})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return c, nil
}

// Check returns every constraint that the config does not keep, in the order of
// the rules. One that cannot be evaluated, also because ctx ended, is not kept.
func (c *Constraints) Check(ctx context.Context, config Config, caller Caller) []Violation {
	if c == nil {
		return nil
	}
	v := &variables{constraints.root, configuredBy(&config, &caller)}
	var violations []Violation
	for _, r := range c.rules {
		switch kept, _, err := r.eval(ctx, v); {
		case err != nil:
			violations = append(violations, Violation{Name: r.name, Message: err.Error(), Err: err})
		case !kept:
			violations = append(violations, Violation{Name: r.name, Message: r.message})
		}
	}
	return violations
}
