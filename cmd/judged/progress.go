package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/report"
)

// progressBar draws on a terminal's standard error; elsewhere it does nothing.
type progressBar struct {
	to          io.Writer // nil if there is no terminal
	columns     func() int
	now         func() time.Time
	ascii       bool
	began, last time.Time
}

// redrawn is how often people see a difference.
const redrawn = 100 * time.Millisecond

func newProgressBar(w world) *progressBar {
	b := &progressBar{now: w.now, began: w.now()}
	if f, ok := w.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && w.getenv("TERM") != "dumb" {
		b.to, b.ascii = f, report.DetectText(f, w.getenv).ASCII
		b.columns = func() int { return report.DetectText(f, w.getenv).Width }
	}
	return b
}

// show draws how much of the total was read, which is 0 if it is not known, and
// what says about it.
func (b *progressBar) show(read, total int64, what func(elapsed time.Duration) string) {
	now := b.now()
	if b.to == nil || now.Sub(b.last) < redrawn {
		return
	}
	b.last = now
	elapsed := now.Sub(b.began)
	text := []rune(b.text(read, total, what(elapsed), elapsed))
	if columns := b.columns(); columns > 0 {
		text = text[:min(len(text), columns-1)] // a line that breaks cannot be taken back
	}
	fmt.Fprint(b.to, "\r\x1b[K"+string(text))
}

// text is "42% ████████░░░░░░░░░░░░ 3120 cases, 6100/s, 12 seconds left".
func (b *progressBar) text(read, total int64, what string, elapsed time.Duration) string {
	if total <= 0 {
		return what
	}
	const cells = 20
	share := min(float64(read)/float64(total), 1)
	full, empty := "█", "░"
	if b.ascii {
		full, empty = "#", "."
	}
	done := int(share * cells)
	text := fmt.Sprintf("%3.0f%% %s%s %s", 100*share, strings.Repeat(full, done), strings.Repeat(empty, cells-done), what)
	if elapsed >= time.Second && share > 0 && share < 1 {
		text += ", " + judge.FormatWait(time.Duration(float64(elapsed)*(1-share)/share)) + " left"
	}
	return text
}

func (b *progressBar) clear() {
	if b.to != nil && !b.last.IsZero() {
		fmt.Fprint(b.to, "\r\x1b[K")
	}
}
