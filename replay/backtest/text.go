package backtest

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/judged-dev/judged/report"
)

// ANSI "select graphic rendition" parameters.
const (
	bold   = "1"
	dim    = "2"
	orange = "1;38;5;166"
)

// Text writes a report for a person. Tables are as wide as they are; the notes
// keep to the device's width. The error is w's.
func Text(w io.Writer, r *Report, o report.TextOptions) error {
	if o.Width <= 0 {
		o.Width = report.DefaultWidth
	}
	p := page{TextOptions: o}
	style := bold
	if r.Partial {
		style = orange
	}
	p.wrapped(r.headline(), style)
	for _, g := range r.grids() {
		head, rows := g.lines()
		wide := 0
		for _, line := range append(head, rows...) {
			wide = max(wide, displaywidth.String(line))
		}
		p.line("", "")
		p.line(g.title, bold)
		for _, line := range head {
			p.line(line, dim)
		}
		p.line(strings.Repeat("─", wide), dim)
		for _, line := range rows {
			p.line(line, "")
		}
	}
	p.line("", "")
	for _, note := range r.notes() {
		p.wrapped(note, dim)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

type page struct {
	report.TextOptions

	b strings.Builder
}

var ascii = strings.NewReplacer("─", "-", "–", "-", "…", "...")

func (p *page) line(s, style string) {
	if p.ASCII {
		s = ascii.Replace(s)
	}
	if p.Color && style != "" && s != "" {
		s = "\x1b[" + style + "m" + s + "\x1b[0m"
	}
	p.b.WriteString(s + "\n")
}

// wrapped writes text in lines of the page's width, all but the first indented.
func (p *page) wrapped(text, style string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case displaywidth.String(line)+1+displaywidth.String(word) > p.Width:
			p.line(line, style)
			line = "  " + word
		default:
			line += " " + word
		}
	}
	p.line(line, style)
}
