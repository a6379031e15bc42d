package paired

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "paired"

const (
	// minPairs and minEffective are the gate of docs/statistics.md.
	minPairs     = 10
	minEffective = 5
	// minHistory is the shortest history that is used: a shorter one knows the
	// autocorrelation no better than the smallest window does.
	minHistory = 20
)

// Calibration says how the noise of the history enters. On recorded metrics
// Pooled finds 61 % of must-catch changes against 52 %, ramps above all, at 1.2
// against 0.7 % false alarms (alpha 0.05, margin 5 %). But where the window is
// noisier than the history, rho 0.6 after 0, it raises 24 % where Cautious raises
// 3 % (docs/evaluation.md, alpha 0.01).
type Calibration int

const (
	// Cautious takes the larger autocorrelation and the larger variance of
	// window and history: a history that was calmer than today does no harm,
	// at some cost in power. ("max" in docs/statistics.md.)
	Cautious Calibration = iota
	// Pooled averages both by length: more power, and right only if the noise
	// before and after is the same.
	Pooled
)

// Offset says what difference between healthy arms is normal.
type Offset int

const (
	// History: the difference that the history shows; the effect is then how
	// much the difference has changed (difference-in-differences). Without a
	// history it is None.
	History Offset = iota
	// None: no difference but noise. Right for traffic split at random.
	None
)

// Noise says how the window's long-run variance is estimated, that is, how
// autocorrelation widens the interval.
type Noise int

const (
	// AR1: a first-order autoregression. The most power; right for noise that
	// forgets exponentially.
	AR1 Noise = iota
	// EWC: the equal-weighted cosine transform of package longrun, which
	// assumes no model. Safe for longer memories, at half the power on 30
	// intervals.
	EWC
	// Larger takes the larger standard error and the fewer degrees of freedom
	// of both: the safest without a history.
	Larger
)

// Monitoring says when the window is judged.
type Monitoring int

const (
	// Planned: once, or at the looks that Sample.Look tells of.
	Planned Monitoring = iota
	// OpenEnded: whenever somebody likes, without a horizon. The interval is a
	// confidence sequence, from the t-mixture e-process of package sequential:
	// it holds at all looks together, and is 10 to 20 points of power short of
	// looks that were planned.
	OpenEnded
)

// fewNumbers fit on the stack: those of 64 intervals. An hour of minutes is what
// most windows have, and a server judges thousands of them a second.
const fewNumbers = 3 * 2 * 64

// Judge compares two gauges interval by interval. The zero value is ready to
// use.
type Judge struct {
	Calibration Calibration
	Offset      Offset
	Noise       Noise
	Monitoring  Monitoring
	// LateOnset also judges the last half and the last quarter of the window,
	// each with a third of the error, for changes that begin late. At 60
	// intervals and alpha 0.05 a change of 20 % in the last quarter is then found
	// in 38 instead of 16 % of samples of independent noise, and one of 10 % in
	// the whole window in 51 instead of 65 %. On recorded metrics it
	// adds as many false alarms as finds, so it is off by default.
	LateOnset bool
}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	if !verdict.Screen(&f, s) {
		return f
	}
	window := align(s.Pair)
	n := window.len()
	if n == 0 {
		verdict.NoData(&f, "no interval has data on both sides")
		return f
	}
	history := usableHistory(&f, s)
	longest := max(2*n, history.len())
	var few [fewNumbers]float64
	buffer := few[:]
	if 3*longest > len(buffer) {
		buffer = make([]float64, 3*longest)
	}
	d, pseudo, scratch := buffer[:longest], buffer[longest:2*longest], buffer[2*longest:3*longest]

	describe(&f.Baseline, window.baseline, scratch)
	describe(&f.Canary, window.canary, scratch)
	scale := newScale(window, history, scratch)
	f.Effect.Measure = scale.measure()
	level := f.Baseline.Level
	if level == 0 {
		level = typicalSize(window.baseline)
	}
	scale.level = typicalSize(window.baseline)/2 + typicalSize(window.canary)/2
	t := trial{judge: j, sample: s, usable: n, scale: scale, alpha: verdict.Alpha(s)}
	t.read, t.limits = scale.limits(s.Signal, level)
	if history.len() > 0 {
		scale.differences(history, d[:history.len()])
		past := newSegment(d[:history.len()], pseudo, scratch, false)
		past.measureThirds(d[:history.len()], scratch)
		t.history = &past
	}
	t.offset = t.history != nil && j.Offset == History && s.Assignment != judge.Randomized
	t.carriers = math.Inf(1)
	if !scale.log {
		// Logarithms tame what carries a mean.
		t.carriers = carriers(window, history)
	}
	scale.differences(window, d[:n])
	if !j.LateOnset {
		t.run(&f, d[:n], pseudo, scratch, "")
		return f
	}
	// The three windows share the error equally, so together they spend alpha.
	t.alpha /= 3
	f.Effect.Level = 1 - t.alpha
	t.run(&f, d[:n], pseudo, scratch, "")
	least := f.PValue
	for _, m := range []int{n / 2, n / 4} {
		if f.Verdict == judge.Fail || m < minPairs {
			break
		}
		late := f
		t.run(&late, d[n-m:n], pseudo, scratch, fmt.Sprintf("in the last %d intervals", m))
		if late.PValue < least {
			least = late.PValue
		}
		if late.Verdict == judge.Fail {
			f = late
		}
	}
	f.PValue = min(1, 3*least)
	verdict.AlignPValue(&f, verdict.Alpha(s))
	return f
}

// carriers returns how many intervals carry the signal on the side and in the
// stretch where they are fewest, as a share of enough.
func carriers(window, history pairs) float64 {
	least := math.Inf(1)
	for _, side := range [][]float64{window.baseline, window.canary, history.baseline, history.canary} {
		if len(side) > 0 {
			least = min(least, stat.Carriers(side))
		}
	}
	return least
}

// usableHistory returns the pairs of the history, none if there are too few.
func usableHistory(f *judge.Finding, s judge.Sample) pairs {
	if !verdict.UsableHistory(f, s) {
		return pairs{}
	}
	h := align(*s.History)
	if h.len() < minHistory {
		verdict.Warn(f, "history left out: it has %d usable intervals, fewer than %d", h.len(), minHistory)
		return pairs{}
	}
	return h
}

func describe(to *judge.Summary, values, scratch []float64) {
	m := stat.Describe(values)
	to.Count = len(values)
	to.Mean, to.Min, to.Max, to.Std = m.Mean, m.Min, m.Max, m.Std
	to.Level = stat.Median(scratch[:copy(scratch, values)])
}

// typicalSize is the level that relative margins refer to where the median is
// zero: the mean size.
func typicalSize(x []float64) float64 {
	n := float64(len(x))
	size := 0.0
	for _, v := range x {
		size += math.Abs(v) / n
	}
	return size
}
