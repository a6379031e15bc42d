package backtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// Options say how cases are judged and counted.
type Options struct {
	// Judges judge every case; at least one, with names that differ.
	Judges []Judge
	// By lists the tables of the report: each is a list of dimensions whose
	// values are its rows.
	By [][]Dimension
	// LookEvery is the number of intervals between looks. A case is then judged
	// as it was after each of them as well, until a look FAILs. 0 judges the
	// whole window only.
	LookEvery int
	// SkipMalformed counts lines that are no case instead of stopping.
	SkipMalformed bool
	// Workers is the number of cases that are judged at a time; 0 is one a CPU.
	Workers int
	// Stdin is what the path "-" reads.
	Stdin io.Reader
	// Each, if not nil, is called with every result in the order of the input,
	// never concurrently. Its error stops the run.
	Each func(*Result) error
	// Progress, if not nil, is called now and then in between.
	Progress func(Progress)
}

// Result is what all judges say of one case.
type Result struct {
	Labels

	// Outcomes and Looks are in the order of the judges.
	Outcomes []Outcome
	// Looks is nil if there was one look.
	Looks []Looks
	// Intervals is the length of the window.
	Intervals int
	// malformed is why there is no case, broken why it could not be judged.
	malformed, broken error
}

// Looks is what a judge said while the window grew.
type Looks struct {
	// FirstFail is the number of intervals after which it first said FAIL, 0
	// if it never did. The last look is at the whole window.
	FirstFail int
}

// Progress is how far a run is.
type Progress struct {
	// Cases were judged.
	Cases int
	// Read of Total bytes were; Total is 0 where it is not known.
	Read, Total int64
}

// Run judges the cases of all files. The report is of the cases before the
// error if there is one, and says that it is partial.
//
// Memory does not grow with the files: each worker holds a few batches of lines.
func Run(ctx context.Context, paths []string, o Options) (*Report, error) {
	if len(o.Judges) == 0 {
		return nil, errors.New("backtest: there is no judge")
	}
	if o.LookEvery < 0 {
		return nil, fmt.Errorf("backtest: looks every %d intervals", o.LookEvery)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newPipeline(o)
	go p.read(ctx, paths)
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() { p.work(ctx) })
	}
	t := newTally(o)
	err := p.collect(ctx, t, total(paths))
	cancel()
	// The reader may hang in a read of standard input for ever; the workers do
	// not.
	workers.Wait()
	r := t.report()
	r.Partial = err != nil
	return r, err
}

// batch is some lines of a file on their way through the pipeline.
type batch struct {
	file    string
	text    []byte
	ends    []int // of the lines in text
	numbers []int // of the lines in the file
	read    int64
	results []Result
	// err is why there are no lines after these.
	err error
	// judged receives when the results are there.
	judged chan struct{}
}

// Size of a batch. Too small costs switches between goroutines, too large makes
// the workers of a small file wait for each other.
const (
	batchLines = 16
	batchBytes = 128 << 10
)

// pipeline is reader -> workers -> collector. Batches go to the workers and, in
// the order of the input, to the collector, which returns them to the reader:
// their number bounds the memory.
type pipeline struct {
	Options

	free, todo, inOrder chan *batch
	consumed            atomic.Int64
}

func newPipeline(o Options) *pipeline {
	n := 2*o.Workers + 1
	p := &pipeline{Options: o, free: make(chan *batch, n), todo: make(chan *batch, n), inOrder: make(chan *batch, n)}
	for range n {
		p.free <- &batch{judged: make(chan struct{}, 1)}
	}
	return p
}

// read cuts the files into batches. The last one is empty and carries io.EOF
// or the error.
func (p *pipeline) read(ctx context.Context, paths []string) {
	err := io.EOF
	for _, path := range paths {
		if fileErr := p.readFile(ctx, path); fileErr != nil {
			err = fileErr
			break
		}
	}
	if b := p.take(ctx, ""); b != nil {
		b.err = err
		p.give(b)
	}
	close(p.todo)
}

