package suite

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
)

// What cases give, in the words of the rules. What is left out is unknown: a
// number that was not measured, a text that is empty.

type judgment struct {
	Findings    []finding         `yaml:"findings"`
	Verdict     verdict           `yaml:"verdict"`
	Score       *float64          `yaml:"score"`
	Reasons     []string          `yaml:"reasons"`
	Alpha       *float64          `yaml:"alpha"`
	Look        look              `yaml:"look"`
	Window      window            `yaml:"window"`
	Config      string            `yaml:"config"`
	Application string            `yaml:"application"`
	Baseline    map[string]string `yaml:"baseline"`
	Canary      map[string]string `yaml:"canary"`
}

type look struct {
	Number int `yaml:"number"`
	Of     int `yaml:"of"`
}

type window struct {
	Start time.Time `yaml:"start"`
	End   time.Time `yaml:"end"`
}

type finding struct {
	Name           string         `yaml:"name"`
	Kind           kind           `yaml:"kind"`
	Unit           string         `yaml:"unit"`
	Direction      direction      `yaml:"direction"`
	Critical       bool           `yaml:"critical"`
	Weight         float64        `yaml:"weight"`
	Judge          string         `yaml:"judge"`
	Classification classification `yaml:"classification"`
	Verdict        verdict        `yaml:"verdict"`
	PValue         *float64       `yaml:"pValue"`
	AdjustedPValue *float64       `yaml:"adjustedPValue"`
	EffectiveN     float64        `yaml:"effectiveN"`
	Effect         effect         `yaml:"effect"`
	Baseline       summary        `yaml:"baseline"`
	Canary         summary        `yaml:"canary"`
	Needed         int            `yaml:"needed"`
	Reason         string         `yaml:"reason"`
	Warnings       []string       `yaml:"warnings"`
	Source         string         `yaml:"source"`
	Changes        []change       `yaml:"changes"`
}

type change struct {
	Kind     changeKind `yaml:"kind"`
	ID       string     `yaml:"id"`
	Name     string     `yaml:"name"`
	Level    level      `yaml:"level"`
	Logger   string     `yaml:"logger"`
	Severity severity   `yaml:"severity"`
	Baseline tally      `yaml:"baseline"`
	Canary   tally      `yaml:"canary"`
}

type tally struct {
	Events   float64 `yaml:"events"`
	Exposure float64 `yaml:"exposure"`
}

type effect struct {
	Measure  measure  `yaml:"measure"`
	Estimate *float64 `yaml:"estimate"`
	Low      *float64 `yaml:"low"`
	High     *float64 `yaml:"high"`
	Level    *float64 `yaml:"level"`
}

type summary struct {
	Count   int      `yaml:"count"`
	Missing int      `yaml:"missing"`
	Level   *float64 `yaml:"level"`
	Mean    *float64 `yaml:"mean"`
	Min     *float64 `yaml:"min"`
	Max     *float64 `yaml:"max"`
	Std     *float64 `yaml:"std"`
	Events  float64  `yaml:"events"`
	Total   float64  `yaml:"total"`
}

func set(to, from *float64) {
	if from != nil {
		*to = *from
	}
}

func (f finding) judge() judge.Finding {
	out := judge.NewFinding(f.Judge, judge.Sample{Signal: judge.Signal{
		Name: f.Name, Kind: judge.Kind(f.Kind), Unit: f.Unit, Direction: judge.Direction(f.Direction), Critical: f.Critical, Weight: f.Weight,
	}})
	out.Classification = judge.Classification(f.Classification)
	out.Verdict = f.Verdict.judge()
	if f.Verdict.missing() {
		out.Verdict = usual(out.Classification, out.Signal.Direction)
	}
	set(&out.PValue, f.PValue)
	set(&out.AdjustedPValue, f.AdjustedPValue)
	out.EffectiveN, out.Needed, out.Reason, out.Warnings = f.EffectiveN, f.Needed, f.Reason, f.Warnings
	out.Effect.Measure = judge.Measure(f.Effect.Measure)
	set(&out.Effect.Estimate, f.Effect.Estimate)
	set(&out.Effect.Low, f.Effect.Low)
	set(&out.Effect.High, f.Effect.High)
	set(&out.Effect.Level, f.Effect.Level)
	f.Baseline.into(&out.Baseline)
	f.Canary.into(&out.Canary)
	out.Evidence.Source = f.Source
	for _, c := range f.Changes {
		out.Changes = append(out.Changes, judge.Change{
			Kind: judge.ChangeKind(c.Kind), ID: c.ID, Name: c.Name, Level: string(c.Level), Logger: c.Logger, Severity: judge.Severity(c.Severity),
			Baseline: judge.Tally(c.Baseline), Canary: judge.Tally(c.Canary),
		})
	}
	return out
}

