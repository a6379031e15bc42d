package verdict

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
)

// missingGap is the difference of the arms' missing shares that is worth a
// warning: data that are lost in one arm only may be lost because of the
// change (docs/statistics.md).
const missingGap = 0.20

// Screen settles what stops a judge before any statistics: sides that do not
// share a grid, an impossible Alpha, a side without data. Then f is finished
// and Screen returns false. Otherwise it records what is missing, with
// warnings for infinite values and for gaps of one side only.
//
// An interval is missing on a side when its value, or its total where there
// are totals, is NaN or infinite.
func Screen(f *judge.Finding, s judge.Sample) bool {
	n := len(s.Baseline.Values)
	switch alpha := Alpha(s); {
	case !(alpha > 0 && alpha < 1):
		Refuse(f, "cannot judge: the error probability must lie between 0 and 1, got %v", alpha)
		return false
	case n == 0 && len(s.Canary.Values) > 0:
		NoData(f, "the baseline has no data, so there is nothing to compare with")
		return false
	case n > 0 && len(s.Canary.Values) == 0:
		NoData(f, "the canary has no data, while the baseline has: is it running and does it get traffic?")
		return false
	case len(s.Canary.Values) != n:
		Refuse(f, "cannot compare: the baseline has %d intervals, the canary %d; both must be on one grid", n, len(s.Canary.Values))
		return false
	case !sameGrid(s.Pair):
		Refuse(f, "cannot compare: the totals are missing on one side or are not on the grid of the values")
		return false
	}
	screenSide(f, "baseline", s.Baseline, &f.Baseline)
	screenSide(f, "canary", s.Canary, &f.Canary)
	switch b, c := f.Baseline.Missing == n, f.Canary.Missing == n; {
	case n == 0:
		NoData(f, "no data: the sample has no intervals")
	case b && c:
		NoData(f, "no data on either side in %s", Count(n, "interval", "intervals"))
	case b:
		NoData(f, "the baseline has no data in %s, so there is nothing to compare with", Count(n, "interval", "intervals"))
	case c:
		NoData(f, "the canary has no data in %s, while the baseline has: is it running and does it get traffic?", Count(n, "interval", "intervals"))
	default:
		WarnUneven(f, n)
		return true
	}
	return false
}

func screenSide(f *judge.Finding, name string, side judge.Side, to *judge.Summary) {
	plain, infinite := side.Totals == nil && side.Histograms == nil, 0
	for i, v := range side.Values {
		if plain && v-v == 0 {
			continue // neither NaN nor infinite
		}
		if !side.Has(i) {
			to.Missing++
		}
		if math.IsInf(v, 0) || side.Totals != nil && math.IsInf(side.Totals[i], 0) {
			infinite++
		}
	}
	if infinite > 0 {
		Warn(f, "%s: %s infinite and taken as missing", name, Count(infinite, "interval is", "intervals are"))
	}
}

// WarnUneven warns where the sides of n intervals miss data unevenly.
func WarnUneven(f *judge.Finding, n int) {
	b, c := float64(f.Baseline.Missing)/float64(n), float64(f.Canary.Missing)/float64(n)
	if math.Abs(b-c) > missingGap {
		Warn(f, "data are missing unevenly: %.0f%% of the baseline's intervals, %.0f%% of the canary's", 100*b, 100*c)
	}
}

// sameGrid reports whether every slice of the pair has the same length, and
// totals are given for both sides or for none.
func sameGrid(p judge.Pair) bool {
	b, c := p.Baseline, p.Canary
	if len(b.Values) != len(c.Values) || (b.Totals == nil) != (c.Totals == nil) {
		return false
	}
	return b.Totals == nil || len(b.Totals) == len(b.Values) && len(c.Totals) == len(b.Values)
}

// UsableHistory reports whether s has a history on a grid of its own; one that
// is not is left out with a warning, because the window can be judged without.
func UsableHistory(f *judge.Finding, s judge.Sample) bool {
	if s.History == nil {
		return false
	}
	if !sameGrid(*s.History) || (s.History.Baseline.Totals == nil) != (s.Baseline.Totals == nil) {
		Warn(f, "history left out: its sides are not on one grid, or have totals where the window has none")
		return false
	}
	return true
}

// Refuse finishes f as a signal that could not be judged.
func Refuse(f *judge.Finding, format string, args ...any) {
	f.Classification, f.Verdict = judge.Failed, judge.Error
	f.Reason = fmt.Sprintf(format, args...)
}

// NoData finishes f as a signal without anything to compare.
func NoData(f *judge.Finding, format string, args ...any) {
	f.Classification, f.Verdict = judge.NoData, judge.Inconclusive
	f.Reason = fmt.Sprintf(format, args...)
}

// Warn adds a doubt about the data to f.
func Warn(f *judge.Finding, format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}
