package shape

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "shape"

// The constants of effect size are fitted to recorded metrics: docs/evaluation.md.
const (
	minPairs = 12
	// The floors are what a change of shape must exceed, as logarithms of
	// ratios: with a history those beyond what it shows, and for the tail also
	// on its own.
	tailFloor, tailAlone = 0.075, 0.45
	spreadFloor          = 0.55
	// Without a history they grow with the root of how much smaller than
	// referenceAlpha the error is: the shapes of healthy arms differ with heavy
	// tails, so many signals need a wider berth.
	tailFloorBlind, tailGrowth     = 0.39, 0.1
	spreadFloorBlind, spreadGrowth = 0.37, 0.32
	onsetFloor, onsetGrowth        = 0.03, 0.006
	referenceAlpha                 = 0.025
	// unlikeBerth widens the floors where the arms have unlike numbers of pods.
	unlikeBerth = 1.6
	// usualTail and usualSpread are what the shapes of healthy stretches vary
	// by.
	usualTail, usualSpread = 0.1, 0.2
	// tailErrorShare of a jackknife's standard error is asked of a tail: where a
	// tail is a handful of points, leaving out those that make it is most of
	// the error.
	tailErrorShare = 0.25
	// tests share the error: tail, spread, onset.
	tests = 3.0
)

// fewNumbers fit on the stack: three of each of 64 intervals. An hour of minutes
// is what most windows have, and a server judges thousands of them a second.
const fewNumbers = 3 * 64

// room returns n numbers, few if there are as many.
func room(few []float64, n int) []float64 {
	if n <= len(few) {
		return few[:n]
	}
	return make([]float64, n)
}

// Judge compares the shape of two series. The zero value is ready to use.
type Judge struct{}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// contrast is one aspect of the shape.
type contrast struct {
	measure judge.Measure
	// words say what got worse.
	words string
	// estimate, floor and the errors are logarithms of ratios; positive is bad.
	// wander is how much the estimate varies in the history.
	estimate, floor, wander float64
	// stdErr returns the estimate's own standard error; only an estimate above
	// its floor is worth the work.
	stdErr func() float64
	// negative is the estimate's sign as a ratio if good is up.
	falls bool
	df    float64
	// also must hold beside.
	also bool
}

// Judge implements judge.Judge. It FAILs or is INCONCLUSIVE: that no change
// was found does not show that there is none.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	if !verdict.Screen(&f, s) {
		return f
	}
	window, ok := collect(s.Pair)
	switch {
	case !ok:
		f.Reason = "shape is not judged: there are negative values"
		return f
	case window.len() < minPairs:
		f.Needed = minPairs
		f.Reason = fmt.Sprintf("shape is not judged below %d intervals with data on both sides", minPairs)
		return f
	}
	var history series
	if s.History != nil && verdict.UsableHistory(&f, s) {
		history, _ = collect(*s.History)
	}
	if stat.Carriers(window.baseline) < 1 || stat.Carriers(window.canary) < 1 {
		f.Reason = "shape is not judged: a few intervals carry almost everything"
		return f
	}
	length := min(blockLength, window.len())
	alpha := verdict.ShareAlpha(s, 1/tests)
	var contrasts []contrast
	if history.len() >= minBlocks*length {
		contrasts = j.calibrated(s, window, history, length)
	} else {
		contrasts = j.blind(s, window)
	}
	j.settle(&f, contrasts, alpha)
	return f
}

// calibrated compares window and history stretch by stretch.
func (Judge) calibrated(s judge.Sample, window, history series, length int) []contrast {
	signal := s.Signal
	r := newRuler(signal, window, history)
	now, past := r.blocks(window, length), r.blocks(history, length)
	var tail, tailPast, spread, spreadPast, tailSpread, spreadSpread float64
	for _, m := range now {
		tail += m.beyondLevel() / float64(len(now))
		spread += m.spread / float64(len(now))
	}
	for _, m := range past {
		tailPast += m.beyondLevel() / float64(len(past))
		spreadPast += m.spread / float64(len(past))
	}
	for _, m := range past {
		tailSpread += math.Pow(m.beyondLevel()-tailPast, 2)
		spreadSpread += math.Pow(m.spread-spreadPast, 2)
	}
	df := float64(len(past) - 1)
	var few [fewNumbers]float64
	whole := r.measure(window, room(few[:], window.len()))
	berth := 1.0
	if s.Pods != nil && len(s.Pods.Baseline) != len(s.Pods.Canary) {
		// The mean of many pods has other tails than that of a few.
		berth = unlikeBerth
	}
	t := contrast{
		estimate: tail - tailPast, floor: berth * tailFloor,
		wander: shrink(tailSpread, df, usualTail),
		stdErr: func() float64 { return tailErrorShare * r.tailError(window) },
	}
	t.direct(signal.Direction)
	alone, _ := bad(signal.Direction, whole.beyondLevel())
	t.also = alone > berth*tailAlone
	return []contrast{t, {
		measure: judge.RatioOfSpreads, words: "the canary swings more", also: true,
		estimate: spread - spreadPast, floor: berth * spreadFloor,
		wander: shrink(spreadSpread, df, usualSpread),
		stdErr: func() float64 { return tailErrorShare * r.spreadError(window) },
	}}
}

// shrink returns the standard deviation of a few stretches, drawn towards the
// usual one as if two more had shown that.
func shrink(squares, df, usual float64) float64 {
	const weight = 2
	return math.Sqrt((squares + weight*usual*usual) / (df + weight))
}

