package verdict

import (
	"math"
	"strconv"
	"time"

	"github.com/judged-dev/judged/judge"
)

// Account is what a reason tells beside the effect and its interval.
type Account struct {
	// Tolerated replaces the words for how a PASS is within its tolerance,
	// where that is not the interval of the effect.
	Tolerated string
	// Note ends the sentence: what else the reader must know.
	Note string
}

// Explain writes the reason of f, which has its verdict: what the effect and
// its interval mean against the signal's margins, and how long to wait if they
// decide nothing. The numbers themselves are in the finding, and whoever
// shows the reason shows them beside it.
func Explain(f *judge.Finding, s judge.Sample, a Account) {
	var text string
	unit := f.Signal.DisplayUnit()
	switch {
	case f.Verdict == judge.Inconclusive && f.Needed > 0:
		text = "too early to tell; about " + MoreIntervals(f.Needed, s) + " would decide"
	case f.Verdict == judge.Inconclusive:
		text = "cannot tell; waiting longer is unlikely to decide"
	case f.Verdict == judge.Fail && f.Signal.Margin == judge.Margin{}:
		text = "worse by more than chance explains"
	case f.Verdict == judge.Fail:
		text = "worse by more than the margin of " + f.Signal.Margin.Format(unit)
	case f.Classification == judge.High || f.Classification == judge.Low:
		text = "better than the baseline"
	case a.Tolerated != "":
		text = a.Tolerated
	default:
		text = "within the tolerance of " + Tolerance(f.Signal).Format(unit)
	}
	if a.Note != "" {
		text += " (" + a.Note + ")"
	}
	f.Reason = text
}

// MoreIntervals says how much longer to wait until s has the needed
// intervals: "35 more intervals (35 min)".
func MoreIntervals(needed int, s judge.Sample) string {
	more := max(needed-len(s.Baseline.Values), 1)
	text := Count(more, "more interval", "more intervals")
	// A need can outlast a time.Duration.
	if s.Step <= 0 || more > int(math.MaxInt64/s.Step) {
		return text
	}
	return text + " (" + judge.FormatWait(time.Duration(more)*s.Step) + ")"
}

// Count writes a number of things: "1 interval", "12 intervals".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
