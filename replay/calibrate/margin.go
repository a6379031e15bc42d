package calibrate

import (
	"math"
	"slices"
	"sort"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// margins are the relative margins that are tried, in percent of a steadily
// coarser grid: nobody writes 7.38 %.
var margins = func() []float64 {
	var out []float64
	for m := range 100 { // 0 % to 9.9 %
		out = append(out, float64(m)/1000)
	}
	for m := 10; m < 100; m++ {
		out = append(out, float64(m)/100)
	}
	for m := 10; m <= 100; m++ { // 100 % to 1000 %
		out = append(out, float64(m)/10)
	}
	return out
}()

// noMargin is the critical margin where none of them helps.
var noMargin = len(margins)

// withMargin returns the input with another relative margin. A margin above the
// tolerance moves the tolerance with it.
func withMargin(in analysis.Input, relative float64) analysis.Input {
	s := &in.Sample.Signal
	s.Margin.Relative = relative
	s.Tolerance.Relative = max(s.Tolerance.Relative, relative)
	return in
}

// fails reports whether a signal judged alone at alpha FAILs for what its
// numbers are; silence, which no margin changes, is not that.
func (b *bench) fails(in analysis.Input, every int, alpha float64) bool {
	j, err := b.judge([]analysis.Input{in}, every, alpha)
	return err == nil && len(j.Findings) == 1 && j.Findings[0].Verdict == judge.Fail && j.Findings[0].Classification != judge.NoData
}

// critical returns the index of the smallest margin at which the signal does
// not FAIL, by bisection: a larger margin fails less.
func (b *bench) critical(in analysis.Input, every int, alpha float64) int {
	if !b.fails(withMargin(in, 0), every, alpha) {
		return 0
	}
	return 1 + sort.Search(len(margins)-1, func(i int) bool {
		return !b.fails(withMargin(in, margins[i+1]), every, alpha)
	})
}

// choose returns the index of the margin of each signal for which together at
// most allowed of n windows FAIL, beside those that no margin helps. criticals
// are the windows' critical margins, -1 where a window has no such signal. Every
// signal may fail in the same number of windows, as many as the union leaves
// room for.
func choose(criticals [][]int, n, allowed int) []int {
	sorted := make([][]int, len(criticals))
	for s, c := range criticals {
		sorted[s] = slices.DeleteFunc(slices.Clone(c), func(m int) bool { return m == noMargin })
		slices.Sort(sorted[s])
		slices.Reverse(sorted[s])
	}
	at := func(k int) []int {
		out := make([]int, len(criticals))
		for s, c := range sorted {
			if k < len(c) {
				out[s] = max(c[k], 0)
			}
		}
		return out
	}
	stay := failing(criticals, slices.Repeat([]int{noMargin - 1}, len(criticals)), n, nil)
	// More failures a signal are never fewer together.
	most := sort.Search(allowed, func(k int) bool { return failing(criticals, at(k+1), n, nil)-stay > allowed })
	return at(most)
}

// failing counts the windows of [0, n) in which a signal fails at these
// margins; of nil counts all, else those for which it is true.
func failing(criticals [][]int, at []int, n int, of func(window int) bool) int {
	count := 0
	for w := range n {
		if of != nil && !of(w) {
			continue
		}
		for s := range criticals {
			if criticals[s][w] > at[s] {
				count++
				break
			}
		}
	}
	return count
}

// allowance is how many of n windows may FAIL at a target.
func allowance(n int, target float64) int { return int(math.Floor(float64(n)*target + 1e-9)) }
