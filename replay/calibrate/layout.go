package calibrate

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// MaxWindows bounds the number of windows: the standard error of a rate of
// 1 % is 0.1 points there.
const MaxWindows = 10_000

// Layout says how windows lie in a span. Each has a release that did not
// happen: History before it, Warmup after it, then Duration to judge.
type Layout struct {
	Warmup, Duration, History time.Duration
	// LookEvery is how often the growing window is judged; 0 is one look.
	LookEvery time.Duration
	// Stride is from one release to the next; 0 is Duration, with which the
	// judged windows touch and do not overlap.
	Stride time.Duration
}

// LayoutOf returns the layout of a schedule that has its defaults.
func LayoutOf(s analysis.Schedule) Layout {
	return Layout{Warmup: s.Warmup, Duration: s.Duration, History: s.History, LookEvery: s.LookEvery}
}

func (l Layout) stride() time.Duration {
	if l.Stride > 0 {
		return l.Stride
	}
	return l.Duration
}

// Overlaps reports whether judged windows share time.
func (l Layout) Overlaps() bool { return l.stride() < l.Duration }

// Window is a stretch of healthy time as an analysis would have seen it.
type Window struct {
	// Name is when the window was, or which case it is.
	Name   string
	Inputs []analysis.Input
	// LookEvery is the number of intervals between looks; 0 is one look.
	LookEvery int
}

// Windows cuts the span. Windows without a single interval that has data of
// both sides are left out and counted in skipped. The windows share the span's
// memory.
//
// All windows lie on the span's grid, so a warm-up is rounded up to whole
// intervals and the other lengths down.
func (s *Span) Windows(l Layout) (windows []Window, skipped int, err error) {
	interval := s.Config.Schedule.Interval
	switch {
	case l.Duration < interval || l.Warmup < 0 || l.History < 0 || l.Stride < 0 || l.LookEvery < 0:
		return nil, 0, fmt.Errorf("windows of %v with a warm-up of %v, a history of %v and a stride of %v: want a duration of at least one interval (%v) and nothing negative",
			l.Duration, l.Warmup, l.History, l.Stride, interval)
	case l.stride() < interval:
		return nil, 0, fmt.Errorf("a stride of %v is shorter than one interval (%v)", l.stride(), interval)
	}
	first := s.Window.Start.Add(l.History)
	room := s.Window.End.Sub(first) - l.Warmup - l.Duration
	if room < 0 {
		return nil, 0, fmt.Errorf("the stretch %s is shorter than one window: a history of %v, a warm-up of %v and %v to judge", s.Window, l.History, l.Warmup, l.Duration)
	}
	n := int(room/l.stride()) + 1
	if n > MaxWindows {
		return nil, 0, fmt.Errorf("%d windows, at most %d are judged: take a longer stride", n, MaxWindows)
	}
	for i := range n {
		release := first.Add(time.Duration(i) * l.stride())
		w := Window{Name: release.UTC().Format(time.RFC3339), LookEvery: int(l.LookEvery / interval)}
		some := false
		for _, signal := range s.Signals {
			in := signal.at(release.Sub(s.Window.Start), l)
			both, _ := presence(in.Sample.Pair)
			some = some || both > 0
			w.Inputs = append(w.Inputs, in)
		}
		if !some {
			skipped++
			continue
		}
		windows = append(windows, w)
	}
	return windows, skipped, nil
}

// at returns the input of a release at that time after the span's start.
func (s Signal) at(release time.Duration, l Layout) analysis.Input {
	in := analysis.Input{Sample: s.Sample, Judge: s.Judge}
	if s.Problem != "" {
		in.Err = fmt.Errorf("%s", s.Problem)
		return in
	}
	step := s.Sample.Step
	from := int((release + l.Warmup + step - 1) / step)
	in.Sample.Pair = cut(s.Sample.Pair, from, from+int(l.Duration/step))
	if to := int(release / step); l.History >= step {
		history := cut(s.Sample.Pair, to-int(l.History/step), to)
		if both, _ := presence(history); both > 0 {
			in.Sample.History = &history
		}
	}
	return in
}

func cut(p judge.Pair, from, to int) judge.Pair {
	side := func(s judge.Side) judge.Side {
		last := len(s.Values)
		from, to := min(max(from, 0), last), min(max(to, 0), last)
		out := judge.Side{Values: s.Values[from:to:to]}
		if s.Totals != nil {
			out.Totals = s.Totals[from:to:to]
		}
		return out
	}
	return judge.Pair{Baseline: side(p.Baseline), Canary: side(p.Canary)}
}
