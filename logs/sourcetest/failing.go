package sourcetest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// failing checks reads whose server fails between pages. Servers that fail from
// the first request on are in asMetrics.
func (s suite) failing(t *testing.T) {
	lines := s.numbered(s.PageLines * 5 / 4)
	// requests of a read without failures, so that each of them can fail once.
	var requests atomic.Int64
	// What only gives a cursor back is no page, and may fail.
	var closing atomic.Int64
	whole := s.Server(lines)
	if _, _, err := s.read(t, s.open(t, counting(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			closing.Add(1)
		}
		whole.ServeHTTP(w, r)
	}), &requests), nil), nil); err != nil {
		t.Fatal(err)
	}
	// failOn answers as the backend does, but for the nth request.
	failOn := func(n int64, fail func(w http.ResponseWriter, good *httptest.ResponseRecorder)) http.Handler {
		good, count := s.Server(lines), new(atomic.Int64)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) != n {
				good.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			good.ServeHTTP(answer, r) // the backend did its work, and nobody heard of it
			fail(w, answer)
		})
	}
	unavailable := func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	breaksOff := func(w http.ResponseWriter, good *httptest.ResponseRecorder) {
		body := good.Body.Bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	for n := int64(1); n <= requests.Load(); n++ {
		for name, fail := range map[string]func(http.ResponseWriter, *httptest.ResponseRecorder){"fails": unavailable, "breaks off": breaksOff} {
			t.Run("request "+strconv.FormatInt(n, 10)+" "+name+" once", func(t *testing.T) {
				t.Parallel()
				got, _, err := s.read(t, s.open(t, failOn(n, fail), nil), nil)
				if err != nil {
					t.Fatal(err)
				}
				wantLines(t, got, lines)
			})
		}
	}
	t.Run("a later page fails for ever", func(t *testing.T) {
		t.Parallel()
		good, count := s.Server(lines), new(atomic.Int64)
		src := s.open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) < requests.Load()-closing.Load() {
				good.ServeHTTP(w, r)
				return
			}
			http.Error(w, "out of order", http.StatusInternalServerError)
		}), func(set *metrics.Settings) { set.Attempts = 2 })
		got, summary, err := s.read(t, src, nil)
		s.wantError(t, err, metrics.Unavailable, "out of order")
		if len(got) == 0 || len(got) >= len(lines) || summary.Lines != int64(len(got)) {
			t.Errorf("%d lines were delivered and %d told, want the first pages'", len(got), summary.Lines)
		}
	})
	t.Run("a later page is cut", func(t *testing.T) {
		t.Parallel()
		src := s.open(t, failOn(2, func(w http.ResponseWriter, good *httptest.ResponseRecorder) {
			_, _ = w.Write(good.Body.Bytes()[:good.Body.Len()/2])
		}), nil)
		_, _, err := s.read(t, src, nil)
		s.wantError(t, err, metrics.BadAnswer)
	})
	t.Run("canceled between pages", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var asked atomic.Int64
		good := s.Server(lines)
		src := s.open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 1 {
				select { // a backend that takes its time over the second page
				case <-r.Context().Done():
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
			good.ServeHTTP(w, r)
		}), nil)
		calls := 0
		_, err := src.Read(ctx, logs.Query{Expr: s.Query, Window: window()}, func(*logs.Record) error {
			if calls++; calls == 5 {
				cancel()
			}
			return nil
		})
		s.wantError(t, err, metrics.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		if calls > s.PageLines {
			t.Errorf("%d lines were delivered after the caller had given up, want no other page", calls-5)
		}
	})
}
