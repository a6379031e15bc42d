package distribution

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
	"github.com/judged-dev/judged/judge/paired"
)

const (
	// enough points are what package paired judges.
	enough = 10
	// widest is how many intervals a point may take in a window that holds
	// fewer than enough of them. Waiting for more is then worth while; for wider
	// ones an hour of minutes would not be.
	widest = 6
)

// comparison judges the statistics of one window.
type comparison struct {
	sample judge.Sample
	// observed has the intervals of the sample, with single numbers as values.
	observed judge.Sample
	usable   int
	alpha    float64
}

// points derives the gauges of w, and returns the statistics for which it holds
// or soon will hold enough; f is warned of the others.
func (c comparison) points(f *judge.Finding, statistics []*statistic, w *window) []*statistic {
	typical := 0.0
	for i, b := range w.baseline {
		if w.has(i) {
			typical += min(b, w.canary[i]) / float64(w.usable)
		}
	}
	var judged []*statistic
	for i, pair := range w.derive(statistics) {
		s := statistics[i]
		s.points = pair
		n := len(pair.Baseline.Values)
		s.width = max(s.need/typical, 1)
		if n > 0 {
			s.width = float64(w.usable) / float64(n)
		}
		if n < enough && s.width > widest {
			verdict.Warn(f, "%s is not judged: it needs %s observations in each arm at a time, and an interval holds %s; %s would do",
				s.name, judge.FormatNumber(s.need), judge.FormatNumber(typical), verdict.MoreIntervals(c.onGrid(enough*s.width), c.observed))
			continue
		}
		judged = append(judged, s)
	}
	return judged
}

// onGrid turns a number of usable intervals into one of all intervals, if as
// many go missing as until now.
func (c comparison) onGrid(n float64) int {
	const most = 1 << 40
	return int(math.Ceil(min(n*float64(len(c.observed.Baseline.Values))/float64(c.usable), most)))
}

// judge judges the statistics, whose chance to fail a healthy canary is
// together at most alpha by Holm's step-down procedure (Holm, Scand. J.
// Statist. 6 (1979) 65), as package judge does it for signals. The one that
// decides becomes f.
func (c comparison) judge(f *judge.Finding, statistics []*statistic) {
	for open := statistics; len(open) > 0; {
		var still []*statistic
		for _, s := range open {
			c.find(s, c.alpha/float64(len(open)))
			if s.finding.Verdict != judge.Fail {
				still = append(still, s)
			}
		}
		if len(still) == len(open) {
			break // nothing failed: these intervals stand
		}
		open = still
	}
	least := math.NaN()
	for _, s := range statistics {
		for _, w := range s.finding.Warnings {
			verdict.Warn(f, "%s: %s", s.name, w)
		}
		if p := s.finding.PValue; !math.IsNaN(p) && !(p >= least) {
			least = p
		}
	}
	speaker := slices.MinFunc(statistics, c.first)
	found := speaker.finding
	f.Classification, f.Verdict, f.Effect, f.EffectiveN = found.Classification, found.Verdict, found.Effect, found.EffectiveN
	f.PValue = min(1, least*float64(len(statistics)))
	verdict.AlignPValue(f, c.alpha)
	describe(&f.Baseline, found.Baseline)
	describe(&f.Canary, found.Canary)
	if f.Verdict == judge.Inconclusive {
		f.Needed = c.needed(statistics)
	}
	c.explain(f, speaker, statistics)
}

// find judges one statistic at its share of alpha.
func (c comparison) find(s *statistic, alpha float64) {
	gauge := c.sample
	gauge.Signal.Kind = judge.Gauge
	gauge.Pair, gauge.History, gauge.Pods = s.points, s.history, nil
	// A PASS needs every statistic's, so that each may use the whole error.
	gauge.Alpha, gauge.PassAlpha = alpha, verdict.PassAlpha(c.sample)
	if len(s.points.Baseline.Values) == 0 {
		s.finding = judge.NewFinding(paired.Name, gauge)
		s.finding.Needed = enough
		return
	}
	s.finding = paired.Judge{}.Judge(gauge)
}

// first orders statistics by who speaks: one that fails before one that does not
// decide before one that passes; of two, whose P-value is smaller, or whose
// interval reaches further to the bad side.
func (c comparison) first(a, b *statistic) int {
	severity := func(v judge.Verdict) int {
		return slices.Index([]judge.Verdict{judge.Error, judge.Fail, judge.Inconclusive, judge.Pass}, v)
	}
	if d := severity(a.finding.Verdict) - severity(b.finding.Verdict); d != 0 {
		return d
	}
	if p, q := a.finding.PValue, b.finding.PValue; p < q {
		return -1
	} else if p > q {
		return 1
	}
	if r, s := c.reach(a), c.reach(b); r > s {
		return -1
	} else if r < s {
		return 1
	}
	return 0
}

// reach returns how far an effect may go to the bad side.
func (c comparison) reach(s *statistic) float64 {
	e := s.finding.Effect
	more, less := e.High, -e.Low
	if e.Measure != judge.Difference {
		less = 1 / e.Low
	}
	switch {
	case math.IsNaN(e.Estimate):
		return math.Inf(-1)
	case c.sample.Signal.Direction == judge.Increase:
		return more
	case c.sample.Signal.Direction == judge.Decrease:
		return less
	default:
		return max(more, less)
	}
}

// describe keeps what is known of the intervals.
func describe(to *judge.Summary, found judge.Summary) {
	to.Level, to.Mean, to.Min, to.Max, to.Std = found.Level, found.Mean, found.Min, found.Max, found.Std
}

// needed returns the intervals in all that would decide every statistic, 0 if
// one does not know.
func (c comparison) needed(statistics []*statistic) int {
	most := 0
	for _, s := range statistics {
		if s.finding.Verdict != judge.Inconclusive {
			continue
		}
		if s.finding.Needed == 0 {
			return 0
		}
		most = max(most, c.onGrid(float64(s.finding.Needed)*s.width))
	}
	return max(most, len(c.observed.Baseline.Values)+1)
}

// explain writes the reason: what the speaker says, and then the others.
func (c comparison) explain(f *judge.Finding, speaker *statistic, statistics []*statistic) {
	var notes []string
	if o := speaker.objective; o != nil {
		notes = append(notes, o.shares())
	}
	if speaker.width > 1.5 {
		notes = append(notes, fmt.Sprintf("%.0f intervals at a time", speaker.width))
	}
	if speaker.history != nil && c.sample.Assignment != judge.Randomized {
		notes = append(notes, "beyond the difference in the history")
	}
	verdict.Explain(f, c.observed, verdict.Account{Note: strings.Join(notes, "; ")})
	unit := f.Signal.Unit
	said := speaker.name
	if e := f.Effect; !math.IsNaN(e.Estimate) {
		said += " " + e.Format(e.Estimate, unit)
	}
	others := make([]string, 0, len(statistics))
	for _, s := range statistics {
		if e := s.finding.Effect; s != speaker && !math.IsNaN(e.Estimate) {
			others = append(others, fmt.Sprintf("%s %s (%s to %s)", s.name, e.Format(e.Estimate, unit), e.Format(e.Low, unit), e.Format(e.High, unit)))
		}
	}
	f.Reason = said + ": " + f.Reason
	if len(others) > 0 {
		f.Reason += "; " + strings.Join(others, ", ")
	}
}
