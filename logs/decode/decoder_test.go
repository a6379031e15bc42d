package decode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// decodeAll returns the records of an input.
func decodeAll(tb testing.TB, in string, o Options) []want {
	tb.Helper()
	all, _ := decodeSummary(tb, in, o)
	return all
}

func decodeSummary(tb testing.TB, in string, o Options) ([]want, logs.Summary) {
	tb.Helper()
	if o.Now == nil {
		o.Now = written
	}
	var all []want
	s, err := New(strings.NewReader(in), o).Read(context.Background(), func(r *logs.Record) error {
		all = append(all, toWant(r))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all, s
}

func TestSameInputInAnyPieces(t *testing.T) {
	in := strings.Repeat(`{"level":"info","msg":"order placed","time":"2026-01-02T15:04:05Z"}
2026-01-02 15:04:05,678 ERROR [main] o.e.Orders: failed
	at o.e.Orders.place(Orders.java:17)
level=info msg="x y"

`, 3) + "the last line has no end"
	whole := decodeAll(t, in, Options{})
	for size := 1; size < 90; size++ {
		var got []want
		_, err := New(pieces{strings.NewReader(in), size}, Options{Now: written}).Read(context.Background(), func(r *logs.Record) error {
			got = append(got, toWant(r))
			return nil
		})
		if err != nil || !reflect.DeepEqual(got, whole) {
			t.Fatalf("in pieces of %d bytes: %v, %+v\nwant %+v", size, err, got, whole)
		}
	}
}

// pieces reads at most size bytes at a time.
type pieces struct {
	r    io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.size, len(b))]) }