// usual returns the verdict that judges give to a classification.
func usual(c judge.Classification, d judge.Direction) judge.Verdict {
	switch c {
	case judge.Similar:
		return judge.Pass
	case judge.Failed:
		return judge.Error
	case judge.High:
		if d == judge.Decrease {
			return judge.Pass
		}
		return judge.Fail
	case judge.Low:
		if d == judge.Increase {
			return judge.Pass
		}
		return judge.Fail
	default:
		return judge.Inconclusive
	}
}

func (s summary) into(out *judge.Summary) {
	out.Count, out.Missing, out.Events, out.Total = s.Count, s.Missing, s.Events, s.Total
	set(&out.Level, s.Level)
	set(&out.Mean, s.Mean)
	set(&out.Min, s.Min)
	set(&out.Max, s.Max)
	set(&out.Std, s.Std)
}

type caller struct {
	Name   string `yaml:"name"`
	Tenant string `yaml:"tenant"`
	Method string `yaml:"method"`
}

type config struct {
	Name        string     `yaml:"name"`
	Application string     `yaml:"application"`
	Description string     `yaml:"description"`
	Metrics     []metric   `yaml:"metrics"`
	Logs        []log      `yaml:"logs"`
	Schedule    schedule   `yaml:"schedule"`
	Alpha       *float64   `yaml:"alpha"`
	Assignment  assignment `yaml:"assignment"`
	Traffic     *traffic   `yaml:"traffic"`
}

type metric struct {
	Name              string    `yaml:"name"`
	Source            string    `yaml:"source"`
	Query             string    `yaml:"query"`
	Total             string    `yaml:"total"`
	Kind              kind      `yaml:"kind"`
	Unit              string    `yaml:"unit"`
	Direction         direction `yaml:"direction"`
	Critical          bool      `yaml:"critical"`
	Weight            float64   `yaml:"weight"`
	Judge             string    `yaml:"judge"`
	Pods              string    `yaml:"pods"`
	MarginRelative    float64   `yaml:"marginRelative"`
	MarginAbsolute    float64   `yaml:"marginAbsolute"`
	ToleranceRelative float64   `yaml:"toleranceRelative"`
	ToleranceAbsolute float64   `yaml:"toleranceAbsolute"`
}

type log struct {
	Name       string   `yaml:"name"`
	Source     string   `yaml:"source"`
	Query      string   `yaml:"query"`
	Critical   bool     `yaml:"critical"`
	Weight     float64  `yaml:"weight"`
	Tolerance  *float64 `yaml:"tolerance"`
	Ratio      *float64 `yaml:"ratio"`
	Share      *float64 `yaml:"share"`
	Silence    silence  `yaml:"silence"`
	LevelsOnly bool     `yaml:"levelsOnly"`
}

func (l log) policy() policy.Log {
	nan := math.NaN()
	out := policy.Log{
		Signal: judge.Signal{Name: l.Name, Critical: l.Critical, Weight: l.Weight}, Source: l.Source, Query: l.Query,
		Tolerance: nan, Ratio: nan, Share: nan, SilenceFails: bool(l.Silence), LevelsOnly: l.LevelsOnly,
	}
	set(&out.Tolerance, l.Tolerance)
	set(&out.Ratio, l.Ratio)
	set(&out.Share, l.Share)
	return out
}

type schedule struct {
	Warmup    time.Duration `yaml:"warmup"`
	Duration  time.Duration `yaml:"duration"`
	Interval  time.Duration `yaml:"interval"`
	History   time.Duration `yaml:"history"`
	LookEvery time.Duration `yaml:"lookEvery"`
}

type traffic struct {
	Source   string  `yaml:"source"`
	Query    string  `yaml:"query"`
	Share    float64 `yaml:"share"`
	Critical bool    `yaml:"critical"`
}

