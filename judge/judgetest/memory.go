package judgetest

import (
	"runtime"
	"testing"

	"github.com/judged-dev/judged/judge"
)

const (
	// memoryIntervals is a day of minutes.
	memoryIntervals = 1440
	// memoryFactor is how many times the bytes of its sample a judgment may
	// allocate: a dozen arrays of one side's length, and what the finding's texts
	// need.
	memoryFactor, memoryBase = 8, 1 << 16
)

// testMemory checks that a judgment allocates in proportion to its sample, and
// that a repeated one does not allocate more than the first ones did.
func testMemory(t testing.TB, j judge.Judge, w World) {
	w.Intervals, w.History = memoryIntervals, min(w.History, memoryIntervals)
	s := w.Draw(w.source(0), 1.1)
	s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
	j.Judge(s) // what is made once, such as tables and pools
	bytes, allocs := allocated(j, s)
	size := 8 * float64(len(bits(s)))
	t.Logf("%.0f bytes in %.1f allocations for a sample of %.0f bytes", bytes, allocs, size)
	if most := memoryFactor*size + memoryBase; bytes > most {
		t.Errorf("%.0f bytes a judgment, want at most %.0f", bytes, most)
	}
	// What other goroutines of a test do and a pool that the garbage collector
	// empties are counted too.
	later, laterAllocs := allocated(j, s)
	if later > 1.5*bytes+memoryBase || laterAllocs > 1.5*allocs+10 {
		t.Errorf("memory grows from call to call: from %.0f to %.0f bytes and from %.1f to %.1f allocations", bytes, later, allocs, laterAllocs)
	}
}

// allocated returns what one judgment of s allocates on average.
func allocated(j judge.Judge, s judge.Sample) (bytes, allocs float64) {
	const calls = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		j.Judge(s)
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / calls, float64(after.Mallocs-before.Mallocs) / calls
}
