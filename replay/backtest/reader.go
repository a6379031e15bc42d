package backtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// Reader reads the cases of a file one by one.
type Reader struct {
	lines   *lines
	line    []byte
	decoder Decoder
	current Case
}

// Open opens a file of cases, plain or gzipped. "-" is stdin.
func Open(path string, stdin io.Reader) (*Reader, error) {
	l, err := openLines(path, stdin, nil)
	if err != nil {
		return nil, err
	}
	return &Reader{lines: l}, nil
}

// Next returns the next case, io.EOF after the last one, or an error that names
// the file and the line. The case is valid until the next call.
func (r *Reader) Next() (*Case, error) {
	line, err := r.lines.next(r.line[:0])
	if err != nil {
		return nil, err
	}
	r.line = line
	if err := r.decoder.decodeAt(line, &r.current, r.lines.name, r.lines.number); err != nil {
		return nil, err
	}
	return &r.current, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.lines.Close() }

// decodeAt decodes a line of a file, whose place names a case without a name
// and every mistake.
func (d *Decoder) decodeAt(line []byte, c *Case, file string, number int) error {
	if err := d.Decode(line, c); err != nil {
		if at, ok := errors.AsType[*SyntaxError](err); ok && at.Column > 0 {
			return fmt.Errorf("%s:%d:%d: %w", file, number, at.Column, err)
		}
		return fmt.Errorf("%s:%d: %w", file, number, err)
	}
	if c.ID == "" {
		c.ID = fmt.Sprintf("%s:%d", file, number)
	}
	return nil
}

// lines are the lines of a file that are not blank.
type lines struct {
	name   string
	number int // of the line that next returned last, from 1
	text   *bufio.Reader
	gzip   *gzip.Reader
	file   io.Closer
}

const stdinName = "standard input"

// openLines opens path. If consumed is not nil, it counts the bytes of the
// file that were read.
func openLines(path string, stdin io.Reader, consumed *atomic.Int64) (*lines, error) {
	l := &lines{name: path}
	in := stdin
	if path == "-" {
		l.name = stdinName
		if stdin == nil {
			return nil, errors.New("there is no standard input to read")
		}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in, l.file = f, f
	}
	if consumed != nil {
		in = &countingReader{in, consumed}
	}
	l.text = bufio.NewReaderSize(in, 256<<10)
	// The content says whether it is gzipped: stdin has no name, and names lie.
	if magic, err := l.text.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if l.gzip, err = gzip.NewReader(l.text); err != nil {
			l.Close()
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		l.text = bufio.NewReaderSize(l.gzip, 256<<10)
	}
	return l, nil
}

// next appends the next line that is not blank, without the space around it, to
// buffer.
func (l *lines) next(buffer []byte) ([]byte, error) {
	for {
		start := len(buffer)
		l.number++
		for {
			part, err := l.text.ReadSlice('\n')
			buffer = append(buffer, part...)
			if len(buffer)-start > MaxLine {
				return nil, fmt.Errorf("%s:%d: the line is longer than %d MiB", l.name, l.number, MaxLine>>20)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s:%d: %w", l.name, l.number, err)
			}
			line := bytes.TrimSpace(buffer[start:])
			if l.number == 1 {
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			if len(line) > 0 {
				n := copy(buffer[start:], line)
				return buffer[:start+n], nil
			}
			if err != nil {
				return nil, io.EOF
			}
			buffer = buffer[:start]
			break
		}
	}
}

// Close closes the file; standard input stays open.
func (l *lines) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

type countingReader struct {
	io.Reader

	count *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.count.Add(int64(n))
	return n, err
}