func TestLineNumbers(t *testing.T) {
	r := New(strings.NewReader("one\n\n2026-01-02 15:04:05 ERROR two\njava.lang.Error: x\n\n\tat a.B.f(B.java:1)\nthree\n"+otlpLine+"\nlast"), Options{Now: written})
	var got [][2]int64
	if _, err := r.Read(context.Background(), func(*logs.Record) error {
		got = append(got, [2]int64{r.Line(), int64(r.Span())})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// A batch of OTLP is one line and two records.
	if w := [][2]int64{{1, 1}, {3, 4}, {7, 1}, {8, 1}, {8, 1}, {9, 1}}; !reflect.DeepEqual(got, w) {
		t.Errorf("lines %v, want %v", got, w)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	got, s := decodeSummary(t, "first\n"+long+"\n{\"msg\":\""+long+"\",\"level\":\"error\"}\n{\"level\":\"error\",\"pad\":\""+strings.Repeat("y", maxText)+"\",\"msg\":\"short\"}\nlast\n", Options{})
	if len(got) != 5 || s.Cut != 2 {
		t.Fatalf("%d records, %d cut; want 5, 2", len(got), s.Cut)
	}
	if len(got[1].message) != maxText || len(got[2].message) != maxText {
		t.Errorf("messages of %d and %d bytes, want %d", len(got[1].message), len(got[2].message), maxText)
	}
	if got[3].message != "short" || got[3].level != logs.Error || got[4].message != "last" {
		t.Errorf("after the long lines: %+v", got[3:])
	}
	// 1 GB without a line break is not held: the buffer ends at twice a line.
	r := New(io.LimitReader(endless{}, 1<<30), Options{})
	if _, err := r.Read(context.Background(), func(*logs.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := len(r.lines.buf); n > 4*maxLine {
		t.Errorf("the buffer has %d bytes, want at most %d", n, 4*maxLine)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestWindow(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 15, 4, s, 0, time.UTC) }
	got, s := decodeSummary(t, `no time yet
2026-01-02 15:04:05 at the start
2026-01-02 15:04:06 inside
	with this line
undated inside
2026-01-02 15:04:10 at the end
2026-01-02 15:04:11 behind
undated behind
`, Options{Window: metrics.Window{Start: at(5), End: at(10)}})
	if w := []string{"inside\n\twith this line", "undated inside", "at the end"}; !reflect.DeepEqual(messages(got), w) {
		t.Errorf("got %q, want %q", messages(got), w)
	}
	if s.Lines != 3 || s.Undated != 1 || len(s.Warnings) != 1 {
		t.Errorf("summary %+v, want 3 lines, 1 undated, 1 warning", s)
	}
}

func TestLinesWithoutTextAreSkipped(t *testing.T) {
	if got, s := decodeSummary(t, "a\n\n \t\n\r\n\x1b[0m\n\x1b[1mb\x1b[0m\n", Options{}); s.Lines != 2 || got[1].message != "b" {
		t.Errorf("got %+v, %+v", got, s)
	}
}

func TestLabels(t *testing.T) {
	var got []want
	d := NewDecoder(Options{Instance: "default", Now: written}, func(r *logs.Record) error { got = append(got, toWant(r)); return nil })
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	one := logs.Record{Time: at, Level: logs.Warn, Instance: []byte("pod-1"), Trace: []byte(tid), Logger: []byte("L.java:9")}
	two := logs.Record{Time: at, Instance: []byte("pod-2")}
	for _, l := range []struct {
		line   string
		labels *logs.Record
	}{
		{"2026-01-02 17:00:00 ERROR a.B: the line's level, the backend's time", &one},
		{"\tat a.B.f(B.java:1)", &one},
		{"\tat a.B.g(B.java:1)", &two},
		{`{"msg":"no level","hostname":"h"}`, &one},
		{"nothing", nil},
	} {
		if err := d.Line([]byte(l.line), l.labels); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	w := []want{
		{time: at1, level: logs.Error, logger: "a.B", instance: "pod-1", trace: tid, message: "the line's level, the backend's time\n\tat a.B.f(B.java:1)"},
		{time: at1, instance: "pod-2", message: "at a.B.g(B.java:1)"},
		{time: at1, level: logs.Warn, logger: "L.java", site: 9, instance: "h", trace: tid, message: "no level"},
		{time: at1, instance: "default", message: "nothing"},
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("got %+v\nwant %+v", got, w)
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		in        string
		format    Format
		malformed int64
	}{
		{"plain\n{braces}\nplain", Auto, 0},
		{`{"msg":"a"}` + "\nplain\ntext", Auto, 0}, // too few to say
		{strings.Repeat(`{"msg":"a"}`+"\n", minVotes) + "plain\n" + `{"msg":"cut`, Auto, 2},
		{strings.Repeat("a=b level=info\n", minVotes) + "plain\n" + `{"msg":"a"}`, Auto, 1},
		{`{"msg":"a"}` + "\n\tat a.B.f(B.java:1)", Auto, 0},
		{"plain", JSON, 1},
		{`{"msg":"a"}`, Plain, 0},
		{"a=b", Logfmt, 0},
		{"text", Logfmt, 1},
		{`{"msg":"a"}`, Logfmt, 1},
	} {
		got, s := decodeSummary(t, c.in, Options{Format: c.format})
		if s.Malformed != c.malformed {
			t.Errorf("%q as %s: %d malformed, want %d (%+v)", c.in, c.format, s.Malformed, c.malformed, got)
		}
		if c.format == Plain && got[0].message != c.in {
			t.Errorf("%q as plain text became %q", c.in, got[0].message)
		}
	}
}

func TestErrorsEndARead(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	s, err := New(strings.NewReader("a\nb\nc\n"), Options{}).Read(context.Background(), func(*logs.Record) error {
		if calls++; calls == 2 {
			return broken
		}
		return nil
	})
	if err != broken || calls != 2 || s.Lines != 1 { //nolint:errorlint // returned as it is
		t.Errorf("%v after %d calls, %d lines", err, calls, s.Lines)
	}
	_, err = New(io.MultiReader(strings.NewReader("a\nhalf a line"), iotest.ErrReader(broken)), Options{}).Read(context.Background(), func(r *logs.Record) error {
		if string(r.Message) != "a" {
			t.Errorf("%q was delivered from a stream that broke in it", r.Message)
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the stream's error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New(strings.NewReader("a\n"), Options{}).Read(ctx, func(*logs.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := New(emptyReader{}, Options{}).Read(context.Background(), func(*logs.Record) error { return nil }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want %v", err, io.ErrNoProgress)
	}
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestNoAllocations(t *testing.T) {
	for name, line := range map[string]func(int) string{"JSON": jsonLine, "logfmt": logfmtLine, "plain": plainLine} {
		d := NewDecoder(Options{}, func(*logs.Record) error { return nil })
		lines := bytes.Split(benchLines(100, line), []byte{'\n'})
		n := testing.AllocsPerRun(20, func() {
			for _, l := range lines {
				if err := d.Line(l, nil); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for %d lines, want 0", name, n, len(lines))
		}
	}
}

func TestLevel(t *testing.T) {
	for word, w := range map[string]logs.Level{
		"WARNING": logs.Warn, "Err": logs.Error, "trace": logs.Debug, "INFO+2": logs.Info, "ERROR-1": logs.Error, "dpanic": logs.Critical,
		"notice": logs.Info, "EMERG": logs.Critical, "I": logs.Info, "30": logs.Info, "60": logs.Critical, "10": logs.Debug, "0": logs.Critical,
		"3": logs.Error, "6": logs.Info, "7": logs.Debug, "8": logs.NoLevel, "200": logs.NoLevel, "": logs.NoLevel, "high": logs.NoLevel,
		"informational": logs.Info, "informationals": logs.NoLevel, "in fo": logs.NoLevel,
	} {
		if got := Level([]byte(word)); got != w {
			t.Errorf("%q is %v, want %v", word, got, w)
		}
	}
	for n, w := range map[int]logs.Level{0: logs.NoLevel, 1: logs.Debug, 8: logs.Debug, 9: logs.Info, 13: logs.Warn, 17: logs.Error, 20: logs.Error, 21: logs.Critical, 24: logs.Critical, 25: logs.NoLevel} {
		if got := SeverityNumber(n); got != w {
			t.Errorf("severity %d is %v, want %v", n, got, w)
		}
	}
}
