package judge

import "fmt"

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
	if f.Verdict != Pass || !onOneGrid(s.Pair) || n/4 < shortestSilence {
		return f
	}
	first := n - n/4
	baseline := 0
	for i := first; i < n; i++ {
		if s.Canary.Has(i) {
			return f
		}
		if s.Baseline.Has(i) {
			baseline++
		}
	}
	if 2*baseline <= n/4 {
		return f
	}
	last := first
	for last > 0 && !s.Canary.Has(last-1) {
		last--
	}
	f.Classification, f.Verdict = NoData, Inconclusive
	f.Reason = fmt.Sprintf("the canary has reported nothing in the last %d intervals while the baseline went on: is it running and does it get traffic?", n-last)
	return f
}

// onOneGrid reports whether every slice of the pair that is there has the same
// length.
func onOneGrid(p Pair) bool {
	n := len(p.Baseline.Values)
	for _, other := range [][]float64{p.Canary.Values, p.Baseline.Totals, p.Canary.Totals} {
		if other != nil && len(other) != n {
			return false
		}
	}
	return len(p.Canary.Values) == n
}
