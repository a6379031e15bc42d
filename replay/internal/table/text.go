package table

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/judged-dev/judged/report"
)

// ANSI "select graphic rendition" parameters.
const (
	bold = "1"
	dim  = "2"
)

// Page collects text for a terminal, a pipe or a file.
type Page struct {
	options report.TextOptions
	b       strings.Builder
}

// NewPage returns an empty page for a device.
func NewPage(o report.TextOptions) *Page {
	if o.Width <= 0 {
		o.Width = report.DefaultWidth
	}
	return &Page{options: o}
}

// Width is the device's width in cells.
func (p *Page) Width() int { return p.options.Width }

// ASCII reports whether the device shows 7-bit characters only.
func (p *Page) ASCII() bool { return p.options.ASCII }

// Headline writes a sentence that must be read.
func (p *Page) Headline(text string) { p.wrapped(text, bold) }

// Paragraph writes a sentence.
func (p *Page) Paragraph(text string) { p.wrapped(text, "") }

// Note writes a sentence that a reader may skip.
func (p *Page) Note(text string) { p.wrapped(text, dim) }

// Blank writes an empty line.
func (p *Page) Blank() { p.line("", "") }

// Verbatim writes lines as they are, for people to copy.
func (p *Page) Verbatim(text string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		p.b.WriteString(line + "\n")
	}
}

// Lines writes lines that must not be broken.
func (p *Page) Lines(lines []string) {
	for _, line := range lines {
		p.line(line, "")
	}
}

// Table writes a table, which is as wide as it is.
func (p *Page) Table(t *Table) {
	head, rows := t.lines()
	wide := displaywidth.String(head)
	for _, row := range rows {
		wide = max(wide, displaywidth.String(row))
	}
	p.Blank()
	if t.Title != "" {
		p.line(t.Title, bold)
	}
	p.line(head, dim)
	p.line(strings.Repeat("─", wide), dim)
	p.Lines(rows)
}

// WriteTo implements io.WriterTo.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.b.String())
	return int64(n), err
}

var ascii = strings.NewReplacer("─", "-", "–", "-", "…", "...", "×", "x", "≥", ">=", "µ", "u", "±", "+-", "∞", "inf")

func (p *Page) line(s, style string) {
	if p.options.ASCII {
		s = ascii.Replace(s)
	}
	if p.options.Color && style != "" && s != "" {
		s = "\x1b[" + style + "m" + s + "\x1b[0m"
	}
	p.b.WriteString(s + "\n")
}

// wrapped writes text in lines of the page's width, all but the first indented.
func (p *Page) wrapped(text, style string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case displaywidth.String(line)+1+displaywidth.String(word) > p.options.Width:
			p.line(line, style)
			line = "  " + word
		default:
			line += " " + word
		}
	}
	p.line(line, style)
}
