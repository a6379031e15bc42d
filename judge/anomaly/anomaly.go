package anomaly

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "anomaly"

// NoSeason is the Judge.Season of a series without one.
const NoSeason time.Duration = -1

// shortestSilence is as in package judge: what has reported nothing in the last
// quarter of the window, and three intervals, has fallen silent.
const shortestSilence = 3

// Judge compares a window with its own history. The zero value is ready to use.
type Judge struct {
	// Season is the length of the season to take off: a day, a week. It must be a
	// whole number of intervals, and the history must hold two. 0 looks for one,
	// among them the day and the week; NoSeason takes none off. Data that have
	// both a daily and a weekly course have a season of a week.
	Season time.Duration
}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge. It judges s.Canary against s.History.Canary,
// which ends where the window begins; a gap between the two is bridged by
// intervals of NaN at the history's end.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	history, window, ok := screen(&f, s)
	if !ok {
		return f
	}
	// Waiting is counted in the window's intervals; there is no baseline.
	s.Baseline = s.Canary
	scale := newScale(history, window)
	f.Effect.Measure = scale.measure()
	describe(&f.Baseline, history)
	describe(&f.Canary, window)
	f.Warnings = append(f.Warnings, "there is no concurrent baseline: whatever else changed since the history, such as load, dependencies or another release, looks like an effect of this one")

	past, now := scale.to(history), scale.to(window)
	l, err := Locate(past, now, j.season(&f, past, usable(now), s.Step))
	t := trial{Location: l, scale: scale, sample: s, alpha: verdict.Alpha(s)}
	switch {
	case err != nil:
		t.tooFew(&f, now, past, err)
	case !l.exact && l.past < minEffective:
		f.Effect.Estimate = scale.from(l.Value)
		f.Effect.Low, f.Effect.High = scale.from(math.Inf(-1)), math.Inf(1)
		f.EffectiveN = l.EffectiveN
		f.Reason = fmt.Sprintf("cannot tell: the history wanders so much that its %d intervals are worth %.1f independent ones of the %d that are needed; a longer history or a concurrent baseline would help",
			f.Baseline.Count, l.past, minEffective)
	default:
		t.run(&f)
	}
	return f
}

// screen settles what stops the judge before any statistics, and returns the
// levels of history and window.
func screen(f *judge.Finding, s judge.Sample) (history, window []float64, ok bool) {
	alpha := verdict.Alpha(s)
	window, err := levels(s.Canary, s.Signal.Kind)
	switch {
	case !(alpha > 0 && alpha < 1):
		verdict.Refuse(f, "cannot judge: the error probability must lie between 0 and 1, got %v", alpha)
		return nil, nil, false
	case s.Signal.Kind == judge.Distribution || s.Canary.Histograms != nil:
		verdict.Refuse(f, "cannot judge histograms against a history: give a quantile of them as a gauge")
		return nil, nil, false
	case err != nil:
		verdict.Refuse(f, "cannot judge the window: %v", err)
		return nil, nil, false
	case usable(s.Baseline.Values) > 0:
		verdict.Warn(f, "the sample has a baseline, which this judge does not look at: a concurrent baseline is stronger evidence than a history")
	}
	f.Canary.Missing = len(window) - usable(window)
	if usable(window) == 0 {
		verdict.NoData(f, "the canary has no data in %s: is it running and does it get traffic?", verdict.Count(len(window), "interval", "intervals"))
		return nil, nil, false
	}
	if s.History == nil || len(s.History.Canary.Values) == 0 {
		early(f, "there is neither a baseline nor a history to compare with; a history of %d intervals or more would help", minHistory)
		return nil, nil, false
	}
	history, err = levels(s.History.Canary, s.Signal.Kind)
	if err == nil && (s.History.Canary.Totals == nil) != (s.Canary.Totals == nil) {
		err = errors.New("only one of history and window has totals")
	}
	if err != nil {
		verdict.Refuse(f, "cannot judge against the history: %v", err)
		return nil, nil, false
	}
	f.Baseline.Missing = len(history) - usable(history)
	if quarter := len(window) / 4; quarter >= shortestSilence && usable(window[len(window)-quarter:]) == 0 && 2*usable(history) > len(history) {
		verdict.NoData(f, "the canary has reported nothing in the last %d intervals: is it running and does it get traffic?", quarter)
		return nil, nil, false
	}
	return history, window, true
}

