package providertest

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

const (
	hugeAnswer = 1 << 30
	// maxGrowth bounds what reading a huge answer may allocate, over all: the
	// default limit is 64 MiB, and a growing buffer is copied a few times.
	maxGrowth = 200 << 20
)

func (s suite) limits(t *testing.T) {
	// These two look at the memory of the whole process, so nothing runs
	// beside them.
	t.Run("an answer of 1 GiB", func(t *testing.T) {
		s.huge(t, func(w http.ResponseWriter) io.WriteCloser { return nopCloser{w} })
	})
	t.Run("1 GiB compressed", func(t *testing.T) {
		s.huge(t, func(w http.ResponseWriter) io.WriteCloser {
			w.Header().Set("Content-Encoding", "gzip")
			out, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level exists
			return out
		})
	})
	t.Run("small limit", func(t *testing.T) {
		t.Parallel()
		body := s.Wire.Answer(Answer{Grid: grid(), Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: points(counting())}}})
		at := func(limit int) (metrics.Result, error) {
			return s.ask(t, s.open(t, newBackend(t, write(http.StatusOK, body)), func(set *metrics.Settings) { set.MaxResponseBytes = int64(limit) }))
		}
		if _, err := at(len(body)); err != nil {
			t.Errorf("an answer as long as the limit: %v", err)
		}
		_, err := at(len(body) - 1)
		s.wantError(t, err, metrics.TooLarge, "max_response_bytes")
	})
	t.Run("a slow server", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s.slow(t, b, "did not answer within 100ms")
	})
	t.Run("a slow answer", func(t *testing.T) {
		t.Parallel()
		head, piece := s.Wire.Endless()
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(head)
			for r.Context().Err() == nil {
				_, _ = w.Write(piece)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		})
		s.slow(t, b, "had sent only")
	})
	t.Run("concurrency", func(t *testing.T) {
		t.Parallel()
		const most = 3
		var now, peak atomic.Int64
		good := s.Wire.Answer(Answer{Grid: grid()})
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			peak.Store(max(peak.Load(), now.Add(1)))
			time.Sleep(20 * time.Millisecond)
			now.Add(-1)
			write(http.StatusOK, good)(w, r)
		})
		src := s.open(t, b, func(set *metrics.Settings) { set.Concurrency = most })
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := s.ask(t, src); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := peak.Load(); n > most {
			t.Errorf("%d requests at the same time, want at most %d", n, most)
		}
	})
	t.Run("waiting for a place ends with the context", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{}, 1)
		b := newBackend(t, func(_ http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-r.Context().Done()
		})
		src := s.open(t, b, func(set *metrics.Settings) { set.Concurrency = 1 })
		first, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = src.Query(first, metrics.Query{Expr: s.Query, Grid: grid()}) })
		<-arrived
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := src.Query(ctx, metrics.Query{Expr: s.Query, Grid: grid()})
		s.wantError(t, err, metrics.Unavailable, "waited for a free place, the source's concurrency is 1")
		stop()
		all.Wait()
	})
}

func (s suite) slow(t *testing.T, b *backend, text string) {
	t.Helper()
	src := s.open(t, b, func(set *metrics.Settings) { set.Timeout, set.Attempts = 100*time.Millisecond, 2 })
	began := time.Now()
	_, err := s.ask(t, src)
	s.wantError(t, err, metrics.Unavailable, text, "tried 2 times")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("gave up after %s", took)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// huge answers without end and looks at what the driver allocates.
func (s suite) huge(t *testing.T, encode func(http.ResponseWriter) io.WriteCloser) {
	t.Helper()
	head, piece := s.Wire.Endless()
	chunk := make([]byte, 0, 64<<10)
	for len(chunk)+len(piece) <= cap(chunk) {
		chunk = append(chunk, piece...)
	}
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		out := encode(w)
		defer out.Close()
		_, err := out.Write(head)
		for n := 0; n < hugeAnswer && err == nil; n += len(chunk) {
			_, err = out.Write(chunk)
		}
	})
	src := s.open(t, b, func(set *metrics.Settings) { set.Timeout = time.Minute }) // the race detector is slow

	runtime.GC()
	var before, during, after runtime.MemStats
	runtime.ReadMemStats(&before)
	peak, done := before.HeapAlloc, make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				runtime.ReadMemStats(&during)
				peak = max(peak, during.HeapAlloc)
			}
		}
	})
	_, err := s.ask(t, src)
	close(done)
	watch.Wait()
	runtime.ReadMemStats(&after)

	s.wantError(t, err, metrics.TooLarge, "answered with more than", "max_response_bytes")
	tries := max(1, s.Wire.LargeTries)
	if n := b.requests.Load(); n != tries {
		t.Errorf("%d requests, want %d: what is too large once is so again", n, tries)
	}
	heap, total := int64(peak)-int64(before.HeapAlloc), int64(after.TotalAlloc-before.TotalAlloc)
	t.Logf("heap grew by at most %d MiB, %d MiB were allocated in all", heap>>20, total>>20)
	if heap > maxGrowth || total > tries*maxGrowth {
		t.Errorf("heap grew by %d MiB, %d MiB were allocated in all, want at most %d and %d", heap>>20, total>>20, maxGrowth>>20, tries*maxGrowth>>20)
	}
}
