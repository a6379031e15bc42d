package decode

import (
	"context"
	"errors"
	"io"

	"github.com/judged-dev/judged/logs"
)

// Reader decodes a stream. It is for one goroutine.
type Reader struct {
	lines   lines
	decoder *Decoder
}

// New returns a Reader of r.
func New(r io.Reader, o Options) *Reader {
	return &Reader{lines: lines{r: r}, decoder: NewDecoder(o, nil)}
}

// Read calls each for every record to the stream's end. It returns the
// stream's error, each's or the context's, with the summary of what was
// delivered until then. The context is asked before each read of the stream:
// a read that blocks is not interrupted.
func (r *Reader) Read(ctx context.Context, each func(*logs.Record) error) (logs.Summary, error) {
	r.decoder.each = each
	r.lines.fill = ctx.Err
	for {
		line, cut, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			err = r.decoder.Flush()
			return r.decoder.Summary(), err
		}
		if err == nil {
			err = r.decoder.add(line, nil, cut)
		}
		if err != nil {
			return r.decoder.Summary(), err
		}
	}
}

// Lines returns how many lines of input were read so far.
func (r *Reader) Lines() int64 { return r.decoder.input }

// Line returns the number of the input line, from 1, that the record begins
// with which is being delivered. It is for the function that Read calls.
func (r *Reader) Line() int64 { return r.decoder.pending.first }

// Span returns how many lines of the input that record spans: its own, those
// of its stack trace, and empty ones between.
func (r *Reader) Span() int { return int(r.decoder.pending.last-r.decoder.pending.first) + 1 }
