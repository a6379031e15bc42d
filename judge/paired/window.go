package paired

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Window is a window that grows and is judged again and again. What the new
// intervals bring is worked in once; of the old ones a look costs one light
// pass, a few microseconds at a thousand intervals. It returns what Judge
// returns for the same data, up to rounding. It is not safe for concurrent use.
//
// Only series of positive levels are followed that way. Others, and a Judge
// with LateOnset or another Noise than AR1, are judged anew at each look.
type Window struct {
	judge  Judge
	sample judge.Sample

	// followed: the window can be judged from what is kept.
	followed         bool
	baseline, canary side
	// differences in the order of time and of size.
	differences []float64
	sorted      stat.Sorted
	buffer      []float64

	history  *segment
	warnings []string
	// past are the history's pairs, whose sign decides on the scale.
	past pairs
}

// side is what a Summary needs to know of a growing side.
type side struct {
	sorted  stat.Sorted
	running stat.Running
	missing int
}

func (s *side) add(v float64) {
	s.sorted.Add(v)
	s.running.Add(v)
}

func (s *side) describe(to *judge.Summary) {
	to.Count, to.Missing = s.running.N, s.missing
	to.Mean, to.Std = s.running.Mean, s.running.Std()
	to.Min, to.Max, to.Level = s.sorted.Min(), s.sorted.Max(), s.sorted.Median()
}

func (s *side) size() float64 { return s.running.Size / float64(s.running.N) }

// Start returns a window with the signal, history and settings of s, and the
// intervals that s has already.
func (j Judge) Start(s judge.Sample) *Window {
	w := &Window{judge: j, sample: s}
	w.sample.Pair = judge.Pair{}
	w.followed = !j.LateOnset && j.Noise == AR1 && s.Baseline.Totals == nil && s.Canary.Totals == nil && len(s.Baseline.Values) == len(s.Canary.Values)
	if !w.followed {
		w.sample.Pair = s.Pair
		return w
	}
	f := judge.NewFinding(Name, s)
	w.past = usableHistory(&f, s)
	w.warnings = f.Warnings
	w.followed = w.past.positive()
	if n := w.past.len(); w.followed && n > 0 {
		buffer := make([]float64, 3*n)
		d, pseudo, scratch := buffer[:n], buffer[n:2*n], buffer[2*n:]
		scale{log: true}.differences(w.past, d)
		past := newSegment(d, pseudo, scratch, false)
		past.measureThirds(d, scratch)
		w.history = &past
	}
	w.Add(s.Baseline.Values, s.Canary.Values)
	return w
}

// Add appends intervals, NaN where a side has no data. Both sides must have as
// many.
func (w *Window) Add(baseline, canary []float64) {
	w.sample.Baseline.Values = append(w.sample.Baseline.Values, baseline...)
	w.sample.Canary.Values = append(w.sample.Canary.Values, canary...)
	if len(baseline) != len(canary) {
		w.followed = false
	}
	for i := 0; i < len(baseline) && w.followed; i++ {
		w.add(baseline[i], canary[i])
	}
}

func (w *Window) add(b, c float64) {
	if math.IsNaN(b) {
		w.baseline.missing++
	}
	if math.IsNaN(c) {
		w.canary.missing++
	}
	switch {
	case math.IsNaN(b) || math.IsNaN(c):
		return
	case !(b > 0 && c > 0) || math.IsInf(b, 1) || math.IsInf(c, 1):
		w.followed = false
		return
	}
	w.baseline.add(b)
	w.canary.add(c)
	d := scale{log: true}.difference(c, b)
	w.differences = append(w.differences, d)
	w.sorted.Add(d)
}

// Len returns the number of intervals.
func (w *Window) Len() int { return len(w.sample.Baseline.Values) }

// Judge judges the window as it is now, at the sample's Alpha, at the level of
// the given look if that is not nil.
func (w *Window) Judge(look func(alpha float64) float64) judge.Finding {
	s := w.sample
	s.Look = look
	n := len(w.differences)
	alpha := verdict.Alpha(s)
	if !w.followed || n == 0 || !(alpha > 0 && alpha < 1) {
		return w.judge.Judge(s)
	}
	f := judge.NewFinding(Name, s)
	f.Baseline.Missing, f.Canary.Missing = w.baseline.missing, w.canary.missing
	verdict.WarnUneven(&f, w.Len())
	f.Warnings = append(f.Warnings, w.warnings...)
	w.baseline.describe(&f.Baseline)
	w.canary.describe(&f.Canary)
	logs := scale{log: true, level: w.baseline.size()/2 + w.canary.size()/2}
	f.Effect.Measure = logs.measure()
	t := trial{
		judge: w.judge, sample: s, usable: n, scale: logs, alpha: alpha,
		history: w.history, carriers: math.Inf(1),
		offset: w.history != nil && w.judge.Offset == History && s.Assignment != judge.Randomized,
	}
	t.read, t.limits = logs.limits(s.Signal, f.Baseline.Level)
	t.decide(&f, w.segment(t.offset), "")
	return f
}

// segment is newSegment of the differences.
func (w *Window) segment(trend bool) segment {
	lo, hi := w.sorted.Min(), w.sorted.Max()
	same := resolution * max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= same {
		first := w.differences[0]
		return segment{Series: stat.Series{N: len(w.differences), Mean: first}, exact: true}
	}
	mu, size, core, flat := w.sorted.Huber(same)
	if flat {
		return measured(mu, w.differences, trend)
	}
	if trend {
		w.buffer = slices.Grow(w.buffer[:0], len(w.differences))[:len(w.differences)]
	}
	series := stat.ClippedSeries(w.differences, mu, size, stat.HuberK, trend, w.buffer)
	series.Variance /= core * core
	return segment{Series: series}
}
