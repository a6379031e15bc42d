package metrics

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Point is one sample of a series. A missing value is left out, not sent.
type Point struct {
	Time  time.Time
	Value float64
}

// Labels name a series within a result.
type Labels map[string]string

// String renders labels as {a="x", b="y"}, sorted.
func (l Labels) String() string {
	names := make([]string, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%q", name, l[name])
	}
	b.WriteByte('}')
	return b.String()
}

// Series is one line of a result: points in the order the backend sent them.
type Series struct {
	Labels Labels
	Points []Point
	// Histograms are the moments at which the backend has a histogram in place of
	// a number: Prometheus' native histograms.
	Histograms []HistogramPoint
}

// Window is a stretch of time: after Start, up to and including End. The
// half-open form lets windows follow each other without sharing a point, and
// matches range selectors, whose value at t covers (t-range, t].
type Window struct {
	Start, End time.Time
}

// Duration returns End - Start.
func (w Window) Duration() time.Duration { return w.End.Sub(w.Start) }

// String renders the window in UTC.
func (w Window) String() string {
	return w.Start.UTC().Format(time.RFC3339) + " to " + w.End.UTC().Format(time.RFC3339)
}

// Grid cuts a window into N intervals of length Step: interval i is
// (Start + i*Step, Start + (i+1)*Step].
type Grid struct {
	Start time.Time
	Step  time.Duration
	N     int
}

// NewGrid returns the grid of whole steps inside w, counted from w.Start.
func NewGrid(w Window, step time.Duration) Grid {
	if step <= 0 || w.Duration() < step {
		return Grid{Start: w.Start, Step: step}
	}
	return Grid{Start: w.Start, Step: step, N: int(w.Duration() / step)}
}

// Window returns the stretch that the grid covers.
func (g Grid) Window() Window {
	return Window{Start: g.Start, End: g.Start.Add(time.Duration(g.N) * g.Step)}
}

// Time returns the end of interval i, the moment a query is evaluated at.
func (g Grid) Time(i int) time.Time { return g.Start.Add(time.Duration(i+1) * g.Step) }
