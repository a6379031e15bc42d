package occurrences

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/adjust"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/sequential"
)

// Item is one kind of thing that happens.
type Item struct {
	// Baseline and Canary are how often, out of how many.
	Baseline, Canary judge.Tally
	// Shares says that Exposure counts units of which Events have the thing, each
	// once; else Events are counted per Exposure.
	Shares bool
	// Dispersion is the variance of the events over that of independent ones; less
	// than 1 counts as 1. Not for Shares.
	Dispersion float64
	// Up and Down are the parts of the item's error that are for more and for less of
	// it on the canary, together at most 1: p values are divided by them. Both 0 are a
	// half each. Who asks for stronger evidence of what matters less gives it less;
	// other items gain nothing by that.
	Up, Down float64
}

// Options say what is looked for. The zero value has the defaults.
type Options struct {
	// Ratio of the rates that matters, up or down; 0 is DefaultRatio.
	Ratio float64
	// Events that a side needs to have, or would have had at the other's rate; 0 is
	// DefaultEvents. They are counted after the division by the dispersion.
	Events float64
	// Looks says that this is one of several looks at growing data, Last that it is
	// the last one.
	Looks, Last bool
	// Level is the confidence level of the effects' intervals; 0 is .95.
	Level float64
}

// Defaults: half or double of what happens three times is the least that a person
// would want to hear of.
const (
	DefaultRatio  = 2
	DefaultEvents = 3
)

// Result is what was found of one item.
type Result struct {
	// Kind is New, Up, Lost or Down; empty if the difference is too small to matter.
	Kind judge.ChangeKind
	// Effect is the ratio of the rates. Its interval, unknown where there is no Kind, is
	// that of events which are binomial given their number: wider than need be where
	// most units have the thing.
	Effect judge.Effect
	// PValue is that of this item alone, Q at which false discovery rate it is found
	// among all: 1 if it is too small to matter. Under looks both may be looked at any
	// time.
	PValue, Q float64
}

// Test compares all items. Items without exposure on a side have no kind and NaN
// for a p value.
func Test(items []Item, o Options) []Result {
	o = o.withDefaults()
	results := make([]Result, len(items))
	for i, it := range items {
		it = it.whole()
		k := it.kind(o)
		results[i] = Result{Kind: k, Effect: it.effect(k, o.Level), PValue: 1, Q: 1}
	}
	parts := 1.0
	if o.Looks {
		// A half of the error each, so that each counts twice.
		parts = 2
		anytime(items, results, parts)
	}
	if !o.Looks || o.Last {
		exact(items, results, o, parts)
	}
	return results
}

// exact tests with p values, which count so many times.
func exact(items []Item, results []Result, o Options, times float64) {
	p := make([]float64, len(items))
	f := newFamily(o)
	for i, it := range items {
		var alone float64
		alone, p[i] = f.p(it.whole())
		results[i].PValue = min(results[i].PValue, times*alone)
	}
	for i, q := range f.adjust(p) {
		results[i].Q = min(results[i].Q, times*q)
	}
}

// anytime tests with e-values.
func anytime(items []Item, results []Result, times float64) {
	e := make([]float64, len(items))
	for i, it := range items {
		it = it.whole()
		bet := it.bet()
		results[i].PValue = min(1, times/bet)
		e[i] = bet * it.price(results[i].Kind)
	}
	for i, q := range adjust.EBH(e) {
		results[i].Q = min(1, times*q)
	}
}

func (o Options) withDefaults() Options {
	if !(o.Ratio > 1) {
		o.Ratio = DefaultRatio
	}
	if !(o.Events > 0) {
		o.Events = DefaultEvents
	}
	if !(o.Level > 0 && o.Level < 1) {
		o.Level = .95
	}
	return o
}

// whole returns the item as it is tested: dispersion taken into account, units
// whole.
func (it Item) whole() Item {
	if it.Shares {
		for _, t := range []*judge.Tally{&it.Baseline, &it.Canary} {
			t.Exposure = math.Round(t.Exposure)
			t.Events = min(math.Round(t.Events), t.Exposure)
		}
		// Of so many units each is as good as independent, and the logarithms of their
		// factorials are no longer exact.
		it.Shares = it.Baseline.Exposure+it.Canary.Exposure < manyUnits
		return it
	}
	if it.Dispersion > 1 {
		it.Baseline.Events /= it.Dispersion
		it.Canary.Events /= it.Dispersion
	}
	return it
}

const (
	manyUnits = 1e9
	// manyEvents are beyond whole numbers in a float64.
	manyEvents = 1 << 53
)

