package compare

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
)

// Pin is what somebody said of one template.
type Pin struct {
	// Template is its id.
	Template string
	// As is the severity of its changes: Ignored for one that may change as it likes.
	As judge.Severity
	// Until is when the pin ends: a known issue; zero: never.
	Until time.Time
	// By and Note say who said it, and why.
	By, Note string
}

// String says what the pin says, for the one who reads the verdict.
func (p Pin) String() string {
	text := "pinned as " + p.As.String()
	if p.By != "" {
		text += " by " + p.By
	}
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.DateOnly)
	}
	if p.Note != "" {
		text += ": " + p.Note
	}
	return text
}

// Severity says how bad a change is. The zero value knows levels and topics.
type Severity struct {
	// Pins by template.
	Pins []Pin
	// LevelsOnly does without the topics: what a text says does not matter, only
	// what its author calls it.
	LevelsOnly bool
}

// pin returns the pin of a template that holds at a time.
func (s Severity) pin(template string, now time.Time) (Pin, bool) {
	for _, p := range s.Pins {
		if p.Template == template && (p.Until.IsZero() || now.Before(p.Until)) {
			return p, true
		}
	}
	return Pin{}, false
}

// Of returns how bad a change of a kind is, and what said so if it was not the
// level.
//
// More of an error is an error, more of a warning a warning. Fewer lines of those
// are good news; fewer of what a program says when all is well are a warning: half
// of all faults show in nothing else (reference measurements in
// docs/evaluation.md).
func (s Severity) Of(kind judge.ChangeKind, template string, level logs.Level, text string, now time.Time) (judge.Severity, string) {
	if p, ok := s.pin(template, now); ok {
		return p.As, p.String()
	}
	switch kind {
	case judge.New, judge.Up:
		return s.more(level, text)
	case judge.Lost, judge.Down:
		if level >= logs.Warn {
			return judge.Info, ""
		}
		if _, word := topic(text); level == logs.NoLevel && word != "" && !s.LevelsOnly {
			return judge.Info, fmt.Sprintf("it says %q", word)
		}
		if level == logs.Debug {
			return judge.Info, ""
		}
		return judge.Warn, ""
	default:
		return judge.Info, ""
	}
}

// more is the severity of a message that there is more of.
func (s Severity) more(level logs.Level, text string) (judge.Severity, string) {
	byLevel := [...]judge.Severity{
		logs.NoLevel: judge.Info, logs.Debug: judge.Info, logs.Info: judge.Info,
		logs.Warn: judge.Warn, logs.Error: judge.Serious, logs.Critical: judge.Grave,
	}[min(level, logs.Critical)]
	if s.LevelsOnly {
		return byLevel, ""
	}
	said, word := topic(text)
	switch level {
	case logs.Debug, logs.Info:
		// Its author says that it is nothing; a word is not enough to fail a release,
		// unless the process is at its end.
		if said == judge.Serious {
			said = judge.Warn
		} else if said == judge.Grave {
			said = judge.Serious
		}
	case logs.NoLevel, logs.Warn, logs.Error, logs.Critical:
	}
	if level == logs.Warn {
		said = min(said, judge.Serious)
	}
	if said > byLevel {
		return said, fmt.Sprintf("it says %q", word)
	}
	return byLevel, ""
}
