package analysis

import (
	"errors"
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// Stop says which verdicts end an analysis before its last look.
type Stop int

const (
	// StopEarly ends at FAIL, and at PASS: the whole interval of every deciding
	// signal is inside its tolerance already.
	StopEarly Stop = iota
	// StopOnFail ends at FAIL only.
	StopOnFail
	// StopAtEnd takes all looks.
	StopAtEnd
)

// MaxLooks bounds the looks of one analysis: two days of minutes.
const MaxLooks = 2880

// Timeline is when an analysis looks, and at what. Looks are numbered from 1;
// what a look sees follows from its number alone, not from the moment at which it
// is taken, so that a look that is late, or taken again, is the same look.
type Timeline struct {
	// Window is judged at the last look, History calibrates.
	Window, History metrics.Window

	interval, every, grace, sliding time.Duration
	stop                            Stop
}

// Timeline returns when an analysis of this schedule looks, if the release is at
// start: every LookEvery, or once.
func (s Schedule) Timeline(start time.Time) (Timeline, error) {
	t := Timeline{interval: s.Interval, every: s.LookEvery, grace: s.Grace, sliding: s.Sliding, stop: s.Stop}
	duration := s.Duration
	if duration == 0 {
		duration = DefaultDuration
	}
	if t.interval == 0 {
		t.interval = min(DefaultInterval, duration)
	}
	if t.interval < 0 || duration < t.interval {
		return t, fmt.Errorf("an interval of %v does not fit into a duration of %v", t.interval, duration)
	}
	if start.IsZero() {
		return t, errors.New("a timeline needs the moment of the release")
	}
	t.every = min(t.every.Truncate(t.interval), duration)
	if t.every == 0 {
		t.every = duration.Truncate(t.interval)
	}
	t.Window = metrics.Window{Start: start.Add(s.Warmup), End: start.Add(s.Warmup + duration)}
	if s.History > 0 {
		t.History = metrics.Window{Start: start.Add(-s.History), End: start}
	}
	if n := t.Looks(); n > MaxLooks {
		return t, fmt.Errorf("%d looks are more than %d: look less often (schedule.look_every), or for less time", n, MaxLooks)
	}
	return t, nil
}

// Looks returns how many looks there are, unless a verdict ends them.
func (t Timeline) Looks() int {
	n := int(t.Window.Duration().Truncate(t.interval))
	return (n-1)/int(t.every) + 1
}

// Seen returns the window that look k judges.
func (t Timeline) Seen(k int) metrics.Window {
	w := t.Window
	if end := w.Start.Add(time.Duration(k) * t.every); end.Before(w.End) && k < t.Looks() {
		w.End = end
	}
	if t.sliding > 0 && w.Duration() > t.sliding {
		w.Start = w.End.Add(-max(t.sliding.Truncate(t.interval), t.interval))
	}
	return w
}

// Due returns when look k may be taken: when late data have had their time.
func (t Timeline) Due(k int) time.Time { return t.Seen(k).End.Add(t.grace) }

// Ends reports whether the analysis ends with verdict v at look k.
func (t Timeline) Ends(k int, v judge.Verdict) bool {
	switch {
	case k >= t.Looks():
		return true
	case v == judge.Fail:
		return t.stop != StopAtEnd
	case v == judge.Pass:
		return t.stop == StopEarly
	default:
		return false
	}
}

// Plan returns what look k asks and of whom.
func (t Timeline) Plan(c Config, sources *Sources, k int) (*Plan, error) {
	if k < 1 || k > t.Looks() {
		return nil, fmt.Errorf("config %q: look %d of %d", c.Name, k, t.Looks())
	}
	p, err := NewPlan(c, sources, t.Seen(k), t.History)
	if err != nil {
		return nil, err
	}
	p.look = Look{Number: k, Of: t.Looks()}
	return p, nil
}
