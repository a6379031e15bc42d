package decode

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/judged-dev/judged/logs"
)

var seeds = []string{
	"", "\n", "{", "{\"msg\":\"", `{"a":{"b":[{"c":"\u12`, "\x00\xff\xfe", "\xef\xbb\xbf{}", "\x1b[", "\x1b]0;x",
	jsonLine(7), logfmtLine(7), plainLine(7), otlpLine,
	"2026-01-02T15:04:05.123456789Z stdout P half\n2026-01-02T15:04:05.123456789Z stdout F line\n",
	`{"log":"a","stream":"stdout","time":"2026-01-02T15:04:05Z"}` + "\n" + `{"log":"b\n","stream":"stdout","time":"x"}`,
	"ERROR x\njava.lang.Error: y\n\tat a.B.f(B.java:1)\n\t... 3 more\nCaused by: z\n",
	"Traceback (most recent call last):\n  File \"a\", line 1, in f\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n",
	"panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1\n",
	"<34>1 2026-01-02T15:04:05.003Z h p 1 2 [a b=\"\\]\"] m", "Jan  2 15:04:05 h p[1]: m", "I0102 15:04:05.067890 1 a.go:1] m",
	"[Sun Dec 04 04:47:44 2005] [notice] x", `1.2.3.4 - - [02/Jan/2026:15:04:05 +0100] "GET /" 200`, "I, [2026-01-02T15:04:05.1 #1]  INFO -- : m",
	"2026-02-30 25:61:61 INFO", "1767366245 x", "a=b level=info msg=\"\\", "info: A.B[1]\n      text", "trace_id=\"", "Mon, 02 Jan 2006 15:04:05 GMT x",
}

// FuzzReader checks what holds for any input: it is the same in pieces, bounded,
// clean, and every line is in at most one record.
func FuzzReader(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), uint8(Auto), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, format, piece uint8) {
		o := Options{Format: Format(format) % formats, Now: written}
		type seen struct {
			want
			line int64
			span int
		}
		read := func(r io.Reader) ([]seen, logs.Summary) {
			var all []seen
			d := New(r, o)
			s, err := d.Read(context.Background(), func(rec *logs.Record) error {
				check(t, rec)
				all = append(all, seen{toWant(rec), d.Line(), d.Span()})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return all, s
		}
		whole, summary := read(bytes.NewReader(in))
		cut, _ := read(pieces{bytes.NewReader(in), int(piece) + 1})
		last, _ := read(iotest.DataErrReader(bytes.NewReader(in)))
		if len(whole) != len(cut) || len(whole) != len(last) || summary.Lines != int64(len(whole)) {
			t.Fatalf("%d records, %d in pieces, %d with the end told early, %d in the summary", len(whole), len(cut), len(last), summary.Lines)
		}
		lines := int64(bytes.Count(in, []byte{'\n'}))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			lines++
		}
		for i, r := range whole {
			if r != cut[i] || r != last[i] {
				t.Fatalf("record %d is %+v, %+v in pieces, %+v with the end told early", i, r, cut[i], last[i])
			}
			if r.line < 1 || r.span < 1 || r.line+int64(r.span)-1 > lines {
				t.Fatalf("record %d is on %d lines from %d, of %d", i, r.span, r.line, lines)
			}
		}
		if summary.Malformed > lines || summary.Cut > 2*lines+1 || summary.Undated > summary.Lines {
			t.Fatalf("%+v of %d lines", summary, lines)
		}
	})
}

// FuzzText does the same for a single line that is JSON more often.
func FuzzText(f *testing.F) {
	for _, s := range seeds {
		f.Add("message", s, s)
	}
	f.Fuzz(func(t *testing.T, key, value, message string) {
		line := append(appendQuoted([]byte{'{'}, key), ':')
		line = append(appendQuoted(line, value), `,"deep":[{"a":"]}"}],"msg":`...)
		line = append(appendQuoted(line, message), '}')
		var fs fields
		if !scanObject(line, &fs, nil) {
			t.Fatalf("%q is an object", line)
		}
		// What is written as a string is read back, but for control characters.
		if v := fs[messageField]; fieldUse([]byte(key)).role == unknown {
			got := string(appendUnescaped(nil, v.raw))
			var w []byte
			for _, c := range []byte(message) {
				if c < 0x20 && c != '\n' && c != '\t' {
					c = ' '
				}
				w = append(w, c)
			}
			if got != string(w) {
				t.Fatalf("%q became %q", message, got)
			}
		}
	})
}

// FuzzTimestamp compares what it shares with the standard library.
func FuzzTimestamp(f *testing.F) {
	for _, s := range append(seeds, "2026-01-02T15:04:05Z", "2024-02-29T23:59:60+14:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999-12:00") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, n := timestamp([]byte(s), written)
		if n < 0 || n > len(s) || n == 0 && !got.IsZero() {
			t.Fatalf("%q: %v, %d bytes", s, got, n)
		}
		// time.RFC3339 takes days and fractions that are none of ours, such as a
		// comma; where both read all of it they agree.
		w, err := time.Parse(time.RFC3339, s)
		if err != nil || n != len(s) {
			return
		}
		if !got.Equal(w) {
			t.Fatalf("%q is %v, want %v", s, got, w)
		}
	})
}

func FuzzOTLP(f *testing.F) {
	f.Add([]byte("\n\x02\x12\x00"))
	f.Add([]byte{0x0a, 0x10, 0x12, 0x0e, 0x12, 0x0c, 0x2a, 0x0a, 0x0a, 0x08, '{', '"', 'm', 's', 'g', '"', ':', '1'})
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoder(Options{Now: written}, func(r *logs.Record) error {
			check(t, r)
			return nil
		})
		if d.OTLP(in) == nil && d.Flush() != nil {
			t.Fatal("flush failed")
		}
	})
}

// check fails if a record has what no record may have.
func check(t *testing.T, r *logs.Record) {
	t.Helper()
	if len(r.Message) > maxRecord || bytes.Count(r.Message, []byte{'\n'}) >= maxRecordLines {
		t.Fatalf("a message of %d bytes and %d lines", len(r.Message), bytes.Count(r.Message, []byte{'\n'})+1)
	}
	for _, b := range [][]byte{r.Message, r.Logger, r.Instance, r.Trace} {
		if !utf8.Valid(b) {
			t.Fatalf("%q is not UTF-8", b)
		}
		for _, c := range b {
			if c < 0x20 && c != '\t' && c != '\n' || c == 0x7f {
				t.Fatalf("%q has a control character", b)
			}
		}
	}
	for _, b := range [][]byte{r.Logger, r.Instance, r.Trace} {
		if len(b) > maxName {
			t.Fatalf("a name of %d bytes", len(b))
		}
	}
}