func early(f *judge.Finding, format string, args ...any) {
	f.Classification, f.Verdict = judge.Unclear, judge.Inconclusive
	f.Reason = fmt.Sprintf(format, args...)
}

// levels returns the level of each interval: the value, per total where there
// are totals.
func levels(side judge.Side, kind judge.Kind) ([]float64, error) {
	switch {
	case side.Totals == nil && kind == judge.Ratio:
		return nil, errors.New("a ratio needs totals")
	case side.Totals == nil:
		return side.Values, nil
	case len(side.Totals) != len(side.Values):
		return nil, fmt.Errorf("%d totals for %d values", len(side.Totals), len(side.Values))
	}
	x := make([]float64, len(side.Values))
	for i, v := range side.Values {
		x[i] = math.NaN()
		if total := side.Totals[i]; side.Has(i) && total > 0 {
			x[i] = v / total
		}
	}
	return x, nil
}

func describe(to *judge.Summary, x []float64) {
	values, _ := observed(x)
	m := stat.Describe(values)
	to.Count = len(values)
	to.Mean, to.Min, to.Max, to.Std = m.Mean, m.Min, m.Max, m.Std
	to.Level = stat.Median(values)
}

// season returns the season to take off, in intervals, 0 for none. The window
// has so many points.
func (j Judge) season(f *judge.Finding, history []float64, window int, step time.Duration) int {
	intervals := func(d time.Duration) int {
		if step <= 0 || d%step != 0 || d/step < 2 || int64(d/step) > int64(len(history)) {
			return 0
		}
		return int(d / step)
	}
	switch {
	case j.Season < 0:
		return 0
	case j.Season == 0:
		return likeliest(history, max(window, minHistory), DetectSeason(history), intervals(24*time.Hour), intervals(7*24*time.Hour))
	}
	n := intervals(j.Season)
	switch {
	case step <= 0:
		verdict.Warn(f, "season left out: the length of an interval is not known")
	case j.Season%step != 0 || j.Season/step < 2:
		verdict.Warn(f, "season left out: %s is not a whole number of intervals of %s, or less than two", judge.FormatWait(j.Season), judge.FormatWait(step))
	case n == 0 || len(history) < minSeasons*n:
		verdict.Warn(f, "season left out: the history of %d intervals does not hold %d seasons of %s", len(history), minSeasons, judge.FormatWait(j.Season))
	default:
		return n
	}
	return 0
}

// worthSeason is by how much a season must narrow the spread of what it did not
// see: taking one off that is not there makes noise larger.
const worthSeason = 0.85

// likeliest returns the candidate whose shape best predicts the seasons that it
// was not taken from, 0 if none does well. All are measured around the levels of
// stretches as long as the longest: within a week, days that differ count
// against a season of a day. Its whole seasons must hold so many points.
func likeliest(history []float64, points int, candidates ...int) int {
	longest := 0
	for _, season := range candidates {
		if len(history)/max(season, 1) >= minSeasons {
			longest = max(longest, season)
		}
	}
	best, least := 0, math.Inf(1)
	for _, season := range candidates {
		s, err := newSeasons(history, season)
		if err != nil || usable(s.values) < points {
			continue
		}
		with, without := around(s.residuals(), longest), around(s.values, longest)
		if with < worthSeason*without && with < least {
			best, least = season, with
		}
	}
	return best
}