func (p *pipeline) readFile(ctx context.Context, path string) error {
	l, err := openLines(path, p.Stdin, &p.consumed)
	if err != nil {
		return err
	}
	defer l.Close()
	for {
		b := p.take(ctx, l.name)
		if b == nil {
			return ctx.Err()
		}
		for err == nil && len(b.ends) < batchLines && len(b.text) < batchBytes {
			err = p.readLine(l, b)
		}
		b.read = p.consumed.Load()
		p.give(b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *pipeline) readLine(l *lines, b *batch) error {
	text, err := l.next(b.text)
	if err != nil {
		return err
	}
	b.text = text
	b.ends = append(b.ends, len(b.text))
	b.numbers = append(b.numbers, l.number)
	return nil
}

// take returns an empty batch, nil if the run is over.
func (p *pipeline) take(ctx context.Context, file string) *batch {
	select {
	case b := <-p.free:
		b.file, b.text, b.ends, b.numbers, b.results, b.err = file, b.text[:0], b.ends[:0], b.numbers[:0], b.results[:0], nil
		return b
	case <-ctx.Done():
		return nil
	}
}

// give hands a batch on. The channels hold all batches, so it never waits.
func (p *pipeline) give(b *batch) {
	p.inOrder <- b
	p.todo <- b
}

// work judges batches until there are no more.
func (p *pipeline) work(ctx context.Context) {
	w := worker{pipeline: p}
	for {
		select {
		case b, more := <-p.todo:
			if !more {
				return
			}
			w.judge(ctx, b)
			b.judged <- struct{}{}
		case <-ctx.Done():
			return
		}
	}
}

// collect counts the results in the order of the input.
func (p *pipeline) collect(ctx context.Context, t *tally, total int64) error {
	for {
		var b *batch
		select {
		case b = <-p.inOrder:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-b.judged:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for i := range b.results {
			if err := p.count(t, &b.results[i]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(b.err, io.EOF):
			return nil
		case b.err != nil:
			return b.err
		}
		if p.Progress != nil {
			p.Progress(Progress{Cases: t.cases, Read: b.read, Total: total})
		}
		p.free <- b
	}
}

func (p *pipeline) count(t *tally, r *Result) error {
	if r.malformed != nil {
		if !p.SkipMalformed {
			return r.malformed
		}
		t.skip(r.malformed)
		return nil
	}
	if r.broken != nil {
		return r.broken
	}
	t.add(r)
	if p.Each == nil {
		return nil
	}
	return p.Each(r)
}

// worker judges one case after the other in its own memory.
type worker struct {
	*pipeline

	decoder Decoder
	current Case
	prefix  []analysis.Input
	// planned are the looks by the length of the window.
	planned map[int]*analysis.RegularLooks
}

func (w *worker) judge(ctx context.Context, b *batch) {
	start := 0
	for i, end := range b.ends {
		if ctx.Err() != nil {
			return // nobody waits for the rest
		}
		b.results = append(b.results, Result{})
		r := &b.results[i]
		if err := w.decoder.decodeAt(b.text[start:end], &w.current, b.file, b.numbers[i]); err != nil {
			r.malformed = err
		} else if err := w.judgeCase(r); err != nil {
			r.broken = fmt.Errorf("%s:%d: %w", b.file, b.numbers[i], err)
		}
		start = end
	}
}

func (w *worker) judgeCase(r *Result) (err error) {
	asked := ""
	// A judge's mistake should name the case that shows it.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("case %s: judge %q panicked: %v (this is a bug in judged)", shown(r.ID), asked, cause)
		}
	}()
	inputs := Inputs(&w.current)
	r.Labels = w.current.Labels
	r.Intervals = intervals(inputs)
	r.Outcomes = make([]Outcome, len(w.Judges))
	if w.LookEvery > 0 {
		r.Looks = make([]Looks, len(w.Judges))
	}
	for i, j := range w.Judges {
		asked = j.Name()
		r.Outcomes[i] = j.Judge(inputs)
		if w.LookEvery > 0 {
			r.Looks[i].FirstFail = w.firstFail(j, inputs, r.Intervals, r.Outcomes[i].Verdict)
		}
	}
	return nil
}

// firstFail replays the looks of one judge; final is its verdict on the whole
// window.
func (w *worker) firstFail(j Judge, inputs []analysis.Input, n int, final judge.Verdict) int {
	watcher, watches := j.(Watcher)
	var looks *analysis.RegularLooks
	if watches {
		var err error
		if looks, err = w.looks(n); err != nil {
			return 0 // a window without an interval has no look
		}
	}
	for look := w.LookEvery; look <= n; look += w.LookEvery {
		if look > n-w.LookEvery {
			look = n // the last look is at the end
		}
		w.prefix = firstIntervals(w.prefix, inputs, look)
		if watches {
			if o, err := watcher.JudgeLook(w.prefix, look, looks); err == nil && o.Verdict == judge.Fail {
				return look
			}
		} else if look < n && j.Judge(w.prefix).Verdict == judge.Fail {
			return look
		}
	}
	if !watches && final == judge.Fail {
		return n
	}
	return 0
}

// looks returns the looks at windows of n intervals.
func (w *worker) looks(n int) (*analysis.RegularLooks, error) {
	if l := w.planned[n]; l != nil {
		return l, nil
	}
	l, err := analysis.NewRegularLooks(n, w.LookEvery)
	if err != nil {
		return nil, err
	}
	if w.planned == nil || len(w.planned) >= 64 {
		w.planned = map[int]*analysis.RegularLooks{}
	}
	w.planned[n] = l
	return l, nil
}

// total is the size of all files, 0 if it is not known.
func total(paths []string) int64 {
	sum := int64(0)
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == "-" || err != nil || !info.Mode().IsRegular() {
			return 0
		}
		sum += info.Size()
	}
	return sum
}
