package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// logJudge compares logs: its findings have lines or requests a side, no level
// and no effect of their own, but changes.
const logJudge = "logs"

func isLog(f judge.Finding) bool { return f.Judge == logJudge }

// noun is what the findings are of: metrics, unless there are others among them.
func noun(r *analysis.Result) string {
	if slices.ContainsFunc(r.Findings, isLog) {
		return "signal"
	}
	return "metric"
}

const (
	// maxShown is how many changes of a finding a person reads.
	maxShown = 10
	// maxLines is how many sample lines of a change are shown, each in at most
	// maxHeight lines.
	maxLines  = 2
	maxHeight = 6
	// maxTemplate bounds a template in bytes, at the worst of its places.
	maxTemplate = 1000
)

// shownChanges returns the changes that are shown, and how many more there are.
func shownChanges(f judge.Finding) (shown []judge.Change, more string) {
	n := min(len(f.Changes), maxShown)
	if rest := len(f.Changes) - n; rest > 0 {
		more = fmt.Sprintf("and %d more: --format json has all", rest)
	}
	return f.Changes[:n], more
}

// linesOf returns the sample lines that are shown: none of what does not matter.
func linesOf(c judge.Change) []judge.Excerpt {
	if c.Severity == judge.Ignored {
		return nil
	}
	return c.Excerpts[:min(len(c.Excerpts), maxLines)]
}