// valid says that there is something to compare.
func (it Item) valid() bool {
	b, c := it.Baseline, it.Canary
	share := it.share()
	return share > 0 && share < 1 && b.Exposure > 0 && c.Exposure > 0 && b.Events >= 0 && c.Events >= 0 && b.Events+c.Events < manyEvents
}

// tails returns the probabilities of as many of the events on the canary, or
// more, and of as few, or fewer.
func (it Item) tails() (more, fewer float64) {
	b, c := it.Baseline, it.Canary
	if it.Shares {
		fewer, more, _ = stat.FisherExact(c.Events, c.Exposure-c.Events, b.Events, b.Exposure-b.Events)
		return more, fewer
	}
	x, y := scaled(c.Events, b.Events)
	share := it.share()
	return stat.BinomialTail(x, y, share), stat.BinomialTail(y, x, 1-share)
}

// scaled makes so many events fewer that gonum's incomplete beta function, which is
// wrong by 2 % at 1e7 and useless at 1e8, is right for them: what is found in a
// million is plain enough.
func scaled(x, y float64) (float64, float64) {
	by := max(1, (x+y)/1e6)
	return x / by, y / by
}

// parts are those of the error that are for more and for less.
type parts struct{ up, down float64 }

func (it Item) parts() parts {
	up, down := max(it.Up, 0), max(it.Down, 0)
	switch sum := up + down; {
	case !(sum > 0) || math.IsInf(sum, 1):
		return parts{.5, .5}
	case sum > 1:
		return parts{up / sum, down / sum}
	default:
		return parts{up, down}
	}
}

// whole returns the parts as those of the whole error.
func (s parts) whole() parts { return parts{s.up / (s.up + s.down), s.down / (s.up + s.down)} }

// p returns the p value of two tails, each at its part of the error.
func (s parts) p(more, fewer float64) float64 {
	p := 1.0
	// A tail that is far below what a float64 can tell apart may come out below 0.
	if s.up > 0 {
		p = min(p, max(0, more)/s.up)
	}
	if s.down > 0 {
		p = min(p, max(0, fewer)/s.down)
	}
	return p
}

// of returns the part that a kind has.
func (s parts) of(k judge.ChangeKind) float64 {
	switch k {
	case judge.New, judge.Up:
		return s.up
	case judge.Lost, judge.Down:
		return s.down
	default:
		return 0
	}
}

// price returns what the family counts an e-value for: nothing if the difference is
// too small to matter, less than all if its kind has less than half of the error. It
// is 1 at most, so that an e-value stays one.
func (it Item) price(k judge.ChangeKind) float64 { return min(1, 2*it.parts().of(k)) }

// bet returns the e-value of the canary's share of the events: the mean of two bets
// on it, a bold one that finds great changes early and a cautious one.
func (it Item) bet() float64 {
	if !it.valid() {
		return math.NaN()
	}
	share := it.share()
	var bets [2]float64
	for i, strength := range [...]float64{2, 10} {
		bets[i] = sequential.LogDirichlet(
			[]float64{it.Canary.Events, it.Baseline.Events}, []float64{share, 1 - share}, []float64{strength * share, strength * (1 - share)})
	}
	return math.Exp(sequential.LogMean(bets[:]))
}

// share returns the canary's share of the exposure.
func (it Item) share() float64 {
	return it.Canary.Exposure / (it.Baseline.Exposure + it.Canary.Exposure)
}

func (it Item) effect(k judge.ChangeKind, level float64) judge.Effect {
	b, c := it.Baseline, it.Canary
	e := judge.Effect{Measure: judge.RateRatio, Estimate: math.NaN(), Low: 0, High: math.Inf(1), Level: level}
	if !it.valid() {
		return e
	}
	e.Estimate = c.Rate() / b.Rate()
	if k != "" { // the interval costs more than the test
		odds := func(p float64) float64 { return p / (1 - p) * b.Exposure / c.Exposure }
		x, y := scaled(c.Events, b.Events)
		low, high := stat.ClopperPearson(x, y, 1-level)
		e.Low, e.High = odds(low), odds(high)
	}
	return e
}

// kind says how the sides differ, if it is enough to matter.
func (it Item) kind(o Options) judge.ChangeKind {
	if !it.valid() {
		return ""
	}
	b, c := it.Baseline, it.Canary
	switch ratio := c.Rate() / b.Rate(); {
	case c.Events >= o.Events && b.Events == 0:
		return judge.New
	case c.Events >= o.Events && ratio >= o.Ratio:
		return judge.Up
	case b.Rate()*c.Exposure < o.Events || b.Events < o.Events:
		return ""
	case c.Events == 0:
		return judge.Lost
	case ratio <= 1/o.Ratio:
		return judge.Down
	default:
		return ""
	}
}