// around returns the mean deviation of x from the medians of its stretches of n,
// counted from its end; what is left over at the start is passed over.
func around(x []float64, n int) float64 {
	sum, count := 0.0, 0
	scratch := make([]float64, 0, n)
	for end := len(x); end >= n; end -= n {
		scratch = scratch[:0]
		for _, v := range x[end-n : end] {
			if finite(v) {
				scratch = append(scratch, v)
			}
		}
		median := stat.Median(scratch)
		for _, v := range scratch {
			sum += math.Abs(v - median)
		}
		count += len(scratch)
	}
	return sum / float64(count)
}

// trial is the judgment of one located window.
type trial struct {
	Location
	scale  scale
	sample judge.Sample
	alpha  float64
}

// tooFew finishes f without a test.
func (t trial) tooFew(f *judge.Finding, window, history []float64, err error) {
	if n := usable(window); n < minWindow && usable(history) >= minHistory {
		f.Needed = t.onGrid(minWindow, n)
		early(f, "too early to tell: %d of the %d intervals with data that are needed; %s to go", n, minWindow, verdict.MoreIntervals(f.Needed, t.sample))
		return
	}
	early(f, "cannot tell: %s", strings.TrimPrefix(err.Error(), "anomaly: "))
}

// onGrid turns a number of usable intervals into one of all intervals, if as
// many go missing as until now.
func (t trial) onGrid(n, usable int) int {
	return int(math.Ceil(float64(n) * float64(len(t.sample.Canary.Values)) / float64(max(usable, 1))))
}

func (t trial) run(f *judge.Finding) {
	expected := make([]float64, 0, len(t.Expected))
	for _, v := range t.Expected {
		if finite(v) {
			expected = append(expected, t.scale.from(v))
		}
	}
	f.Baseline.Level = stat.Median(expected)
	level := f.Baseline.Level
	if level == 0 {
		level = max(math.Abs(f.Baseline.Min), math.Abs(f.Baseline.Max))
	}
	read, limits := t.scale.limits(f.Signal, level)
	f.EffectiveN = t.EffectiveN
	f.Effect.Estimate = t.scale.from(t.Value)
	beyond := t.Value > limits.MarginHigh && f.Signal.Direction != judge.Decrease ||
		t.Value < limits.MarginLow && f.Signal.Direction != judge.Increase
	if t.exact {
		f.Effect.Low, f.Effect.High = f.Effect.Estimate, f.Effect.Estimate
		f.PValue = 1
		if beyond {
			f.PValue = t.PValue()
		}
		if sign := math.Ldexp(1, 1-t.N); sign > t.alpha {
			f.Effect.Low, f.Effect.High = t.scale.from(math.Inf(-1)), math.Inf(1)
			f.PValue = math.NaN()
			f.Needed = t.onGrid(int(math.Ceil(1-math.Log2(t.alpha))), t.N)
			early(f, "too early to tell: %d equal values leave a chance of %.2g; %s to go", t.N, sign, verdict.MoreIntervals(f.Needed, t.sample))
			return
		}
	} else {
		q := stat.StudentQuantile(t.alpha/2, t.DF)
		f.Effect.Low, f.Effect.High = t.scale.from(t.Value-q*t.StdErr), t.scale.from(t.Value+q*t.StdErr)
		f.PValue = verdict.TwoSided(
			stat.StudentTail((t.Value-limits.MarginHigh)/t.StdErr, t.DF),
			stat.StudentTail((limits.MarginLow-t.Value)/t.StdErr, t.DF),
			f.Signal.Direction)
	}
	read.Settle(f, t.alpha)
	if f.Verdict == judge.Inconclusive && !t.exact {
		own := math.Sqrt(max(t.StdErr*t.StdErr-t.fixed*t.fixed, 0))
		f.Needed = t.onGrid(verdict.Outlook{
			Intervals: t.N, Estimate: t.Value, Below: own, Above: own, Fixed: t.fixed,
			Quantile: stat.StudentQuantile(t.alpha/2, t.DF),
		}.Needed(limits, f.Signal.Direction), t.N)
	}
	t.explain(f)
}
