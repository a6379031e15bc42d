package sourcetest

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

const (
	longLine = 64 << 10
	// pageBytes is the limit of one answer in the test of memory.
	pageBytes = 4 << 20
	// maxHeap bounds what a read of many pages may hold: a page as it came, its
	// pieces before they were joined, and decoded in two steps; the imitated server
	// holds as much for the next page.
	maxHeap = 6 * pageBytes
)

// memory reads more than it may hold at once. It looks at the heap of the whole
// process, so nothing runs beside it.
func (s suite) memory(t *testing.T) {
	const n = 640 // 40 MiB
	text := strings.Repeat("long ", longLine/5)
	lines := make([]Line, n)
	for i := range lines {
		lines[i] = Line{Time: start.Add(time.Duration(i+1) * 10 * time.Millisecond), Level: logs.Info, Instance: "a", Message: text}
	}
	src := s.open(t, s.Server(lines), func(set *metrics.Settings) { set.MaxResponseBytes = pageBytes })
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before, peak, got := stats.HeapAlloc, uint64(0), 0
	_, err := src.Read(t.Context(), logs.Query{Expr: s.Query, Window: window()}, func(*logs.Record) error {
		if got++; got%40 == 0 {
			runtime.GC() // twice, to empty pools too: what is held counts, not what was
			runtime.GC()
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
		}
		return nil
	})
	if s.lacks(SmallerPages) && err != nil {
		s.wantError(t, err, metrics.TooLarge, "max_response_bytes")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got != n {
		t.Errorf("got %d lines, want %d", got, n)
	}
	grown := int64(peak) - int64(before)
	t.Logf("the heap grew by at most %d MiB", grown>>20)
	if grown > maxHeap {
		t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, maxHeap>>20)
	}
}
