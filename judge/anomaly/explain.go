package anomaly

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// explain writes the reason of f, which has its verdict: what was found, against
// what, and that it is weaker than a concurrent baseline.
func (t trial) explain(f *judge.Finding) {
	unit := f.Signal.DisplayUnit()
	var b strings.Builder
	switch {
	case t.exact && t.Value == 0:
		fmt.Fprintf(&b, "all %d intervals have the value of the whole history", t.N)
	case f.Verdict == judge.Inconclusive && f.Needed > 0:
		fmt.Fprintf(&b, "too early to tell; about %s would decide", verdict.MoreIntervals(f.Needed, t.sample))
	case f.Verdict == judge.Inconclusive:
		b.WriteString("cannot tell; waiting longer is unlikely to decide")
	case f.Verdict == judge.Fail && f.Signal.Margin == judge.Margin{}:
		b.WriteString("worse than its own history lets expect, by more than chance explains")
	case f.Verdict == judge.Fail:
		fmt.Fprintf(&b, "worse than its own history lets expect by more than the margin of %s", f.Signal.Margin.Format(unit))
	case f.Classification == judge.High || f.Classification == judge.Low:
		b.WriteString("better than its own history lets expect")
	default:
		fmt.Fprintf(&b, "within the tolerance of %s of what its own history lets expect", verdict.Tolerance(f.Signal).Format(unit))
	}
	notes := []string{t.account()}
	if f.Verdict == judge.Fail {
		if note := t.changed(f); note != "" {
			notes = append(notes, note)
		}
	}
	notes = append(notes, "weaker evidence than a concurrent baseline")
	f.Reason = b.String() + " (" + strings.Join(notes, "; ") + ")"
}

// account says what the expectation rests on.
func (t trial) account() string {
	var text string
	switch {
	case t.Season > 0:
		text = fmt.Sprintf("%d seasons of %s", t.Seasons, t.length(t.Season))
	default:
		text = t.length(len(t.history)) + " of history"
	}
	if t.Trend {
		text += " with a trend"
	}
	if t.Windows > 0 {
		text += fmt.Sprintf(", %d windows of it forecast", t.Windows)
	}
	return text
}

func (t trial) length(n int) string {
	if t.sample.Step > 0 && n < int(math.MaxInt64/t.sample.Step) {
		return judge.FormatWait(time.Duration(n) * t.sample.Step)
	}
	return verdict.Count(n, "interval", "intervals")
}

// mostForChange bounds how much of the end of the history is searched for the
// change.
const mostForChange = 400

// changed says when the level changed, and warns if that was before the window.
func (t trial) changed(f *judge.Finding) string {
	past := t.history[max(0, len(t.history)-min(max(2*len(t.window), 2*defaultChangeWindow), mostForChange)):]
	series := append(append(make([]float64, 0, len(past)+len(t.window)), past...), t.window...)
	best, found := Change{}, false
	for _, c := range ChangePoints(series, ChangeOptions{}) {
		// The one that the effect is made of: the largest in its direction.
		size := c.After - c.Before
		if size*t.Value > 0 && (!found || math.Abs(size) > math.Abs(best.After-best.Before)) {
			best, found = c, true
		}
	}
	switch at := best.Index - len(past); {
	case !found:
		return ""
	case at < -nearStart:
		verdict.Warn(f, "the level changed about %s before the window began: the release may not be the cause", t.length(-at))
		return ""
	case at <= nearStart:
		return "since the window began"
	default:
		return fmt.Sprintf("since %s before the end", t.length(len(t.window)-at))
	}
}

// nearStart is how many intervals around the window's start count as its start:
// a change point is found to within about as many.
const nearStart = 2
