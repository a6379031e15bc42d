package plan

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
)

// The drawing in user units: the plot lies inside margins for labels.
const (
	svgWidth, svgHeight   = 820, 440
	plotLeft, plotTop     = 70, 50
	plotRight, plotBottom = 560, 380
	nameGap               = 16
	svgColors             = 6
	nameRoom              = 24
)

// Okabe and Ito's colours, which people with any kind of colour vision tell
// apart; for dark backgrounds the same, lighter where they are too dark.
const svgStyle = `
  text { font: 12px system-ui, sans-serif; fill: #222 }
  .title { font-size: 16px; font-weight: 600 }
  .background { fill: #fff }
  .grid { stroke: #ddd; stroke-width: 1 }
  .frame { stroke: #888; stroke-width: 1; fill: none }
  .planned { stroke: #888; stroke-width: 1.5; stroke-dasharray: 4 4 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
  .c0 { stroke: #0072b2 } .c1 { stroke: #d55e00 } .c2 { stroke: #009e73 }
  .c3 { stroke: #cc79a7 } .c4 { stroke: #b8860b } .c5 { stroke: #555 }
  .d1 { stroke-dasharray: 8 3 } .d2 { stroke-dasharray: 2 3 } .d3 { stroke-dasharray: 10 3 2 3 }
  .d4 { stroke-dasharray: 5 5 } .d5 { stroke-dasharray: 1 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .background { fill: #1b1b1f } .grid { stroke: #3a3a40 }
    .c0 { stroke: #56b4e9 } .c1 { stroke: #ff8c42 } .c2 { stroke: #2fd0a0 }
    .c3 { stroke: #e8a0c8 } .c4 { stroke: #f0e442 } .c5 { stroke: #bbb }
  }
`

// SVG writes the curves as one self-contained drawing that follows the reader's
// light or dark scheme. It has no script and asks for nothing. The error is
// w's.
func SVG(w io.Writer, r *Report) error {
	var b strings.Builder
	curves := r.curves()
	title := r.headline()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">`+"\n", svgWidth, svgHeight, svgWidth, svgHeight)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", html.EscapeString(printable(title)), html.EscapeString(printable(r.describe(curves))), svgStyle)
	fmt.Fprintf(&b, `<rect class="background" width="%d" height="%d"/>`+"\n", svgWidth, svgHeight)
	text(&b, plotLeft, 28, "title", "start", "Smallest change that is found with "+judge.FormatPercent(r.Options.Power)+" certainty")
	if len(curves) == 0 {
		text(&b, svgWidth/2, svgHeight/2, "", "middle", "nothing can be found: see the report")
		b.WriteString("</svg>\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	a := newAxes(curves)
	x := func(n float64) float64 { return plotLeft + a.x(n)*(plotRight-plotLeft) }
	y := func(change float64) float64 { return plotBottom - a.y(change)*(plotBottom-plotTop) }
	for _, v := range a.changeTicks() {
		line(&b, "grid", plotLeft, y(v), plotRight, y(v))
		text(&b, plotLeft-8, y(v)+4, "", "end", judge.FormatPercent(v))
	}
	last := -100.0
	for _, t := range a.timeTicks(r.Interval) {
		line(&b, "grid", x(t.at), plotTop, x(t.at), plotBottom)
		if x(t.at)-last > 36 { // a label's width
			text(&b, x(t.at), plotBottom+18, "", "middle", t.name)
			last = x(t.at)
		}
	}
	if n := float64(r.Planned) / float64(r.Interval); n >= a.left && n <= a.right {
		line(&b, "planned", x(n), plotTop, x(n), plotBottom)
		text(&b, x(n), plotTop-6, "", "middle", "planned")
	}
	fmt.Fprintf(&b, `<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>`+"\n", plotLeft, plotTop, plotRight-plotLeft, plotBottom-plotTop)
	text(&b, (plotLeft+plotRight)/2, plotBottom+44, "", "middle", "how long the canary lives")
	fmt.Fprintf(&b, `<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">change</text>`+"\n", (plotTop+plotBottom)/2)
	for k, c := range curves {
		points := make([]string, len(c.points))
		for i, p := range c.points {
			points[i] = number(x(float64(p.Intervals))) + "," + number(y(p.Change))
		}
		fmt.Fprintf(&b, `<polyline class="line c%d d%d" points="%s"/>`+"\n", k%svgColors, k%svgColors, strings.Join(points, " "))
	}
	for _, place := range names(curves, y) {
		c := place.curve
		end := curves[c].points[len(curves[c].points)-1]
		fmt.Fprintf(&b, `<polyline class="line c%d d%d" points="%s,%s %s,%s"/>`+"\n", c%svgColors, c%svgColors,
			number(plotRight+6), number(place.y), number(plotRight+26), number(place.y))
		text(&b, plotRight+32, place.y+4, "", "start", shortName(curves[c].name)+" "+judge.FormatPercent(end.Change))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// place is where the name of a curve stands.
type place struct {
	curve int
	y     float64
}

// names puts each curve's name beside its end, none over another.
func names(curves []curve, y func(float64) float64) []place {
	out := make([]place, len(curves))
	for i, c := range curves {
		out[i] = place{i, y(c.points[len(c.points)-1].Change)}
	}
	slices.SortStableFunc(out, func(a, b place) int {
		switch {
		case a.y < b.y:
			return -1
		case a.y > b.y:
			return 1
		default:
			return 0
		}
	})
	for i := 1; i < len(out); i++ {
		out[i].y = max(out[i].y, out[i-1].y+nameGap)
	}
	// What was pushed below the plot goes back up.
	for i, limit := len(out)-1, float64(plotBottom); i >= 0; i-- {
		out[i].y = min(out[i].y, limit)
		limit = out[i].y - nameGap
	}
	return out
}

// describe says the drawing in words, for those who do not see it.
func (r *Report) describe(curves []curve) string {
	var b strings.Builder
	b.WriteString("The longer the canary lives, the smaller the change that is found.")
	for _, c := range curves {
		first, last := c.points[0], c.points[len(c.points)-1]
		fmt.Fprintf(&b, " %s: %s after %s, %s after %s.", c.name, judge.FormatPercent(first.Change), judge.FormatWait(r.duration(first.Intervals)),
			judge.FormatPercent(last.Change), judge.FormatWait(r.duration(last.Intervals)))
	}
	return b.String()
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="%s"`, number(x), number(y), anchor)
	if class != "" {
		fmt.Fprintf(b, ` class="%s"`, class)
	}
	fmt.Fprintf(b, ">%s</text>\n", html.EscapeString(printable(s)))
}

func line(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, number(x1), number(y1), number(x2), number(y2))
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// shortName keeps a name within the room beside the plot.
func shortName(s string) string {
	runes := []rune(s)
	if len(runes) <= nameRoom {
		return s
	}
	return string(runes[:nameRoom-1]) + "…"
}

// printable replaces what XML forbids.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0xFFFE || c == 0xFFFF {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

// shortTime is a length of time as an axis names it: 90m, 2h, 3d.
func shortTime(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d >= day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return strconv.FormatFloat(d.Seconds(), 'g', 4, 64) + "s"
	}
}
