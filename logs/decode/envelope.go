package decode

import (
	"bytes"
	"time"
)

// An envelope is what a container runtime writes around a line.
type envelope struct {
	time    time.Time
	stream  byte // 'o' or 'e'; 0 without an envelope
	partial bool // the line goes on in the stream's next one
}

// cri unwraps a line of the Kubernetes container runtime interface:
//
//	2026-01-02T15:04:05.123456789Z stdout F message
func cri(line []byte, now clock) (envelope, []byte, bool) {
	// The time takes 20 bytes at least; the word follows within 40.
	if len(line) < 29 || !isDigit(line[0]) || line[4] != '-' || line[10] != 'T' {
		return envelope{}, nil, false
	}
	i := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	if i < 20 || len(line) < i+9 {
		return envelope{}, nil, false
	}
	rest := line[i+1:]
	var e envelope
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
		e.stream = 'o'
	case bytes.HasPrefix(rest, []byte("stderr ")):
		e.stream = 'e'
	default:
		return envelope{}, nil, false
	}
	t, n := timestamp(line[:i], now)
	if n == 0 {
		return envelope{}, nil, false
	}
	e.time = t
	rest = rest[len("stdout "):]
	// Tags are separated by colons; the first says whether the line is whole.
	tags := rest
	if end := bytes.IndexByte(rest, ' '); end >= 0 {
		tags, rest = rest[:end], rest[end+1:]
	} else {
		rest = nil
	}
	switch {
	case len(tags) == 0 || len(tags) > 1 && tags[1] != ':':
		return envelope{}, nil, false
	case tags[0] == 'P':
		e.partial = true
	case tags[0] != 'F':
		return envelope{}, nil, false
	}
	return e, rest, true
}

// docker reports whether the fields of a line are those of Docker's json-file
// driver, {"log":"message\n","stream":"stdout","time":"..."}, and returns its
// envelope; the message is still escaped.
func docker(f *fields, now clock) (envelope, value, bool) {
	stream, text := f[streamField], f[messageField]
	if stream.kind != textValue || text.kind != textValue || text.rank != known["log"].rank || f[levelField].kind != noValue {
		return envelope{}, value{}, false
	}
	var e envelope
	switch string(stream.raw) {
	case "stdout":
		e.stream = 'o'
	case "stderr":
		e.stream = 'e'
	default:
		return envelope{}, value{}, false
	}
	e.time, _ = f.time(now)
	// Docker cuts lines at 16 KB; only the last piece ends in a line break.
	e.partial = !bytes.HasSuffix(text.raw, []byte(`\n`))
	return e, text, true
}
