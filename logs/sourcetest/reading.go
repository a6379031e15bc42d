package sourcetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

// resolution is the smallest step of the backend's times.
func (s suite) resolution() time.Duration { return max(s.Resolution, 1) }

// reading checks what one read makes of what the backend holds.
func (s suite) reading(t *testing.T) {
	t.Run("fields", func(t *testing.T) {
		t.Parallel()
		lines := []Line{
			{start.Add(time.Second), logs.Error, "pod-a", trace, "payment refused: card expired"},
			{start.Add(time.Second + s.resolution()), logs.Info, "pod-b", "", "order 17 placed"},
			{start.Add(2 * time.Second), logs.Warn, "pod-a", "", "queue is 80% full"},
			{start.Add(3 * time.Second), logs.Debug, "pod-a", "", `a "quoted" text with ünïcode, a\backslash and <tags> & more`},
		}
		got, summary, err := s.read(t, s.open(t, s.Server(lines), nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantLines(t, got, lines)
		bytes := int64(0)
		for _, l := range lines {
			bytes += int64(len(l.Message))
		}
		if summary.Lines != 4 || summary.Bytes != bytes || summary.Undated != 0 || summary.Malformed != 0 || summary.Cut != 0 {
			t.Errorf("the summary is %+v, want 4 lines of %d bytes", summary, bytes)
		}
	})
	t.Run("edges of the window", func(t *testing.T) {
		t.Parallel()
		w, step := window(), s.resolution()
		var lines []Line
		for i, at := range []time.Time{w.Start.Add(-step), w.Start, w.Start.Add(step), w.End.Add(-step), w.End, w.End.Add(step)} {
			lines = append(lines, Line{Time: at, Level: logs.Info, Instance: "a", Message: fmt.Sprint("line ", i)})
		}
		got, _, err := s.read(t, s.open(t, s.Server(lines), nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantLines(t, got, lines[2:5])
	})
	t.Run("an empty window", func(t *testing.T) {
		t.Parallel()
		at := Line{Time: start, Level: logs.Info, Instance: "a", Message: "line"}
		got, summary, err := s.read(t, s.open(t, s.Server([]Line{at}), nil), func(q *logs.Query) { q.Window.End = q.Window.Start })
		if err != nil || len(got) > 0 || summary.Lines > 0 {
			t.Errorf("got %d lines and %v, want neither", len(got), err)
		}
	})
	t.Run("no window", func(t *testing.T) {
		t.Parallel()
		_, _, err := s.read(t, s.open(t, s.Server(nil), nil), func(q *logs.Query) { q.Window = metrics.Window{} })
		s.wantError(t, err, metrics.BadQuery)
	})
	t.Run("MaxLines", func(t *testing.T) {
		t.Parallel()
		lines := s.numbered(10)
		src := s.open(t, s.Server(lines), nil)
		got, _, err := s.read(t, src, func(q *logs.Query) { q.MaxLines = 10 })
		if err != nil {
			t.Errorf("as many lines as allowed: %v", err)
		}
		wantLines(t, got, lines)
		got, summary, err := s.read(t, src, func(q *logs.Query) { q.MaxLines = 9 })
		s.wantError(t, err, metrics.TooLarge, "9 lines")
		if len(got) > 9 || summary.Lines != int64(len(got)) {
			t.Errorf("%d lines were delivered, want at most 9; the summary tells %d", len(got), summary.Lines)
		}
	})
	t.Run("an error of each", func(t *testing.T) {
		t.Parallel()
		src := s.open(t, s.Server(s.numbered(10)), nil)
		full, calls := errors.New("the disk is full"), 0
		_, err := src.Read(t.Context(), logs.Query{Expr: s.Query, Window: window()}, func(*logs.Record) error {
			if calls++; calls == 3 {
				return full
			}
			return nil
		})
		if err != full { //nolint:errorlint // as it is, not wrapped
			t.Errorf("got %v, want the error as it is", err)
		}
		if calls != 3 {
			t.Errorf("called %d times, want no more after the error", calls)
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		t.Parallel()
		lines := s.numbered(50)
		src := s.open(t, s.Server(lines), nil)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, _, err := s.read(t, src, nil)
				if err != nil {
					t.Error(err)
				}
				wantLines(t, got, lines)
			})
		}
		all.Wait()
	})
}

// numbered are n different lines of two instances, one each tenth of a second.
func (s suite) numbered(n int) []Line {
	lines := make([]Line, n)
	for i := range lines {
		lines[i] = Line{
			Time: start.Add(time.Duration(i+1) * 10 * time.Millisecond), Level: logs.Info, Instance: []string{"a", "b"}[i%2],
			Message: fmt.Sprint("line ", i),
		}
	}
	return lines
}

// wantLines compares lines; those of one moment may come in any order.
func wantLines(t *testing.T, got, want []Line) {
	t.Helper()
	if !slices.IsSortedFunc(got, func(a, b Line) int { return a.Time.Compare(b.Time) }) {
		t.Error("the lines are not in the order of time")
	}
	sorted := func(lines []Line) []Line {
		return slices.SortedFunc(slices.Values(lines), func(a, b Line) int {
			if c := a.Time.Compare(b.Time); c != 0 {
				return c
			}
			return strings.Compare(a.Message, b.Message)
		})
	}
	got, want = sorted(got), sorted(want)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("line %d is\n%+v, want\n%+v", i, got[i], want[i])
			break
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

// wantError checks that err is a *metrics.Error of that reason which names source
// and query and says all of contains.
func (s suite) wantError(t *testing.T, err error, reason metrics.Reason, contains ...string) {
	t.Helper()
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok {
		t.Fatalf("got error %v, want a *metrics.Error", err)
	}
	if e.Reason != reason || e.Source != sourceName || e.Query != s.Query {
		t.Errorf("the error is %q of %q about %q, want %q of %q about %q: %v", e.Reason, e.Source, e.Query, reason, sourceName, s.Query, err)
	}
	for _, text := range contains {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q: %v", text, err)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "hunter2") {
		t.Errorf("the error tells a secret: %v", err)
	}
}
