package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
)

// reading is one read of all files.
type reading struct {
	files    *Files
	query    logs.Query
	where    []decode.Matcher
	each     func(*logs.Record, Position) error
	own      error // what each returned
	lines    int64 // records that may still be delivered
	left     int64 // bytes of text that may still be read
	progress progress
}

// file reads one file. Its errors name it and say how far it got.
func (r *reading) file(ctx context.Context, f file) (logs.Summary, error) {
	raw, now := r.files.o.Stdin, time.Now
	if f.path == Stdin {
		if r.files.drained.Swap(true) {
			return logs.Summary{}, &queryError{errors.New("standard input was read before"), "it can be read once; give a file instead"}
		}
	} else {
		opened, err := os.Open(f.path)
		if err != nil {
			return logs.Summary{}, err
		}
		defer opened.Close()
		raw = opened
		now = func() time.Time { return f.changed }
	}
	r.progress.file, r.progress.lines = f.path, 0
	text, closeText, err := decompress(&counted{raw, &r.progress})
	if err != nil {
		return logs.Summary{}, fmt.Errorf("%s: %w", f.path, err)
	}
	defer closeText()
	d := decode.New(&limited{text, r}, decode.Options{
		Format: r.files.o.Format, Instance: f.instance, Now: now, Window: r.query.Window, Where: r.where,
	})
	s, err := d.Read(ctx, func(rec *logs.Record) error {
		if r.lines == 0 {
			return &sizeError{errors.New("there are more lines than one read may have"), "make the query narrower or its window shorter"}
		}
		r.lines--
		r.own = r.each(rec, Position{File: f.path, Line: d.Line(), Span: d.Span()})
		return r.own
	})
	if err == nil {
		r.progress.lines = d.Lines()
	}
	r.progress.report()
	if err != nil && r.own == nil {
		err = fmt.Errorf("%s, after %d records of it: %w", f.path, s.Lines, err)
	}
	return s, err
}

// maxWindow is how much text a zstd stream may refer back to, which has to be
// held: what the zstd program allows by default.
const maxWindow = 128 << 20

// decompress returns the text of r by its first bytes, whatever it is called.
func decompress(r io.Reader) (text io.Reader, done func(), err error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, damaged("gzip", err)
		}
		return explained{z, "gzip"}, func() { _ = z.Close() }, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, damaged("zstd", err)
		}
		return explained{z, "zstd"}, z.Close, nil
	}
	return buffered, func() {}, nil
}

// explained says what an error of a compressed stream means. Checksums are at
// the end, so that damage may show only there.
type explained struct {
	r      io.Reader
	format string
}

func (e explained) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damaged(e.format, err)
	}
	return n, err
}

func damaged(format string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is cut off: copy it again, or wait until it is written", format)
	}
	return fmt.Errorf("%s: the file is damaged: %w", format, err)
}

// limited ends a read that takes more text than is allowed.
type limited struct {
	r       io.Reader
	reading *reading
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.reading.left -= int64(n); l.reading.left < 0 {
		limit := l.reading.files.o.MaxBytes
		return 0, &sizeError{fmt.Errorf("there are more than %d bytes of text", limit), "make the query narrower or raise the limit"}
	}
	return n, err
}

// progressStep is how many bytes are read between two reports.
const progressStep = 1 << 20

// progress tells how far a read is.
type progress struct {
	tell        func(Progress)
	file        string
	read, total int64
	told        int64
	lines       int64 // of file, at its end
}

func (p *progress) report() {
	p.told = p.read
	if p.tell != nil {
		p.tell(Progress{File: p.file, Read: p.read, Total: p.total, Lines: p.lines})
	}
}

// counted counts what is read of the disk.
type counted struct {
	r        io.Reader
	progress *progress
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.progress.read += int64(n)
	if c.progress.read-c.progress.told >= progressStep {
		c.progress.report()
	}
	return n, err
}