// severities counts the changes: "1 critical, 2 error".
func severities(changes []judge.Change) string {
	var parts []string
	for s := judge.Grave; s >= judge.Ignored; s-- {
		n := 0
		for _, c := range changes {
			if c.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// severitySymbol stands before a severity's word.
func severitySymbol(s judge.Severity) string {
	switch s {
	case judge.Grave, judge.Serious:
		return "✗"
	case judge.Warn:
		return "!"
	case judge.Info:
		return "·"
	default:
		return "–"
	}
}

// logLevel renders how much a side of a log was looked at: requests, if both
// sides have them.
func logLevel(f judge.Finding, side judge.Summary) string {
	if f.Baseline.Total > 0 && f.Canary.Total > 0 {
		return counted(side.Total, "request")
	}
	return counted(side.Events, "line")
}

func counted(n float64, unit string) string {
	if n = math.Round(n); n != 1 {
		unit += "s"
	}
	return judge.FormatNumber(n) + " " + unit
}

// often tells how often a change happened on either side: "12 of 40 requests
// (30%) against 0 of 160".
func often(c judge.Change) string {
	if !(c.Canary.Exposure > 0) || !(c.Baseline.Exposure > 0) {
		return counted(c.Canary.Events, "line") + " against " + judge.FormatNumber(math.Round(c.Baseline.Events))
	}
	return tallyOf(c.Canary, " requests") + " against " + tallyOf(c.Baseline, "")
}

// tallyOf renders one side's: "12 of 40 requests (30%)".
func tallyOf(t judge.Tally, unit string) string {
	text := judge.FormatNumber(math.Round(t.Events)) + " of " + judge.FormatNumber(math.Round(t.Exposure)) + unit
	if t.Events > 0 {
		text += " (" + judge.FormatPercent(t.Rate()) + ")"
	}
	return text
}

// ratio tells by how much more or less often a change is, as far as its interval
// says something; empty if it does not.
func ratio(c judge.Change) string {
	e := c.Effect
	if e.Measure != judge.RateRatio || math.IsNaN(e.Low) || math.IsNaN(e.High) {
		return ""
	}
	times := func(v float64) string { return judge.FormatNumber(v) + "x" }
	less := func(v float64) string { return judge.FormatPercent(1 - v) }
	switch c.Kind {
	case judge.New, judge.Up:
		switch {
		case !(e.Low > 1):
			return ""
		case math.IsInf(e.Estimate, 1) || math.IsInf(e.High, 1):
			return "at least " + times(e.Low)
		default:
			return times(e.Estimate) + " (" + times(e.Low) + " to " + times(e.High) + ")"
		}
	case judge.Lost, judge.Down:
		switch {
		case !(e.High < 1):
			return ""
		case e.Low <= 0:
			return "at least " + less(e.High) + " less"
		default:
			return less(e.Estimate) + " less (" + less(e.High) + " to " + less(e.Low) + ")"
		}
	default:
		return ""
	}
}

// what tells a change in a line, without its name.
func what(c judge.Change) string {
	if c.Kind == judge.SlotShift {
		return "other values: " + line(c.Was)
	}
	text := string(c.Kind) + ": " + often(c)
	if by := ratio(c); by != "" {
		text += ", " + by
	}
	return lineOf(text, maxText)
}

// where tells what else is known of a change, in parts.
func where(c judge.Change, w metrics.Window) []string {
	var parts []string
	if level := lineOf(c.Level, maxUnit); level != "" && level != c.Severity.String() {
		parts = append(parts, "level "+level)
	}
	if logger := lineOf(c.Logger, maxName); logger != "" {
		parts = append(parts, logger)
	}
	ofBaseline := c.Kind == judge.Lost || c.Kind == judge.Down
	if !c.FirstSeen.IsZero() {
		text := "first seen "
		if ofBaseline {
			text = "the baseline's first "
		}
		parts = append(parts, text+moment(c.FirstSeen, w, "15:04:05")+" UTC")
	}
	if on := instances(c); on != "" {
		parts = append(parts, on)
	}
	return append(parts, "id "+lineOf(c.ID, maxName))
}

// instances says where a change is: "only on web-3", "on web-1, web-2 and 3 more".
func instances(c judge.Change) string {
	var names []string
	for _, name := range c.Instances {
		names = append(names, lineOf(name, maxName))
	}
	switch more := c.InstanceCount - len(names); {
	case len(names) == 0:
		return ""
	case c.Single:
		return "only on " + names[0]
	case more > 0:
		return fmt.Sprintf("on %s and %d more", strings.Join(names, ", "), more)
	default:
		return "on " + listed(names)
	}
}

// moment renders a time in UTC, with its date unless it is the window's.
func moment(t time.Time, w metrics.Window, clock string) string {
	t = t.UTC()
	if !w.End.IsZero() && t.Format(time.DateOnly) == w.End.UTC().Format(time.DateOnly) {
		return t.Format(clock)
	}
	return t.Format("2006-01-02 " + clock)
}

// provenance says when, where and for which request a sample line was written.
func provenance(e judge.Excerpt, w metrics.Window) string {
	var parts []string
	if !e.Time.IsZero() {
		parts = append(parts, moment(e.Time, w, "15:04:05.000"))
	}
	if e.Instance != "" {
		parts = append(parts, lineOf(e.Instance, maxName))
	}
	if e.Trace != "" {
		parts = append(parts, "trace "+lineOf(e.Trace, maxName))
	}
	return strings.Join(parts, " ")
}

// templateLines returns a template as people read it, a stack trace's classes on
// lines of their own.
func templateLines(name string) []string {
	text, cut := shorten(name, maxTemplate)
	return strings.Split(block(text+cut), "\n")
}

// changes writes a section a log: what differs, worst first.
func (p *page) changes(r *analysis.Result) {
	for _, f := range r.Findings {
		p.changesOf(f, r.Window)
	}
}

func (p *page) changesOf(f judge.Finding, w metrics.Window) {
	if len(f.Changes) == 0 {
		return
	}
	p.blank()
	for _, title := range wrap(p.text("Changes in "+nameOf(f.Signal)+", worst first: "+severities(f.Changes)), p.Width) {
		p.line(p.paint(title, bold))
	}
	shown, more := shownChanges(f)
	for _, c := range shown {
		p.change(c, w)
	}
	if more != "" {
		p.blank()
		p.dim(0, p.text("… "+more))
	}
}

// severityStyle: what fails a release looks like a FAIL.
func severityStyle(s judge.Severity) style {
	switch s {
	case judge.Grave, judge.Serious:
		return bold.and(orange)
	case judge.Warn:
		return bold
	case judge.Ignored:
		return dim
	default:
		return plain
	}
}

// severityWidth is that of the longest word with its symbol.
const severityWidth = len("x critical") + gap

func (p *page) change(c judge.Change, w metrics.Window) {
	p.blank()
	p.flow(severityStyle(c.Severity), p.text(severitySymbol(c.Severity)+" "+c.Severity.String()), severityWidth, p.text(what(c)))
	if c.Kind == judge.Renamed {
		p.template("was", c.Was)
		p.template("is", c.Name)
	} else {
		p.template("", c.Name)
	}
	p.indented(2*gap, where(c, w))
	if c.Why != "" {
		p.dim(2*gap, p.text(c.Why))
	}
	for _, e := range linesOf(c) {
		p.excerpt(e, w)
	}
}

// template writes a template behind a label.
func (p *page) template(label, name string) {
	indent := 2 * gap
	if label != "" {
		indent += len("was ")
	}
	for _, l := range templateLines(name) {
		for _, one := range wrap(p.text(l), p.Width-indent) {
			p.line(spaces(2*gap) + p.paint(label, dim) + spaces(indent-2*gap-len(label)) + p.paint(one, bold))
			label = ""
		}
	}
}

// indented writes parts that belong together in the background.
func (p *page) indented(indent int, parts []string) {
	inner := &page{TextOptions: p.TextOptions}
	inner.Width -= indent
	inner.Color = false
	inner.parts(parts)
	for l := range strings.Lines(inner.b.String()) {
		p.line(spaces(indent) + p.paint(strings.TrimSuffix(l, "\n"), dim))
	}
}

// excerpt writes a sample line, which may have a stack trace.
func (p *page) excerpt(e judge.Excerpt, w metrics.Window) {
	indent := 3 * gap
	if from := provenance(e, w); from != "" {
		p.dim(indent, p.text(from))
		indent += gap
	}
	var lines []string
	for l := range strings.SplitSeq(block(e.Text), "\n") {
		trimmed := strings.TrimLeft(l, " ")
		in := min(len(l)-len(trimmed), 2*gap)
		for _, one := range wrap(p.text(trimmed), p.Width-indent-in) {
			lines = append(lines, spaces(indent+in)+one)
		}
		if len(lines) > maxHeight {
			lines = append(lines[:maxHeight-1], spaces(indent)+p.paint(p.text("…"), dim))
			break
		}
	}
	for _, l := range lines {
		p.line(l)
	}
}
