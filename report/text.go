package report

import (
	"io"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// Text writes r for a person at a terminal or in a log. The first line is the
// verdict and its one sentence. The error is w's.
func Text(w io.Writer, r *analysis.Result, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = DefaultWidth
	}
	o.Width = max(o.Width, minWidth)
	p := &page{TextOptions: o}
	p.headline(r)
	if len(r.Findings) > 0 {
		p.blank()
		p.table(r)
	}
	p.changes(r)
	p.warnings(r)
	p.blank()
	p.parts(score(r))
	label := "Next:"
	for _, sentence := range next(r) {
		p.flow(bold, label, 6, p.text(sentence))
		label = ""
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// style is the parameter of an ANSI "select graphic rendition" sequence.
//
// Orange, blue and no colour at all differ for every kind of colour vision
// (Okabe and Ito 2008, https://jfly.uni-koeln.de/color/), and these two shades
// of the 256-colour palette are legible on black and on white. Words and
// symbols say the same without them.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	orange style = "38;5;166"
	blue   style = "38;5;32"
	// reverse is for what is neither good nor bad but broken.
	reverse style = "7"
)

func styleOf(v judge.Verdict) style {
	switch v {
	case judge.Pass:
		return blue
	case judge.Fail:
		return orange
	case judge.Error:
		return reverse
	default:
		return plain
	}
}

// and combines two styles.
func (s style) and(t style) style { return style(strings.Trim(string(s+";"+t), ";")) }

// page collects the lines of one Text. Everything that goes into it has gone
// through text, or is made of ASCII here.
type page struct {
	TextOptions

	b strings.Builder
}

// text prepares a text for the device; it still may be long.
func (p *page) text(s string) string {
	s = line(s)
	if p.ASCII {
		s = toASCII(s)
	}
	return s
}

// paint returns s in a style if the device has colours.
func (p *page) paint(s string, as style) string {
	if !p.Color || as == plain || s == "" {
		return s
	}
	return "\x1b[" + string(as) + "m" + s + "\x1b[0m"
}

func (p *page) blank() { p.b.WriteByte('\n') }

// line writes a line without the spaces at its end.
func (p *page) line(s string) {
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

// flow writes text behind a label, in lines of the page's width that are
// indented alike.
func (p *page) flow(as style, label string, indent int, text string) {
	for _, one := range wrap(text, p.Width-indent) {
		p.line(p.paint(label, as) + spaces(indent-width(label)) + one)
		label = ""
	}
}

// dim writes text in the background, indented.
func (p *page) dim(indent int, text string) {
	for _, one := range wrap(text, p.Width-indent) {
		p.line(spaces(indent) + p.paint(one, dim))
	}
}

// parts writes what belongs on one line in the background, if it can.
func (p *page) parts(parts []string) {
	separator := " " + p.text("·") + " "
	joined := ""
	for _, part := range parts {
		part = p.text(part)
		if joined != "" && width(joined)+width(separator)+width(part) > p.Width {
			p.dim(0, joined)
			joined = ""
		}
		if joined != "" {
			joined += separator
		}
		joined += part
	}
	p.dim(0, joined)
}

func (p *page) headline(r *analysis.Result) {
	word := p.text(symbol(r.Verdict) + " " + r.Verdict.String())
	text := p.text(sentence(r))
	if text == "" {
		p.line(p.paint(word, bold.and(styleOf(r.Verdict))))
	} else {
		p.flow(bold.and(styleOf(r.Verdict)), word+":", width(word)+2, text)
	}
	if parts := comparison(r); len(parts) > 0 || r.Config != "" {
		p.parts(append([]string{configName(r)}, parts...))
	}
}

func (p *page) warnings(r *analysis.Result) {
	all := warnings(r.Findings)
	if len(all) == 0 {
		return
	}
	p.blank()
	p.line(p.paint("Warnings", bold))
	for _, w := range all {
		p.flow(plain, "  -", 4, p.text(listed(w.names)+": "+w.text))
	}
}
