package decode

import (
	"bytes"
	"io"
)

const (
	// maxLine is how much of a line is decoded: 1 MiB.
	maxLine = 1 << 20
	// maxBatch is the same for a line of OTLP, which holds many records.
	maxBatch = 16 << 20

	firstBuffer = 256 << 10
	// An io.Reader may return nothing and no error; one that does so this often
	// in a row never ends.
	maxEmptyReads = 100
)

// lines cuts a stream into lines. It holds at most the longest line's beginning
// and skips the rest of it.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // of the reader; what was read before it comes first
	skipping   bool  // the rest of a line that was too long
	fill       func() error
}

// next returns the next line without its line break, and whether it was cut.
// The line is valid until the next call. At the end it returns io.EOF; a line
// that an error interrupts is not returned.
func (l *lines) next() (line []byte, cut bool, err error) {
	searched := 0
	for {
		if n := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); n >= 0 {
			line = l.buf[l.start : l.start+searched+n]
			l.start += searched + n + 1
			if l.skipping {
				l.skipping, searched = false, 0
				continue
			}
			if limit := lineLimit(line); len(line) > limit {
				return line[:limit], true, nil
			}
			return line, false, nil
		}
		searched = l.end - l.start
		switch limit := lineLimit(l.buf[l.start:l.end]); {
		case l.skipping:
			l.start, l.end, searched = 0, 0, 0
		case searched > limit:
			line = l.buf[l.start : l.start+limit]
			l.start, l.skipping = l.end, true
			return line, true, nil
		case l.err == io.EOF && searched > 0: //nolint:errorlint // readers return io.EOF itself; a wrapped one is a failure
			line = l.buf[l.start:l.end]
			l.start = l.end
			return line, false, nil
		}
		if l.err != nil {
			return nil, false, l.err
		}
		l.read()
	}
}

// read gets more of the stream, behind what is not consumed yet.
func (l *lines) read() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, max(firstBuffer, len(l.buf)))...)
	}
	if l.fill != nil {
		if l.err = l.fill(); l.err != nil {
			return
		}
	}
	for range maxEmptyReads {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

// lineLimit returns how much of a line is kept, by how it begins.
func lineLimit(line []byte) int {
	if len(line) > maxLine && isBatch(line) {
		return maxBatch
	}
	return maxLine
}

// isBatch reports whether a line begins as those of the OpenTelemetry
// collector's file exporter do.
func isBatch(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"resourceLogs"`)) || bytes.HasPrefix(line, []byte(`{"resource_logs"`))
}