func (c config) policy() policy.Config {
	out := policy.Config{
		Name: c.Name, Application: c.Application, Description: c.Description, Alpha: judge.DefaultAlpha,
		Schedule: policy.Schedule(c.Schedule), Assignment: judge.Assignment(c.Assignment), Traffic: (*policy.Traffic)(c.Traffic),
	}
	set(&out.Alpha, c.Alpha)
	for _, m := range c.Metrics {
		out.Metrics = append(out.Metrics, policy.Metric{
			Signal: judge.Signal{
				Name: m.Name, Kind: judge.Kind(m.Kind), Unit: m.Unit, Direction: judge.Direction(m.Direction), Critical: m.Critical, Weight: m.Weight,
				Margin:    judge.Margin{Relative: m.MarginRelative, Absolute: m.MarginAbsolute},
				Tolerance: judge.Margin{Relative: m.ToleranceRelative, Absolute: m.ToleranceAbsolute},
			},
			Source: m.Source, Query: m.Query, Total: m.Total, Judge: m.Judge, Pods: m.Pods,
		})
	}
	for _, l := range c.Logs {
		out.Logs = append(out.Logs, l.policy())
	}
	return out
}

type event struct {
	Type            string            `yaml:"type"`
	Verdict         verdict           `yaml:"verdict"`
	PreviousVerdict verdict           `yaml:"previousVerdict"`
	Score           float64           `yaml:"score"`
	Config          string            `yaml:"config"`
	Application     string            `yaml:"application"`
	Tenant          string            `yaml:"tenant"`
	Source          string            `yaml:"source"`
	Baseline        map[string]string `yaml:"baseline"`
	Canary          map[string]string `yaml:"canary"`
	At              time.Time         `yaml:"at"`
}

func (e event) policy() policy.Event {
	return policy.Event{
		Type: e.Type, Verdict: e.Verdict.text(), PreviousVerdict: e.PreviousVerdict.text(), Score: e.Score,
		Config: e.Config, Application: e.Application, Tenant: e.Tenant, Source: e.Source,
		Baseline: e.Baseline, Canary: e.Canary, At: e.At,
	}
}

// claims are a token's claims: what JSON makes of them, since that is what a
// server gets.
type claims map[string]any

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *claims) UnmarshalYAML(node *yaml.Node) error {
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return atLine(node, "claims must be what JSON can say: "+err.Error())
	}
	return json.Unmarshal(text, c)
}

// A word of a file is a place in a list of words.

type (
	kind           judge.Kind
	direction      judge.Direction
	classification judge.Classification
	assignment     judge.Assignment
	measure        string
	changeKind     judge.ChangeKind
	level          string
	severity       judge.Severity
	silence        bool // whether it fails
	// verdict counts from 1; 0 is not given.
	verdict int
)

var verdicts = []judge.Verdict{judge.Pass, judge.Fail, judge.Inconclusive, judge.Error}

func (v verdict) missing() bool { return v == 0 }

func (v verdict) judge() judge.Verdict {
	if v.missing() {
		return judge.Inconclusive
	}
	return verdicts[v-1]
}

func (v verdict) text() string {
	if v.missing() {
		return ""
	}
	return v.judge().String()
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (v *verdict) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "PASS", "FAIL", "INCONCLUSIVE", "ERROR")
	*v = verdict(i + 1)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (k *kind) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "gauge", "count", "ratio", "histogram")
	*k = kind(i)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *direction) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "either", "increase", "decrease")
	*d = direction(i)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *classification) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "unclear", "similar", "high", "low", "noData", "failed")
	*c = classification(i)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *assignment) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "instances", "randomized")
	*a = assignment(i)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (m *measure) UnmarshalYAML(node *yaml.Node) error {
	_, err := place(node, "ratio", "difference", "rate-ratio", "tail-ratio", "spread-ratio")
	*m = measure(node.Value)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (k *changeKind) UnmarshalYAML(node *yaml.Node) error {
	_, err := place(node, "new", "up", "lost", "down", "renamed", "slot-shift")
	*k = changeKind(node.Value)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *level) UnmarshalYAML(node *yaml.Node) error {
	_, err := place(node, "debug", "info", "warn", "error", "critical")
	*l = level(node.Value)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *severity) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "ignored", "info", "warn", "error", "critical")
	*s = severity(i)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *silence) UnmarshalYAML(node *yaml.Node) error {
	i, err := place(node, "inconclusive", "fail")
	*s = i == 1
	return err
}

// place returns where a node's word stands among words.
func place(node *yaml.Node, words ...string) (int, error) {
	if node.Kind == yaml.ScalarNode {
		if i := slices.Index(words, node.Value); i >= 0 {
			return i, nil
		}
	}
	return 0, atLine(node, fmt.Sprintf("%q is none of %s", short(node.Value), strings.Join(words, ", ")))
}

// lineError is a mistake in one line.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

func atLine(node *yaml.Node, text string) error { return &lineError{line: node.Line, text: text} }

// lineOf returns the mistake if err is one of a line's.
func lineOf(err error) (*lineError, bool) { return errors.AsType[*lineError](err) }
