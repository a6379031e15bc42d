package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ChangeKind says how one of the many things that a signal is made of differs
// between the sides: a log template, an operation.
type ChangeKind string

// Kinds of changes.
const (
	// New: the canary has it, the baseline does not.
	New ChangeKind = "new"
	// Up: the canary has more of it.
	Up ChangeKind = "up"
	// Lost: the baseline has it, the canary does not.
	Lost ChangeKind = "lost"
	// Down: the canary has less of it.
	Down ChangeKind = "down"
	// Renamed: one was lost and one much like it is new, as often.
	Renamed ChangeKind = "renamed"
	// SlotShift: it is there as often, but its variable parts have other values.
	SlotShift ChangeKind = "slot-shift"
)

// Severity is how much a change matters, worst last.
type Severity int

const (
	// Ignored: somebody said that it does not matter.
	Ignored Severity = iota
	// Info is worth reading, no more.
	Info
	// Warn keeps a release from passing.
	Warn
	// Serious fails a release.
	Serious
	// Grave fails a release at its first sign.
	Grave
)

// String returns the severity as people read it.
func (s Severity) String() string {
	return [...]string{"ignored", "info", "warn", "error", "critical"}[min(max(s, 0), Grave)]
}

// Change is one thing of a signal made of many that differs between the sides:
// what [Finding.Changes] lists. A judge lists those only whose difference is more
// than chance, all of them tested together.
type Change struct {
	Kind ChangeKind
	// ID is stable: the same thing has it in every judgment.
	ID string
	// Name is what people call it: a log template's text.
	Name string
	// Level is what the thing says of itself: "error". Logger, or service, is whose
	// it is.
	Level, Logger string
	Severity      Severity
	// Why says what made the severity other than the level: "pinned by ann: known
	// until 2026-12-01". Empty if nothing did.
	Why string
	// Baseline and Canary are how often it happened.
	Baseline, Canary Tally
	// Effect is the ratio of the rates.
	Effect Effect
	// PValue is exact; AdjustedPValue is at which false discovery rate it is found.
	PValue, AdjustedPValue float64
	// FirstSeen is when the canary (for Lost and Down: the baseline) first had it.
	FirstSeen time.Time
	// Instances are where: those of the canary, for Lost of the baseline; at most
	// some, of InstanceCount.
	Instances     []string
	InstanceCount int
	// Single says that only one of the canary's several instances has it.
	Single bool
	// Was is the name that a Renamed had, or what a slot held.
	Was string
	// Excerpts are some of its lines.
	Excerpts []Excerpt
}

// Tally is how often something happened, out of how many.
type Tally struct{ Events, Exposure float64 }

// Rate returns events per exposure.
func (t Tally) Rate() float64 { return t.Events / t.Exposure }

// Excerpt is a piece of evidence to read.
type Excerpt struct {
	Time     time.Time
	Instance string
	// Trace is the request's id, if there is one.
	Trace string
	Text  string
}

// Sentence tells the change to a person: `new error in 12 of 40 requests (baseline:
// 0 of 160): "connection refused"`.
func (c Change) Sentence() string {
	what := "message"
	switch c.Level {
	case "":
	case "error":
		what = "error"
	default:
		what = c.Level + " message"
	}
	if c.Single {
		what += " on one instance only"
	}
	name := strconv.Quote(shorten(strings.ReplaceAll(c.Name, "\n", " "), sentenceName))
	switch c.Kind {
	case New:
		return fmt.Sprintf("new %s in %s (baseline: %s): %s", what, c.Canary.words(), c.Baseline.numbers(), name)
	case Up:
		return fmt.Sprintf("more often: %s in %s (baseline: %s): %s", what, c.Canary.words(), c.Baseline.numbers(), name)
	case Lost:
		return fmt.Sprintf("lost: %s in %s (baseline: %s): %s", what, c.Canary.words(), c.Baseline.numbers(), name)
	case Down:
		return fmt.Sprintf("less often: %s in %s (baseline: %s): %s", what, c.Canary.words(), c.Baseline.numbers(), name)
	case Renamed:
		return fmt.Sprintf("%s in other words: %s", what, name)
	case SlotShift:
		return fmt.Sprintf("other values in %s: %s", name, c.Was)
	default:
		return name
	}
}

// sentenceName is how much of a name a sentence tells.
const sentenceName = 160

// words tells a tally: "12 of 40 requests", "1 line".
func (t Tally) words() string {
	unit := " lines"
	if t.Exposure > 0 {
		unit = " requests"
	} else if math.Round(t.Events) == 1 {
		unit = " line"
	}
	return t.numbers() + unit
}

// numbers are those of words.
func (t Tally) numbers() string {
	text := FormatNumber(math.Round(t.Events))
	if t.Exposure > 0 {
		text += " of " + FormatNumber(math.Round(t.Exposure))
	}
	return text
}

// shorten cuts s to about n bytes, at a rune's edge.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
