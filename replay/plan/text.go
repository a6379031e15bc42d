package plan

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/internal/table"
	"github.com/judged-dev/judged/report"
)

// Text writes a report with its curves for a person. The error is w's.
func Text(w io.Writer, r *Report, o report.TextOptions) error {
	p := table.NewPage(o)
	p.Headline(r.headline())
	for _, sentence := range r.sentences() {
		p.Paragraph(sentence)
	}
	for _, t := range r.tables() {
		p.Table(t)
	}
	if lines := r.chart(p.Width(), p.ASCII()); len(lines) > 0 {
		p.Blank()
		p.Lines(lines)
	}
	p.Blank()
	for _, note := range r.notes() {
		p.Note(note)
	}
	_, err := p.WriteTo(w)
	return err
}

// Markdown writes a report as GitHub flavoured Markdown. The error is w's.
func Markdown(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("**" + table.Escape(r.headline()) + "**\n\n")
	for _, sentence := range r.sentences() {
		b.WriteString(table.Escape(sentence) + "\n")
	}
	for _, t := range r.tables() {
		b.WriteString("\n" + t.Markdown())
	}
	if lines := r.chart(report.DefaultWidth, false); len(lines) > 0 {
		b.WriteString("\n```\n" + strings.Join(lines, "\n") + "\n```\n")
	}
	for _, note := range r.notes() {
		b.WriteString("\n- " + table.Escape(note))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) headline() string {
	text := r.Title
	if r.Planned > 0 {
		text += ": " + judge.FormatWait(r.Planned) + " planned"
	}
	return fmt.Sprintf("%s, intervals of %s, %s", text, judge.FormatWait(r.Interval), r.lookWords())
}

func (r *Report) lookWords() string {
	if r.Looks == 1 {
		return "one look at the end"
	}
	return fmt.Sprintf("%d looks", r.Looks)
}

// sentences answer the question where there is one signal.
func (r *Report) sentences() []string {
	if len(r.Answers) != 1 || r.Answers[0].Problem != "" {
		return nil
	}
	a := r.Answers[0]
	var out []string
	certainty := judge.FormatPercent(r.Options.Power)
	for i, change := range r.Changes {
		if len(r.Changes) > 1 {
			break
		}
		n := a.Needed[i]
		switch {
		case n.Intervals == 0 && change <= a.Margin:
			out = append(out, fmt.Sprintf("A change of %s never FAILs: it lies within %s.", judge.FormatPercent(change), a.marginWords()))
		case n.Intervals == 0:
			out = append(out, fmt.Sprintf("A change of %s is not found with %s certainty, however long the canary lives.", judge.FormatPercent(change), certainty))
		default:
			text := fmt.Sprintf("A change of %s is found with %s certainty in %s (%s%s).", judge.FormatPercent(change), certainty,
				judge.FormatWait(r.duration(n.Intervals)), table.Plural(n.Intervals, "interval", "intervals"), a.traffic(n))
			if r.Looks > 1 {
				text += fmt.Sprintf(" On average it FAILs or ends after %s.", judge.FormatWait(r.duration(int(math.Ceil(n.Expected)))))
			}
			out = append(out, text)
		}
	}
	if r.Planned > 0 {
		if math.IsInf(a.Detectable, 1) {
			out = append(out, judge.FormatWait(r.Planned)+" find nothing: they are too few intervals, or too few independent ones.")
		} else {
			out = append(out, fmt.Sprintf("%s find a change of %s.", judge.FormatWait(r.Planned), judge.FormatPercent(a.Detectable)))
		}
	}
	if extra := a.marginWords(); a.Margin > 0 && len(out) > 0 {
		out = append(out, "FAIL takes an interval that lies beyond "+extra+".")
	}
	return out
}

// marginWords says what a FAIL must exclude, and why it is that much.
func (a Answer) marginWords() string {
	if a.Margin <= a.Signal.Margin*1.0001 {
		return "the margin of " + judge.FormatPercent(a.Signal.Margin)
	}
	text := fmt.Sprintf("%s: the margin of %s, and what healthy instances may differ by at this error", judge.FormatPercent(a.Margin), judge.FormatPercent(a.Signal.Margin))
	if a.Signal.History < leastHistory {
		text += "; a history makes that smaller"
	}
	return text
}

// traffic says what of the traffic a window takes.
func (a Answer) traffic(n Need) string {
	if n.Events == 0 {
		return ""
	}
	text := fmt.Sprintf("; about %s events of both sides", count(n.Events))
	if a.Signal.Requests > 0 {
		text += fmt.Sprintf(" in %s requests", count(a.Signal.Requests*float64(n.Intervals)))
	}
	return text + fmt.Sprintf("; no test that may stop at any time needs fewer than %s events on average", count(n.AtLeast))
}

func count(v float64) string { return judge.FormatNumber(math.Ceil(v)) }

func (r *Report) duration(n int) time.Duration { return time.Duration(n) * r.Interval }

func (r *Report) tables() []*table.Table {
	t := &table.Table{Columns: []string{"metric", "kind", "noise", "autocorrelation", "events", "margin"}, Names: 2}
	for _, change := range r.Changes {
		t.Columns = append(t.Columns, "finds "+judge.FormatPercent(change)+" in")
	}
	if r.Planned > 0 {
		t.Columns = append(t.Columns, judge.FormatWait(r.Planned)+" find")
	}
	for _, a := range r.Answers {
		if a.Problem != "" {
			continue
		}
		s := a.Signal
		cells := []string{table.Name(s.Name), s.Kind.String(), table.None, table.None, table.None, judge.FormatPercent(a.Margin)}
		if s.Kind == judge.Gauge {
			cells[2], cells[3] = judge.FormatPercent(s.Noise), judge.FormatNumber(math.Round(s.Rho*100)/100)
		} else {
			cells[4] = judge.FormatNumber(s.Events*(1+s.weight())) + " each"
		}
		for i, n := range a.Needed {
			switch {
			case n.Intervals > 0:
				cells = append(cells, judge.FormatWait(r.duration(n.Intervals)))
			case r.Changes[i] <= a.Margin:
				cells = append(cells, "within margin")
			default:
				cells = append(cells, "never")
			}
		}
		if r.Planned > 0 {
			cells = append(cells, changeText(a.Detectable))
		}
		t.Add(cells...)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	t.Drop(table.None)
	return []*table.Table{t}
}

func changeText(v float64) string {
	if math.IsInf(v, 1) {
		return "nothing"
	}
	return judge.FormatPercent(v)
}

func (r *Report) notes() []string {
	var notes []string
	has := func(of func(a Answer) bool) bool { return slices.ContainsFunc(r.Answers, of) }
	notes = append(notes, fmt.Sprintf("finds: a canary that is so much worse FAILs with a probability of %s. False alarms: %s over %s.",
		judge.FormatPercent(r.Options.Power), judge.FormatPercent(r.Alpha), table.Plural(r.Signals, "deciding metric", "deciding metrics")))
	if has(func(a Answer) bool { return a.Problem == "" && a.Signal.Kind == judge.Gauge && len(r.Answers) > 1 }) {
		notes = append(notes, "noise: the standard deviation of the logarithm of canary/baseline from interval to interval; autocorrelation: that of neighbours.")
	}
	if has(func(a Answer) bool { return a.Problem == "" && a.Signal.Kind != judge.Gauge && len(r.Answers) > 1 }) {
		notes = append(notes, "events: of both sides in an interval.")
	}
	if has(func(a Answer) bool { return a.Margin > a.Signal.Margin*1.0001 }) {
		notes = append(notes, "margin: what a FAIL must exclude, the config's margin and what healthy instances may differ by at this error.")
	}
	for _, a := range r.Answers {
		name := table.Name(a.Signal.Name)
		if a.Problem != "" {
			notes = append(notes, "No plan for "+name+": "+a.Problem)
		}
		for _, n := range a.Notes {
			notes = append(notes, name+": "+n)
		}
	}
	return notes
}
