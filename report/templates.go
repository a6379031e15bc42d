package report

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
)

// Templates are what some logs say, as a table.
type Templates struct {
	// Lines were read; they have All templates, of which List are shown.
	Lines uint64     `json:"lines"`
	All   int        `json:"all"`
	List  []Template `json:"templates"`
	// First and Last are the times of the first and the last line; zero if no line
	// has a time.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Warnings are doubts about the lines.
	Warnings []string `json:"warnings,omitempty"`
}

// Template is one row.
type Template struct {
	ID     string `json:"id"`
	Text   string `json:"template"`
	Level  string `json:"level,omitempty"`
	Logger string `json:"logger,omitempty"`
	Lines  uint64 `json:"lines"`
	// Requests that have it, 0 if lines have no trace ids.
	Requests  uint64    `json:"requests,omitempty"`
	Instances int       `json:"instances"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	// Over are the lines in equal stretches of the time from Templates.First to
	// Templates.Last; empty if no line has a time.
	Over []uint64 `json:"over,omitempty"`
}

// share returns which part of all lines a template has.
func (t *Templates) share(one *Template) string {
	if t.Lines == 0 {
		return unknown
	}
	const least = 0.0001
	part := float64(one.Lines) / float64(t.Lines)
	if part > 0 && part < least {
		return "<" + judge.FormatPercent(least)
	}
	return judge.FormatPercent(part)
}

// clock is how times are told: with a date only if there are several.
func (t *Templates) clock() string {
	if t.First.UTC().Format(time.DateOnly) == t.Last.UTC().Format(time.DateOnly) {
		return "15:04:05"
	}
	return "01-02 15:04:05"
}

// summary says what the table is of.
func (t *Templates) summary() []string {
	parts := []string{counted(float64(t.Lines), "line"), count(t.All, "template")}
	if more := t.All - len(t.List); more > 0 {
		parts[1] += ", " + strconv.Itoa(len(t.List)) + " shown"
	}
	if !t.First.IsZero() {
		layout := "2006-01-02 15:04:05"
		to := t.Last.UTC().Format(layout)
		if t.clock() == "15:04:05" {
			to = t.Last.UTC().Format("15:04:05")
		}
		parts = append(parts, t.First.UTC().Format(layout)+" to "+to+" UTC")
	}
	return parts
}

// bars draws counts as a line of bars, at most as many as cells: the tallest is
// the largest of them, and what is not zero can be seen.
func bars(counts []uint64, cells int, ascii bool) string {
	for len(counts) > max(cells, 1) {
		half := make([]uint64, (len(counts)+1)/2)
		for i, n := range counts {
			half[i/2] += n
		}
		counts = half
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		levels = []rune(".:-=+*#@")
	}
	var b strings.Builder
	most := slices.Max(append([]uint64{1}, counts...))
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(levels[max(int(math.Ceil(float64(n)/float64(most)*float64(len(levels)))), 1)-1])
	}
	return b.String()
}

// levelStyle is the colour of a level's word and bars.
func levelStyle(level string) style {
	switch level {
	case "critical":
		return bold.and(orange)
	case "error":
		return orange
	case "warn":
		return bold
	case "info":
		return blue
	case "debug":
		return dim
	default:
		return plain
	}
}

// templateRow is one template in cells.
type templateRow struct {
	cells    []string
	template []string
	style    style
}

// The widest bars, and the narrowest column of templates beside the others.
const (
	maxBars = 24
	minBars = 6
	minText = 48
)

// TemplatesText writes a table for a person at a terminal. The error is w's.
func TemplatesText(w io.Writer, t *Templates, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = DefaultWidth
	}
	o.Width = max(o.Width, minWidth)
	p := &page{TextOptions: o}
	if len(t.List) > 0 {
		p.templates(t)
		p.blank()
	}
	p.parts(t.summary())
	for _, warning := range t.Warnings {
		p.flow(plain, "  -", 4, p.text(warning))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// Columns of the table; that of the bars is as wide as there is room.
const (
	columnLines = iota
	columnShare
	columnBars
	columnLevel
	columnFirst
	columnLast
	columnOn
	columnID
)

func (p *page) templates(t *Templates) {
	head := []string{"lines", "share", "over time", "level", "first", "last", "on", "id"}
	rows := make([]templateRow, 0, len(t.List))
	for i := range t.List {
		rows = append(rows, p.templateRow(t, &t.List[i]))
	}
	widths := make([]int, len(head))
	for i := range head {
		for _, r := range rows {
			widths[i] = max(widths[i], width(r.cells[i]))
		}
		if widths[i] > 0 {
			widths[i] = max(widths[i], width(head[i]))
		}
	}
	// Columns that do not fit are left out, the least needed first: the template and
	// its id always stay.
	widths[columnBars] = 0
	for _, least := range []int{columnLast, columnFirst, columnOn, columnShare, columnLevel} {
		if total(widths) <= p.Width {
			break
		}
		widths[least] = 0
	}
	beside := p.Width - total(widths) - gap
	if !t.First.IsZero() {
		n := 0
		for i := range t.List {
			n = max(n, len(t.List[i].Over))
		}
		room := beside - gap
		if room-maxBars-gap >= minText {
			room = maxBars
		}
		for n > room && n > minBars {
			n = (n + 1) / 2
		}
		if n <= room {
			widths[columnBars] = max(n, min(width(head[columnBars]), room))
			for i := range rows {
				rows[i].cells[columnBars] = bars(t.List[i].Over, n, p.ASCII)
			}
		}
		beside = p.Width - total(widths) - gap
	}
	if widths[columnBars] < width(head[columnBars]) {
		head[columnBars] = ""
	}
	if beside >= minText {
		head = append(head, "template")
	} else {
		beside = 0
	}
	p.line(p.paint(strings.TrimRight(p.templateCells(head, widths, plain), " "), dim))
	p.line(p.paint(strings.Repeat(p.text("─"), p.Width), dim))
	for _, r := range rows {
		p.templateRowLines(r, widths, beside)
	}
}

// total is how wide columns are, with the gaps between them.
func total(widths []int) int {
	sum := -gap
	for _, w := range widths {
		if w > 0 {
			sum += w + gap
		}
	}
	return sum
}

func (p *page) templateRow(t *Templates, one *Template) templateRow {
	at := func(m time.Time) string {
		if m.IsZero() {
			return ""
		}
		return m.UTC().Format(t.clock())
	}
	on := ""
	if one.Instances > 0 {
		on = strconv.Itoa(one.Instances)
	}
	return templateRow{
		cells: []string{
			judge.FormatNumber(float64(one.Lines)), p.text(t.share(one)), "", clip(p.text(one.Level), len("critical")),
			at(one.First), at(one.Last), on, clip(p.text(one.ID), idWidth),
		},
		template: templateLines(one.Text), style: levelStyle(one.Level),
	}
}

// idWidth is that of a template's id: 64 bits in hexadecimal digits.
const idWidth = 16

// clip returns the first w cells of s.
func clip(s string, w int) string {
	head, _ := split(s, w)
	return head
}

// templateCells returns a line of cells, the bars and the level in a style; cells
// of no width are left out, what is beyond the widths is written as it is.
func (p *page) templateCells(cells []string, widths []int, as style) string {
	var parts []string
	for i, cell := range cells {
		switch {
		case i >= len(widths):
			parts = append(parts, cell)
		case widths[i] == 0:
		case i == columnLines || i == columnShare || i == columnOn:
			parts = append(parts, padLeft(cell, widths[i]))
		case i == columnBars || i == columnLevel:
			parts = append(parts, p.paint(cell, as)+spaces(widths[i]-width(cell)))
		default:
			parts = append(parts, padRight(cell, widths[i]))
		}
	}
	return strings.Join(parts, spaces(gap))
}

// templateRowLines writes a row, its template beside the numbers or below them.
func (p *page) templateRowLines(r templateRow, widths []int, beside int) {
	room, indent := beside, total(widths)+gap
	if beside == 0 {
		room, indent = p.Width-2*gap, 2*gap
	}
	var lines []string
	for _, l := range r.template {
		lines = append(lines, wrap(p.text(l), room)...)
	}
	if len(lines) > maxHeight {
		lines = append(lines[:maxHeight-1], p.text("…"))
	}
	start := p.templateCells(r.cells, widths, r.style)
	if beside > 0 {
		p.line(start + spaces(gap) + lines[0])
		lines = lines[1:]
	} else {
		p.line(start)
	}
	for _, l := range lines {
		p.line(spaces(indent) + l)
	}
}

// TemplatesMarkdown writes a table for a comment or a page. The error is w's.
func TemplatesMarkdown(w io.Writer, t *Templates) error {
	c := &comment{}
	c.add("Log templates: " + prose(strings.Join(t.summary(), " · ")) + "\n\n")
	var rows []string
	for i := range t.List {
		one := &t.List[i]
		requests := unknown
		if one.Requests > 0 {
			requests = judge.FormatNumber(float64(one.Requests))
		}
		rows = append(rows, tableRow(judge.FormatNumber(float64(one.Lines)), t.share(one), requests, prose(lineOf(one.Level, maxUnit)),
			code(bars(one.Over, maxBars/2, false)), strconv.Itoa(one.Instances), code(lineOf(one.ID, maxName)), oneLine(one.Text)))
	}
	c.add("| lines | share | requests | level | over time | instances | id | template |\n|--:|--:|--:|:--|:--|--:|:--|:--|\n")
	c.items(rows, "template")
	for _, warning := range t.Warnings {
		c.add("\n- " + prose(line(warning)))
	}
	_, err := io.WriteString(w, strings.TrimRight(c.b.String(), "\n")+"\n")
	return err
}