// blind compares the arms in the window alone.
func (Judge) blind(s judge.Sample, window series) []contrast {
	r := newRuler(s.Signal, window)
	grow := 1.0
	if s.Assignment != judge.Randomized {
		grow = math.Sqrt(max(referenceAlpha/verdict.TotalAlpha(s), 1))
	}
	// The tail of a short window is a point or two.
	grow *= math.Sqrt(max(blockLength/float64(window.len()), 1))
	var few [fewNumbers]float64
	m := r.measure(window, room(few[:], window.len()))
	t := contrast{
		estimate: m.beyondLevel(), floor: tailFloorBlind + tailGrowth*grow,
		stdErr: func() float64 { return tailErrorShare * r.tailError(window) },
	}
	t.direct(s.Signal.Direction)
	alone, _ := bad(s.Signal.Direction, m.tail)
	t.also = alone > tailAlone
	out := append(make([]contrast, 0, tests), t, contrast{
		measure: judge.RatioOfSpreads, words: "the canary swings more",
		estimate: m.spread, floor: spreadFloorBlind + spreadGrowth*grow, also: m.beyondLevel() > 0,
		stdErr: func() float64 { return r.spreadError(window) },
	})
	if o, ok := onset(s.Signal.Direction, window, onsetFloor+onsetGrowth*grow); ok {
		out = append(out, o)
	}
	return out
}

// direct turns the estimate so that positive is bad, and says so in words.
func (c *contrast) direct(d judge.Direction) {
	c.measure = judge.RatioOfTails
	c.estimate, c.falls = bad(d, c.estimate)
	switch {
	case d == judge.Decrease:
		c.words = "the lowest tenth of the intervals fell beyond the level"
	case c.falls:
		c.words = "the highest tenth of the intervals fell beyond the level"
	default:
		c.words = "the highest tenth of the intervals rose beyond the level"
	}
}

// bad returns the size of a change on the bad side, and whether it is a fall.
func bad(d judge.Direction, change float64) (size float64, falls bool) {
	switch d {
	case judge.Increase:
		return change, false
	case judge.Decrease:
		return -change, true
	default:
		return math.Abs(change), change < 0
	}
}

// onset compares the second half of the window with the first: without a
// history this is the one change that no standing difference of the arms can
// feign.
func onset(d judge.Direction, window series, floor float64) (contrast, bool) {
	n := window.len()
	var few [fewNumbers]float64
	buffer := room(few[:], 3*n)
	diff, pseudo, scratch := buffer[:n], buffer[n:2*n], buffer[2*n:]
	for i := range diff {
		if !(window.baseline[i] > 0 && window.canary[i] > 0) {
			return contrast{}, false
		}
		diff[i] = math.Log(window.canary[i] / window.baseline[i])
	}
	half := n / 2
	const calm = 0x1p-40
	stat.Huber(diff[:half], pseudo, scratch[:half], calm)
	before := stat.NewSeries(pseudo[:half])
	stat.Huber(diff[half:], pseudo, scratch[:n-half], calm)
	after := stat.NewSeries(pseudo[:n-half])
	const maxRho = 0.95
	rho := max(before.Rho(maxRho), after.Rho(maxRho))
	variance := max(before.PointVariance(rho), after.PointVariance(rho))
	effective := float64(half) / stat.Inflation(rho, half)
	o := contrast{
		measure: judge.RatioOfLevels, also: true, floor: floor,
		wander: math.Sqrt(2 * variance / effective), df: max(2*(effective-1), 1),
	}
	o.estimate, o.falls = bad(d, after.Mean-before.Mean)
	o.words = "the canary got worse within the window, the second half against the first"
	return o, effective > 2
}

// settle decides by the contrast that stands out most.
func (Judge) settle(f *judge.Finding, contrasts []contrast, alpha float64) {
	most, least, width := 0, math.Inf(1), 0.0
	for i, c := range contrasts {
		if p, w := c.pValue(); p < least {
			most, least, width = i, p, w
		}
	}
	c := contrasts[most]
	f.Effect = c.effect(alpha, width)
	f.PValue = min(1, least*tests)
	if least <= alpha {
		f.Verdict, f.Classification = judge.Fail, judge.High
		if c.falls {
			f.Classification = judge.Low
		}
		f.Reason = c.words
		return
	}
	f.Reason = "no change of shape stands out"
}

// pValue is two-sided for a change beyond the floor. width is the standard
// error that limits it, +Inf for one that is below.
func (c contrast) pValue() (p, width float64) {
	if !c.also || !(c.estimate > c.floor) {
		return 1, math.Inf(1)
	}
	err := 0.0
	if c.stdErr != nil {
		err = c.stdErr()
	}
	// A quotient by a zero error is infinite.
	z := min((c.estimate-c.floor)/c.wander, c.estimate/err)
	return min(1, 2*stat.StudentTail(z, c.freedom())), max(c.wander, err)
}

func (c contrast) freedom() float64 {
	if c.df == 0 {
		return math.Inf(1)
	}
	return c.df
}

func (c contrast) effect(alpha, width float64) judge.Effect {
	e := judge.Effect{Measure: c.measure, Low: 0, High: math.Inf(1), Level: 1 - alpha}
	sign := 1.0
	if c.falls {
		sign = -1
	}
	e.Estimate = math.Exp(sign * c.estimate)
	if !math.IsInf(width, 1) {
		half := stat.StudentQuantile(alpha/2, c.freedom()) * width
		a, b := math.Exp(sign*(c.estimate-half)), math.Exp(sign*(c.estimate+half))
		e.Low, e.High = min(a, b), max(a, b)
	}
	return e
}
