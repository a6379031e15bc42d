package kayenta

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"

	"golang.org/x/sync/semaphore"
)

// DefaultMaxLine is the longest line that JudgeLines reads by default, in
// bytes.
const DefaultMaxLine = 64 << 20

// LinesOptions are the choices of JudgeLines; the zero value is the default.
type LinesOptions struct {
	// Seed seeds each judgment's noise; 0 counts as mannwhitney.DefaultSeed.
	Seed int64
	// MaxLine is the length in bytes above which a line is an error; 0 counts
	// as DefaultMaxLine. All lines that are being judged, or wait to be, or
	// for their turn to be answered, are at most twice as long together.
	MaxLine int
	// Workers is the number of judgments at the same time; 0 counts as
	// GOMAXPROCS.
	Workers int
}

// JudgeLines judges a stream of requests. It reads one request (see
// DecodeRequest) from each line of in and writes one line to out for each, in
// the same order:
//
//	{"id":1,"result":{"judgeName":"NetflixACAJudge-v1.0",...}}
//	{"id":2,"error":"line 2: scoreThresholds is missing, ..."}
//
// The id is the request's own, unchanged and of any type; it is left out if
// the request has none or cannot be read that far. A line that is not a
// request, or is too long, gives an error line and the stream goes on. Empty
// lines are skipped but counted.
//
// Answers are flushed whenever the next one is not ready yet. The error is that
// of in or out, or ctx's. When ctx ends, JudgeLines returns even if a Read of
// in is stuck, which is then left behind: close in to end it.
func JudgeLines(ctx context.Context, in io.Reader, out io.Writer, o LinesOptions) error {
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &lineStream{
		LinesOptions: o,
		memory:       semaphore.NewWeighted(2 * int64(o.MaxLine)),
		todo:         make(chan *lineJob),
		inOrder:      make(chan *lineJob, 4*o.Workers),
	}
	go s.read(ctx, in)
	for range o.Workers {
		go s.work()
	}
	return s.write(ctx, out)
}

// lineStream passes lines from one reader to the workers (todo) and at the
// same time to one writer (inOrder).
type lineStream struct {
	LinesOptions
	memory        *semaphore.Weighted
	todo, inOrder chan *lineJob
	// readError is set before inOrder is closed.
	readError error
}

// lineJob is one line on its way.
type lineJob struct {
	number int
	line   []byte
	// output is what done announces.
	output []byte
	err    error
	done   chan struct{}
}

// read makes jobs of the lines until the end of in.
func (s *lineStream) read(ctx context.Context, in io.Reader) {
	defer close(s.inOrder)
	defer close(s.todo)
	lines := lineReader{in: bufio.NewReaderSize(in, 64<<10), limit: s.MaxLine}
	for number := 1; ; number++ {
		line, err := lines.next()
		if err != nil && !errors.Is(err, errLineTooLong) {
			if !errors.Is(err, io.EOF) {
				s.readError = fmt.Errorf("reading line %d: %w", number, err)
			}
			return
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		job := &lineJob{number: number, line: line, err: err, done: make(chan struct{})}
		if s.memory.Acquire(ctx, int64(len(line))) != nil {
			return
		}
		select {
		case s.inOrder <- job:
		case <-ctx.Done():
			return
		}
		select {
		case s.todo <- job:
		case <-ctx.Done():
			return
		}
	}
}

func (s *lineStream) work() {
	var values []float64
	for job := range s.todo {
		values = job.judge(s.Seed, values)
		close(job.done)
	}
}

// judge fills the output. values is memory for numbers, which it returns for
// further use.
func (j *lineJob) judge(seed int64, values []float64) []float64 {
	var request Request
	var result *Result
	err := j.err
	if err == nil {
		p := &parser{data: j.line, values: values[:0]}
		err = request.decode(p)
		values = p.values
	}
	if err == nil {
		result, err = request.Judge(seed)
	}
	b := j.output
	b = append(b, '{')
	if request.ID != nil {
		b = append(append(b, `"id":`...), request.ID...)
		b = append(b, ',')
	}
	if err != nil {
		b = append(b, `"error":`...)
		b = appendString(b, "line "+strconv.Itoa(j.number)+": "+err.Error())
	} else {
		b = result.AppendJSON(append(b, `"result":`...))
	}
	b = append(b, "}\n"...)
	j.output = b
	if cap(values) > 1<<20 {
		values = nil // do not keep the memory of a huge request
	}
	return values
}

// write writes the outputs in order.
func (s *lineStream) write(ctx context.Context, out io.Writer) error {
	w := bufio.NewWriterSize(out, 64<<10)
	for {
		job, err := next(ctx, s.inOrder, w)
		if err != nil {
			return err
		}
		if job == nil {
			return errors.Join(w.Flush(), s.readError, ctx.Err())
		}
		if _, err := next(ctx, job.done, w); err != nil {
			return err
		}
		if _, err := w.Write(job.output); err != nil {
			return err
		}
		s.memory.Release(int64(len(job.line)))
	}
}

// next receives from c, and flushes w first if it has to wait. It returns the
// zero value when c is closed.
func next[T any](ctx context.Context, c <-chan T, w *bufio.Writer) (T, error) {
	select {
	case v := <-c:
		return v, nil
	default:
	}
	if err := w.Flush(); err != nil {
		var none T
		return none, err
	}
	select {
	case v := <-c:
		return v, nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// lineReader reads lines of at most limit bytes.
type lineReader struct {
	in    *bufio.Reader
	limit int
}

var errLineTooLong = errors.New("the line is too long")

// next returns the next line without its end, in memory of its own. Of a line
// that is too long it returns an error and holds no more than limit bytes.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := r.in.ReadSlice('\n')
		end := err == nil
		if end {
			part = part[:len(part)-1]
		}
		if len(line)+len(part) > r.limit {
			tooLong, line = true, nil
		}
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case end || err == io.EOF && (len(line) > 0 || tooLong):
			if tooLong {
				return nil, fmt.Errorf("%w: more than %d bytes", errLineTooLong, r.limit)
			}
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
