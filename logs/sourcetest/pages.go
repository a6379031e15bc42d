package sourcetest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// counting counts the requests that reach a handler.
func counting(h http.Handler, n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h.ServeHTTP(w, r)
	})
}

// pages checks reads that take several pages.
func (s suite) pages(t *testing.T) {
	whole := func(t *testing.T, lines []Line) {
		t.Helper()
		var requests atomic.Int64
		got, summary, err := s.read(t, s.open(t, counting(s.Server(lines), &requests), nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantLines(t, got, lines)
		if summary.Lines != int64(len(lines)) {
			t.Errorf("the summary tells %d lines, want %d", summary.Lines, len(lines))
		}
		if least := int64(len(lines) / s.PageLines); requests.Load() < least {
			t.Errorf("%d requests for %d lines, want at least %d: is PageLines right?", requests.Load(), len(lines), least)
		}
	}
	for name, n := range map[string]int{"exactly one": s.PageLines, "exactly two": 2 * s.PageLines, "one and a line": s.PageLines + 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole(t, s.numbered(n))
		})
	}
	t.Run("several lines of each moment", func(t *testing.T) {
		t.Parallel()
		lines := s.numbered(s.PageLines*5/2 + 1)
		for i := range lines {
			lines[i].Time = start.Add(time.Duration(i/7+1) * 10 * time.Millisecond)
		}
		whole(t, lines)
	})
	// crowded has n lines of one moment with others before and after it.
	crowded := func(before, n, after int) []Line {
		lines := s.numbered(before + n + after)
		for i := range lines {
			switch {
			case i < before:
			case i < before+n:
				lines[i].Time = start.Add(5 * time.Minute)
			default:
				lines[i].Time = start.Add(6*time.Minute + time.Duration(i)*10*time.Millisecond)
			}
			if !lines[i].Time.After(start) || lines[i].Time.After(window().End) {
				panic("sourcetest: a line outside of the window")
			}
		}
		return lines
	}
	t.Run("many lines of one moment at a seam", func(t *testing.T) {
		t.Parallel()
		whole(t, crowded(s.PageLines-7, min(s.PageLines-1, 900), 20))
	})
	t.Run("lines of one moment end with a page", func(t *testing.T) {
		t.Parallel()
		whole(t, crowded(s.PageLines-7, 7, 20))
	})
	t.Run("the last lines of a read are of one moment", func(t *testing.T) {
		t.Parallel()
		whole(t, crowded(s.PageLines-7, 9, 0))
	})
	t.Run("one moment on several pages", func(t *testing.T) {
		t.Parallel()
		lines := crowded(3, s.PageLines*2+10, 5)
		if !s.lacks(ManyAtOnce) {
			whole(t, lines)
			return
		}
		_, _, err := s.read(t, s.open(t, s.Server(lines), nil), nil)
		s.wantError(t, err, metrics.TooLarge, fmt.Sprint(s.PageLines))
	})
	t.Run("MaxLines is reached on the second page", func(t *testing.T) {
		t.Parallel()
		most := int64(s.PageLines + 5)
		got, _, err := s.read(t, s.open(t, s.Server(s.numbered(s.PageLines+10)), nil), func(q *logs.Query) { q.MaxLines = most })
		s.wantError(t, err, metrics.TooLarge, fmt.Sprint(most, " lines"))
		if int64(len(got)) > most {
			t.Errorf("%d lines were delivered, want at most %d", len(got), most)
		}
	})
}
