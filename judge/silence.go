package judge

import (
	"fmt"
	"math"
)

// shortestSilence is the least number of intervals at the end of a window
// whose silence means something; a quarter of a shorter window is one or two
// late samples.
const shortestSilence = 3

// silenced takes a PASS back if the canary has stopped reporting: it has
// nothing in the last quarter of the window, where the baseline has data in
// most intervals. What was measured before says nothing about a process that
// may no longer run, and no data is never a pass. A FAIL stands: being silent
// makes nothing better.
func silenced(f Finding, s Sample) Finding {
	n := len(s.Canary.Values)
	if f.Verdict != Pass || len(s.Baseline.Values) != n || n/4 < shortestSilence {
		return f
	}
	first := n - n/4
	baseline := 0
	for i := first; i < n; i++ {
		if s.Canary.has(i) {
			return f
		}
		if s.Baseline.has(i) {
			baseline++
		}
	}
	if 2*baseline <= n/4 {
		return f
	}
	last := first
	for last > 0 && !s.Canary.has(last-1) {
		last--
	}
	f.Classification, f.Verdict = NoData, Inconclusive
	f.Reason = fmt.Sprintf("the canary has reported nothing in the last %d intervals while the baseline went on: is it running and does it get traffic?", n-last)
	return f
}

// has reports whether interval i holds data.
func (s Side) has(i int) bool {
	return !math.IsNaN(s.Values[i]) && !math.IsInf(s.Values[i], 0) &&
		(i >= len(s.Totals) || !math.IsNaN(s.Totals[i]) && !math.IsInf(s.Totals[i], 0))
}
