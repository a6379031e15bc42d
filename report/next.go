package report

import (
	"fmt"
	"math"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// next says what would turn r into a decision, a sentence each; nothing if it
// is one that nobody need look into.
func next(r *analysis.Result) []string {
	switch r.Verdict {
	case judge.Inconclusive:
		return nextInconclusive(r)
	case judge.Fail:
		return nextChanges(r, judge.Fail)
	case judge.Error:
		return nextError(r)
	default:
		return nil
	}
}

// nextChanges says what to do about changes that keep a release from passing:
// people read them, and what is intended they pin.
func nextChanges(r *analysis.Result, v judge.Verdict) []string {
	decides, _ := deciders(r.Findings)
	for _, f := range r.Findings {
		if decides(f) && f.Verdict == v && len(f.Changes) > 0 && f.Changes[0].Severity >= judge.Warn {
			return []string{fmt.Sprintf("read the lines under Changes in %s. What is intended or known you can pin: pins: [{template: %s, as: ignored}] in the config, --pin %s=ignored for judged logs diff.",
				nameOf(f.Signal), lineOf(f.Changes[0].ID, maxName), lineOf(f.Changes[0].ID, maxName))}
		}
	}
	return nil
}

func nextError(r *analysis.Result) []string {
	if len(r.Findings) == 0 {
		return []string{"nothing was compared, so nothing is known: mend what the reason names, then judge again."}
	}
	decides, _ := deciders(r.Findings)
	var broken []string
	for _, f := range r.Findings {
		if decides(f) && f.Verdict == judge.Error {
			broken = append(broken, nameOf(f.Signal))
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("nothing is known about %s: mend what the reason names, then judge again.", listed(broken))}
}

func nextInconclusive(r *analysis.Result) []string {
	decides, _ := deciders(r.Findings)
	var waiting, silent, open, few []string
	var longest wait
	for _, f := range r.Findings {
		if !decides(f) || f.Verdict != judge.Inconclusive {
			continue
		}
		w := needed(r, f)
		switch {
		case f.Classification == judge.NoData:
			silent = append(silent, nameOf(f.Signal))
		case isLog(f) && (len(f.Changes) == 0 || f.Changes[0].Severity < judge.Warn):
			few = append(few, nameOf(f.Signal))
		case isLog(f):
			// nextChanges
		case w.intervals > 0:
			waiting = append(waiting, nameOf(f.Signal))
			if w.longer(longest) {
				longest = w
			}
		default:
			open = append(open, nameOf(f.Signal))
		}
	}
	var out []string
	if len(waiting) > 0 {
		out = append(out, fmt.Sprintf("about %s would probably decide %s.", longest, listed(waiting)))
	}
	if len(silent) > 0 {
		out = append(out, fmt.Sprintf("without data nothing passes: check that both sides of %s run, get traffic and report it.", listed(silent)))
	}
	if len(few) > 0 {
		out = append(out, fmt.Sprintf("more requests would decide %s: let the canary live longer or give it more traffic, or widen the tolerance.", listed(few)))
	}
	out = append(out, nextChanges(r, judge.Inconclusive)...)
	if len(open) > 0 {
		out = append(out, fmt.Sprintf("more time may not decide %s: look at the numbers yourself, or widen the tolerance.", listed(open)))
	}
	return out
}

// wait is how much more data would probably decide.
type wait struct {
	intervals float64
	step      time.Duration
}

// needed returns what f lacks. Finding.Needed counts intervals of the grid,
// with those where data were missing.
func needed(r *analysis.Result, f judge.Finding) wait {
	w := wait{step: r.Interval}
	have := metrics.NewGrid(r.Window, r.Interval).N
	if s, ok := r.Samples[f.Signal.Name]; ok {
		have = max(s.Baseline.Len(), s.Canary.Len())
		if s.Step > 0 {
			w.step = s.Step
		}
	} else if have == 0 {
		have = max(f.Baseline.Count+f.Baseline.Missing, f.Canary.Count+f.Canary.Missing)
	}
	w.intervals = float64(max(f.Needed-have, 0))
	return w
}

func (w wait) seconds() float64 { return w.intervals * w.step.Seconds() }

func (w wait) longer(than wait) bool {
	return w.seconds() > than.seconds() || w.seconds() == than.seconds() && w.intervals > than.intervals
}

// String renders the wait as a person says it: "14 more minutes".
func (w wait) String() string {
	s := w.seconds()
	more := func(x float64, unit string) string {
		n := judge.FormatNumber(math.Ceil(x))
		if n == "1" {
			return "1 more " + unit
		}
		return n + " more " + unit + "s"
	}
	switch {
	case s <= 0:
		return more(w.intervals, "interval")
	case s < 100:
		return more(s, "second")
	case s < 100*60:
		return more(s/60, "minute")
	case s < 48*3600:
		return more(s/3600, "hour")
	default:
		return more(s/86400, "day")
	}
}
