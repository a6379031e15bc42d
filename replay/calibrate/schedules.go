package calibrate

import (
	"context"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// historyIntervals is the history that is tried where the schedule has none or
// a shorter one: it tells noise and offset well (docs/statistics.md).
const historyIntervals = 120

// fewest windows say something of a schedule.
const fewest = 5

// Layouts returns the layout and others worth comparing that leave windows
// enough in the span: with a history or a longer one, and twice as long.
func (s *Span) Layouts(l Layout) []Layout {
	candidates := []Layout{l, l, l}
	long := historyIntervals * s.Config.Schedule.Interval
	candidates[1].History = max(2*l.History, long)
	candidates[2].Duration *= 2
	if candidates[2].Stride > 0 {
		candidates[2].Stride *= 2
	}
	var out []Layout
	for i, c := range candidates {
		windows := int((s.Window.Duration() - c.History - c.Warmup - c.Duration) / c.stride())
		if i == 0 || windows+1 >= fewest {
			out = append(out, c)
		}
	}
	return out
}

// Schedules compares layouts of a span: how often windows FAIL, and which
// regression of all signals at once 80 % of them find.
func (s *Span) Schedules(ctx context.Context, layouts []Layout, o Options) ([]Schedule, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	var out []Schedule
	for i, l := range layouts {
		windows, _, err := s.Windows(l)
		if err != nil {
			return nil, err
		}
		c := &calibration{Options: o, windows: windows}
		c.Progress = nil
		one := Schedule{Layout: l, Current: i == 0, Shift: math.NaN()}
		verdicts, found := make([]judge.Verdict, len(windows)), make([]int, len(windows))
		stride := max(1, len(windows)/mostInjected)
		err = c.each(ctx, len(windows), func(w int) error {
			j, err := c.bench.judge(windows[w].Inputs, windows[w].LookEvery, o.Alpha)
			verdicts[w], found[w] = j.Verdict, -1
			if err == nil && w%stride == 0 {
				found[w] = c.smallest(w)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, v := range verdicts {
			one.Verdicts.add(v)
		}
		one.Shift = foundBy(slices.DeleteFunc(found, func(f int) bool { return f < 0 }))
		out = append(out, one)
	}
	return out, nil
}

// smallest returns the index of the smallest size with which the window FAILs
// if every signal is that much worse.
func (c *calibration) smallest(w int) int {
	window := c.windows[w]
	injectors := make([]*injector, len(window.Inputs))
	for i, in := range window.Inputs {
		injectors[i] = newInjector(in, c.Seed, uint64(w)<<16+uint64(i))
	}
	worse := make([]analysis.Input, len(injectors))
	return sort.Search(len(sizes), func(k int) bool {
		for i, x := range injectors {
			worse[i] = x.at(sizes[k])
		}
		j, err := c.bench.judge(worse, window.LookEvery, c.Alpha)
		return err == nil && j.Verdict == judge.Fail
	})
}

// describe says a layout in words.
func (l Layout) describe() string {
	text := short(l.Duration)
	if l.History > 0 {
		text += " after " + short(l.History) + " of history"
	} else {
		text += " without history"
	}
	if l.LookEvery > 0 {
		text += ", a look every " + short(l.LookEvery)
	}
	return text
}

// short is a length of time as configs write it: 90m, 2h, 30s.
func short(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return d.String()
	}
}
