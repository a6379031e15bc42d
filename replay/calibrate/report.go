package calibrate

import (
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/replay/backtest"
)

// Report is what the windows show of a config.
type Report struct {
	// Config is the config's name, empty without one.
	Config string
	// Alpha is the family-wise error that the config promises, Target the share
	// of healthy windows that may FAIL.
	Alpha, Target float64
	// Span and Layout say where the windows come from; zero for cases.
	Span   metrics.Window
	Layout Layout
	// Skipped windows have no data; Taken is what became of labelled cases.
	Skipped int
	Taken   Taken

	// Verdicts counts the windows.
	Verdicts Verdicts
	// Silent is how many of those that FAIL do so because the canary says
	// nothing: no margin changes that.
	Silent int
	// Signals are in the order in which they were first seen.
	Signals []SignalReport
	// Suggested says what the needed margins do, all of them together.
	Suggested Suggestion
	// Schedules compare the schedule with others.
	Schedules []Schedule
}

// Verdicts counts windows, or a signal's findings, by their verdict.
type Verdicts struct{ Fail, Inconclusive, Pass, Error int }

func (v *Verdicts) add(one judge.Verdict) {
	switch one {
	case judge.Fail:
		v.Fail++
	case judge.Inconclusive:
		v.Inconclusive++
	case judge.Pass:
		v.Pass++
	default:
		v.Error++
	}
}

// All is their number.
func (v Verdicts) All() int { return v.Fail + v.Inconclusive + v.Pass + v.Error }

// Failed is the rate of FAIL.
func (v Verdicts) Failed() backtest.Rate { return backtest.Rate{Hits: v.Fail, Cases: v.All()} }

// SignalReport is what the windows show of one signal.
type SignalReport struct {
	Signal judge.Signal
	// Judge is the name of the judge of its level.
	Judge string
	// Decides: it is one of those whose FAIL is the config's.
	Decides  bool
	Verdicts Verdicts
	// NoData counts the windows without anything to compare.
	NoData int
	// Problem is why the first window that is an ERROR is one.
	Problem string
	// Largest is the largest change of the level that a window shows, relative
	// to the baseline; NaN if none shows any.
	Largest float64
	// Needed is the smallest relative margin with which the windows keep the
	// target, beside those that FAIL whatever the margin.
	Needed float64
	// Stay is the number of windows that FAIL in this signal with every margin up
	// to 1000 %, StayBeside how many of them do so because of something beside
	// the level: tails, spread.
	Stay, StayBeside int
	// Alone is the share of windows that FAIL in this signal, judged as one of
	// its family, at the config's margin and at the needed one.
	Alone, AloneNeeded backtest.Rate
	// Found and FoundNeeded are the smallest injected regressions that FAIL in
	// 80 % of the windows, with the config's margin and with the needed one; NaN
	// if none does.
	Found, FoundNeeded float64
	// Tried is the number of windows that regressions were injected into.
	Tried int
}

// Raise reports whether the signal needs a larger margin than it has.
func (s SignalReport) Raise() bool { return s.Decides && s.Needed > s.Signal.Margin.Relative }

// Suggestion is what the windows do with all needed margins.
type Suggestion struct {
	// Verdicts are of the whole config, judged again.
	Verdicts Verdicts
	// HeldOut is the rate of FAIL in windows whose margins were chosen on the
	// others: every other window, both ways. Silence is not in it.
	HeldOut backtest.Rate
}

// Schedule is a layout of windows and what they say as a whole.
type Schedule struct {
	Layout   Layout
	Current  bool
	Verdicts Verdicts
	// Shift is the smallest regression, the same in every signal, that FAILs in
	// 80 % of the windows; NaN if none does.
	Shift float64
}

// Length is how long a canary lives with this schedule.
func (s Schedule) Length() time.Duration { return s.Layout.Warmup + s.Layout.Duration }
