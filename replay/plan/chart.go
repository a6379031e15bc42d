package plan

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/internal/table"
)

// mostCurves are shown in one chart: more cannot be told apart.
const mostCurves = 6

// curve is one line of a chart.
type curve struct {
	name   string
	points []Point
}

// curves returns those that have a finite point, at most mostCurves.
func (r *Report) curves() []curve {
	var out []curve
	for _, a := range r.Answers {
		c := curve{name: a.Signal.Name}
		for _, p := range a.Curve {
			if !math.IsInf(p.Change, 0) && !math.IsNaN(p.Change) {
				c.points = append(c.points, p)
			}
		}
		if len(c.points) > 1 && len(out) < mostCurves {
			out = append(out, c)
		}
	}
	return out
}

// axes map points to the unit square, both logarithmic.
type axes struct{ left, right, bottom, top float64 }

// niceChanges are where an axis of changes may have a tick.
var niceChanges = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}

func newAxes(curves []curve) axes {
	a := axes{left: math.Inf(1), right: 0, bottom: math.Inf(1), top: 0}
	for _, c := range curves {
		for _, p := range c.points {
			a.left, a.right = min(a.left, float64(p.Intervals)), max(a.right, float64(p.Intervals))
			a.bottom, a.top = min(a.bottom, p.Change), max(a.top, p.Change)
		}
	}
	// To ticks, so that the ends are round numbers.
	below, above := niceChanges[0], niceChanges[len(niceChanges)-1]
	for _, v := range niceChanges {
		if v <= a.bottom {
			below = v
		}
	}
	for _, v := range slices.Backward(niceChanges) {
		if v >= a.top {
			above = v
		}
	}
	a.bottom, a.top = min(below, a.bottom), max(above, a.top)
	return a
}

func (a axes) x(n float64) float64 {
	return math.Log(n/a.left) / math.Log(a.right/a.left)
}

func (a axes) y(change float64) float64 {
	return math.Log(change/a.bottom) / math.Log(a.top/a.bottom)
}

func (a axes) changeTicks() []float64 {
	var out []float64
	for _, v := range niceChanges {
		if v >= a.bottom && v <= a.top {
			out = append(out, v)
		}
	}
	return out
}

// tick is a round length of time on an axis, as a number of intervals.
type tick struct {
	at   float64
	name string
}

func (a axes) timeTicks(interval time.Duration) []tick {
	const day = 24 * time.Hour
	var out []tick
	for _, d := range []time.Duration{
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 30 * day, 365 * day,
	} {
		if n := float64(d) / float64(interval); n >= a.left && n <= a.right {
			out = append(out, tick{n, shortTime(d)})
		}
	}
	return out
}

const (
	chartHeight = 13
	chartWidth  = 78
)

// chart draws the curves with one mark a curve and column: what is found, by
// duration. Nil if there is nothing to draw.
func (r *Report) chart(width int, ascii bool) []string {
	curves := r.curves()
	if len(curves) == 0 {
		return nil
	}
	marks := []rune("●○▲△■□")
	corner, bar, line := "└", "│", "─"
	if ascii {
		marks = []rune("ox+*#@")
		corner, bar, line = "+", "|", "-"
	}
	const labels = 7
	columns := max(min(width, chartWidth)-labels-2, 10)
	a := newAxes(curves)
	cells := make([][]rune, chartHeight)
	for i := range cells {
		cells[i] = []rune(strings.Repeat(" ", columns))
	}
	row := func(y float64) int { return chartHeight - 1 - int(math.Round(y*(chartHeight-1))) }
	for k, c := range curves {
		for i := 1; i < len(c.points); i++ {
			from, to := c.points[i-1], c.points[i]
			first, last := int(math.Round(a.x(float64(from.Intervals))*float64(columns-1))), int(math.Round(a.x(float64(to.Intervals))*float64(columns-1)))
			for x := first; x <= last; x++ {
				share := 0.0
				if last > first {
					share = float64(x-first) / float64(last-first)
				}
				y := a.y(from.Change) + share*(a.y(to.Change)-a.y(from.Change))
				cells[row(min(max(y, 0), 1))][x] = marks[k]
			}
		}
	}
	names := make([]string, chartHeight)
	for _, v := range a.changeTicks() {
		names[row(a.y(v))] = judge.FormatPercent(v)
	}
	out := []string{"Smallest change that is found, by how long the canary lives"}
	for i, cell := range cells {
		out = append(out, strings.TrimRight(pad(names[i], labels)+" "+bar+string(cell), " "))
	}
	out = append(out, strings.Repeat(" ", labels+1)+corner+strings.Repeat(line, columns))
	out = append(out, r.timeLabels(a, labels+2, columns))
	if len(curves) > 1 {
		for k, c := range curves {
			out = append(out, strings.Repeat(" ", labels+2)+string(marks[k])+" "+table.Name(c.name))
		}
	}
	return out
}

func (r *Report) timeLabels(a axes, indent, columns int) string {
	text := []byte(strings.Repeat(" ", indent+columns+12))
	free := 0
	for _, t := range a.timeTicks(r.Interval) {
		name := t.name
		at := indent + int(math.Round(a.x(t.at)*float64(columns-1))) - len(name)/2
		if at < free || at+len(name) > len(text) {
			continue
		}
		copy(text[at:], name)
		free = at + len(name) + 1
	}
	return strings.TrimRight(string(text), " ")
}

func pad(s string, width int) string {
	return strings.Repeat(" ", max(width-len(s), 0)) + s
}
