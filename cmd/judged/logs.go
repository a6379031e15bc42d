package main

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/files"
	"github.com/judged-dev/judged/logs/redact"
)

type logsCommand struct {
	Templates logsTemplatesCommand `cmd:"" help:"What do logs say? One row for each statement that wrote lines."`
	Diff      logsDiffCommand      `cmd:"" help:"What does the canary log that the baseline does not?"`
}

// logOptions say how files of logs are read.
type logOptions struct {
	Input  string   `enum:"auto,json,logfmt,plain,otlp" default:"auto" help:"How lines are written: ${enum}; auto looks at each line."`
	Redact []string `sep:"none" placeholder:"REGEXP" help:"Mask what matches in everything that is shown, beside secrets known by their form. Repeat it for several."`
	Memory size     `default:"96MiB" placeholder:"SIZE" help:"What the tables of one side may take; the process takes about twice that. Lines of texts that find no room are counted together."`
}

// minMemory is what a side needs to be of any use.
const minMemory = 1 << 20

// Validate is called by kong.
func (o logOptions) Validate() error {
	if o.Memory < minMemory {
		return fmt.Errorf("--memory: less than 1MiB holds too few templates to say anything")
	}
	return nil
}

func (o logOptions) redactor() (*redact.Redactor, error) {
	r, err := redact.New(redact.Options{Patterns: o.Redact})
	if err != nil {
		return nil, fmt.Errorf("--redact: %w", err)
	}
	return r, nil
}

// cell is how finely the time of lines is kept.
func (o logOptions) miner(cell time.Duration) *mine.Miner {
	return mine.New(mine.Options{MaxBytes: int64(o.Memory), Cell: cell})
}

// read reads all files at paths, which errors call by a name, with a progress bar
// that a watch draws.
func (o logOptions) read(ctx context.Context, w world, name string, paths []string, watch *watch, each func(*logs.Record, files.Position)) (logs.Summary, error) {
	format, err := decode.ParseFormat(o.Input)
	if err != nil {
		return logs.Summary{}, err
	}
	source, err := files.Open(paths, files.Options{Name: name, Format: format, Stdin: w.stdin, Progress: watch.progress})
	if err != nil {
		return logs.Summary{}, err
	}
	defer func() { _ = source.Close() }() // files hold nothing
	return source.ReadLines(ctx, logs.Query{MaxLines: math.MaxInt64}, func(r *logs.Record, at files.Position) error {
		each(r, at)
		watch.line()
		return nil
	})
}

// watch shows people how far reading is, once in a while. It is asked for every
// line, so that asking costs next to nothing.
type watch struct {
	bar   *progressBar
	what  string
	read  files.Progress
	lines int64
	due   atomic.Bool
	// draw draws what was found so far above the bar; nil: nothing.
	draw func()
	// end is told how many lines a file had; nil: nobody is.
	end  func(file string, lines int64)
	stop chan struct{}
}

// every is how often what was found is drawn.
const every = time.Second

// newWatch returns a watch, to be closed. Without a terminal it shows nothing.
func newWatch(w world, what string) *watch {
	v := &watch{bar: newProgressBar(w), what: what, stop: make(chan struct{})}
	if v.bar.to != nil {
		go v.tick()
	}
	return v
}

func (v *watch) tick() {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			v.due.Store(true)
		case <-v.stop:
			return
		}
	}
}

// progress is told by the source.
func (v *watch) progress(p files.Progress) {
	v.read = p
	if p.Lines > 0 && v.end != nil {
		v.end(p.File, p.Lines)
	}
	v.show()
}

// line is told by who counts lines.
func (v *watch) line() {
	v.lines++
	if v.due.Load() {
		v.due.Store(false)
		if v.draw != nil {
			v.draw()
			v.bar.last = time.Time{} // its line was moved
		}
		v.show()
	}
}

func (v *watch) show() {
	v.bar.show(v.read.Read, v.read.Total, func(elapsed time.Duration) string {
		return soFar(v.what, v.lines, v.read.Read, elapsed)
	})
}

// soFar is "canary: 1.2M lines, 120 MiB, 62 MiB/s".
func soFar(what string, lines, read int64, elapsed time.Duration) string {
	text := judge.FormatNumber(float64(lines)) + " lines"
	if what != "" {
		text = what + ": " + text
	}
	if read > 0 {
		text += ", " + judge.FormatValue(float64(read), "By")
		if elapsed >= time.Second {
			text += ", " + judge.FormatValue(float64(read)/elapsed.Seconds(), "By") + "/s"
		}
	}
	return text
}

// close takes away what was drawn.
func (v *watch) close() {
	close(v.stop)
	v.bar.clear()
}

// doubts are what a person should know of how lines were read.
func doubts(s logs.Summary, m *mine.Miner) []string {
	var all []string
	say := func(n int64, what string) {
		switch {
		case n == 1:
			all = append(all, "1 line "+what)
		case n > 1:
			all = append(all, judge.FormatNumber(float64(n))+" lines "+what)
		}
	}
	say(int64(m.Overflow.Total()), "found no room, in no template: there are too many different texts; --memory gives more")
	if m.First != 0 {
		say(s.Undated, "without a time, taken to be of that of the line before")
	}
	say(s.Malformed, "not written as the others, taken as plain text")
	say(s.Cut, "too long, without their end")
	return append(all, s.Warnings...)
}
