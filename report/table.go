package report

import (
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// The narrowest columns that read well, and the gap between columns.
const (
	minName   = 16
	wholeName = 30 // names up to this are not broken beside reasons, so that they can be searched for
	minReason = 36
	gap       = 2
)

// noInterval stands where there is an estimate only.
const noInterval = "unknown"

// row is one finding as the table shows it.
type row struct {
	judge.Finding

	name, baseline, canary, change, interval, verdict, reason, aside string
	decides, marked                                                  bool
}

// columns are the widths of the table's columns; reason is 0 if reasons stand
// on lines of their own.
type columns struct {
	name, baseline, canary, change, interval, verdict, reason int
}

// fixed is the width of the columns whose cells are never broken, with a gap
// before each.
func (c columns) fixed() int {
	return c.baseline + c.canary + c.change + c.interval + c.verdict + 5*gap
}

// table writes the findings in the layout that reads best in the page's width:
// reasons in a column, if that takes no more lines than reasons below the rows;
// no columns at all, if even the numbers do not fit.
func (p *page) table(r *analysis.Result) {
	head, rows, some := p.rows(r)
	c := measure(head, rows)
	room := p.Width - c.fixed()
	beside, below := c, c
	below.name = min(c.name, room)
	beside.name = min(c.name, max(wholeName, room-gap-2*minReason))
	beside.reason = room - gap - beside.name
	switch {
	case beside.reason >= minReason && p.height(rows, beside) <= p.height(rows, below):
		p.grid(head, rows, beside)
	case room >= min(c.name, minName):
		p.grid(head, rows, below)
	default:
		p.list(rows, c)
	}
	if some {
		p.dim(0, "* critical: only these decide the verdict")
	}
}

// height is how many lines the rows take.
func (p *page) height(rows []row, c columns) int {
	lines := 0
	for _, x := range rows {
		names := len(wrap(x.name, c.name-gap))
		switch {
		case c.reason > 0:
			lines += max(names, len(wrap(x.reason, c.reason)))
		case x.explains():
			lines += names + len(wrap(x.reason, p.Width-2*gap))
		default:
			lines += names
		}
		if x.aside != "" {
			lines += len(wrap(x.aside, p.Width-2*gap))
		}
	}
	return lines
}

// explains reports whether the reason has lines of its own below the row. A
// signal that passed has one too: why an interval as wide as that may pass is
// what a careful reader asks.
func (x row) explains() bool { return x.reason != "" }

// rows returns the header and the findings as texts. some is true if some
// signals are critical and others are not; only then they are marked.
func (p *page) rows(r *analysis.Result) (head row, rows []row, some bool) {
	decides, some := deciders(r.Findings)
	head = row{name: noun(r), baseline: "baseline", canary: "canary", change: "effect", interval: "interval", verdict: "verdict", reason: "reason"}
	if l := commonLevel(r.Findings); l > 0 {
		head.interval = percentLevel(l) + " interval"
	}
	var lows, highs []string
	lowWidth, highWidth := 0, 0
	for _, f := range r.Findings {
		low, high, _ := interval(f)
		low, high = p.text(low), p.text(high)
		lows, highs = append(lows, low), append(highs, high)
		lowWidth, highWidth = max(lowWidth, width(low)), max(highWidth, width(high))
	}
	for i, f := range r.Findings {
		x := row{
			Finding: f, decides: decides(f), marked: some && f.Signal.Critical,
			name: p.text(nameOf(f.Signal)), baseline: p.text(level(f, f.Baseline)), canary: p.text(level(f, f.Canary)),
			change: p.text(estimate(f)), verdict: p.text(symbol(f.Verdict) + " " + f.Verdict.String()), reason: p.text(f.Reason),
			aside: p.text(aside(f)),
		}
		switch {
		case lows[i] != "":
			x.interval = padLeft(lows[i], lowWidth) + " to " + padRight(highs[i], highWidth)
		case x.change != p.text(unknown):
			x.interval = noInterval
		}
		rows = append(rows, x)
	}
	return head, rows, some
}

func measure(head row, rows []row) columns {
	var c columns
	for _, x := range append([]row{head}, rows...) {
		c.name = max(c.name, width(x.name)+gap) // with the mark
		c.baseline, c.canary = max(c.baseline, width(x.baseline)), max(c.canary, width(x.canary))
		c.change, c.interval = max(c.change, width(x.change)), max(c.interval, width(x.interval))
		c.verdict = max(c.verdict, width(x.verdict))
	}
	return c
}

// grid writes the table in columns.
func (p *page) grid(head row, rows []row, c columns) {
	total := c.name + c.fixed()
	if c.reason > 0 {
		longest := width(head.reason)
		for _, x := range rows {
			longest = max(longest, width(x.reason))
		}
		total += gap + min(longest, c.reason)
	} else {
		head.reason = ""
	}
	p.line(p.paint(strings.TrimRight(p.cells(head, c, "  "+head.name, head.reason, func(s string, _ style) string { return s }), " "), dim))
	p.line(p.paint(strings.Repeat(p.text("─"), total), dim))
	for _, x := range rows {
		names := wrap(x.name, c.name-gap)
		var reasons []string
		if c.reason > 0 {
			reasons = wrap(x.reason, c.reason)
		}
		p.line(p.cells(x, c, x.mark()+names[0], first(reasons), p.paint))
		for i := 1; i < max(len(names), len(reasons)); i++ {
			var name, reason string
			if i < len(names) {
				name = spaces(gap) + names[i]
			}
			if i < len(reasons) {
				reason = reasons[i]
			}
			p.line(padRight(name, c.name+c.fixed()+gap) + reason)
		}
		if c.reason == 0 && x.explains() {
			p.dim(2*gap, x.reason)
		}
		if x.aside != "" {
			p.dim(2*gap, x.aside)
		}
	}
}

// cells returns the first line of a row.
func (p *page) cells(x row, c columns, name, reason string, paint func(string, style) string) string {
	g, change := spaces(gap), plain
	if x.Verdict == judge.Fail {
		change = x.emphasis()
	}
	return padRight(name, c.name) + g + padLeft(x.baseline, c.baseline) + g + padLeft(x.canary, c.canary) + g +
		spaces(c.change-width(x.change)) + paint(x.change, change) + g + padRight(x.interval, c.interval) + g +
		paint(x.verdict, x.emphasis()) + spaces(c.verdict-width(x.verdict)) + g + reason
}

// emphasis is the style of the cell that a reader looks for.
func (x row) emphasis() style {
	s := styleOf(x.Verdict)
	if x.decides && x.Verdict != judge.Pass {
		return bold.and(s)
	}
	return s
}

// mark stands before the name.
func (x row) mark() string {
	if x.marked {
		return "* "
	}
	return "  "
}

// list writes the findings one below the other.
func (p *page) list(rows []row, c columns) {
	for _, x := range rows {
		p.flow(x.emphasis(), x.verdict, c.verdict+gap, strings.TrimLeft(x.mark(), " ")+x.name)
		if none := p.text(unknown); x.baseline != none || x.canary != none {
			text := x.baseline + " " + p.text("→") + " " + x.canary
			if x.change != none {
				text += ", " + x.change
			}
			switch x.interval {
			case "":
			case noInterval:
				text += " (interval unknown)"
			default:
				text += " (" + strings.Join(strings.Fields(x.interval), " ") + ")"
			}
			p.flow(plain, "", 2*gap, text)
		}
		if x.explains() {
			p.dim(2*gap, x.reason)
		}
		if x.aside != "" {
			p.dim(2*gap, x.aside)
		}
	}
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}
