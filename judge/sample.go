package judge

import (
	"strconv"
	"time"
)

// Kind says what the numbers of a signal are; each kind has its default judge.
type Kind int

const (
	// Gauge is a measured level per interval: a latency quantile, CPU, memory.
	Gauge Kind = iota
	// Count is a number of events per interval: log lines, restarts, timeouts.
	Count
	// Ratio is events out of a total per interval: errors out of requests.
	Ratio
	// Distribution is the observations of each interval as a histogram:
	// request latencies, response sizes.
	Distribution
)

// Direction says which change of a signal is bad. The zero value is two-sided.
type Direction int

const (
	// Either change is bad.
	Either Direction = iota
	// Increase is bad: latencies, errors, memory.
	Increase
	// Decrease is bad: throughput, cache hits.
	Decrease
)

// Margin is the size of a change below which nobody cares. A change lies
// beyond a margin only if it is beyond both of its parts, so Absolute acts as
// a floor for signals whose baseline is close to zero.
type Margin struct {
	// Relative is a fraction of the baseline: 0.05 is 5 %.
	Relative float64
	// Absolute is in the signal's own unit (for a Ratio: in share points,
	// 0.001 is 0.1 %).
	Absolute float64
}

// Signal is one thing that is compared, and what the user wants of it.
type Signal struct {
	Name string
	Kind Kind
	// Unit is for display: "s", "ms", "By", "%", "1".
	Unit      string
	Direction Direction
	// Critical signals decide the verdict; the others are reported and scored.
	// If no signal is critical, all of them decide.
	Critical bool
	// Weight is the signal's share of the score; 0 counts as 1.
	Weight float64
	// Margin is what FAIL must exceed: the whole interval lies beyond it.
	Margin Margin
	// Tolerance is what PASS must stay within: the whole interval lies inside
	// it. It is at least as large as Margin.
	Tolerance Margin
}

// Side is one arm's data on the grid that both arms share; NaN marks an
// interval without data.
type Side struct {
	// Values holds one number per interval. Gauge: the level. Count and
	// Ratio: the events of the interval (not a rate per second).
	Values []float64
	// Totals holds the exposure of each interval: the requests of a Ratio, the
	// pod-minutes of a Count. Nil means equal exposure on both sides.
	Totals []float64
	// Histograms holds one histogram per interval of a Distribution, whose
	// Values are nil; an interval without data has no counts.
	Histograms []Histogram
}

// Len returns the number of intervals.
func (s Side) Len() int { return max(len(s.Values), len(s.Histograms)) }

// Has reports whether interval i holds data: a value, and a total where there
// are totals, that is neither NaN nor infinite; observations where there are
// histograms. Totals must be as long as Values.
func (s Side) Has(i int) bool {
	if s.Histograms != nil {
		return s.Histograms[i].Total() > 0
	}
	return finite(s.Values[i]) && (s.Totals == nil || finite(s.Totals[i]))
}

// finite uses that only NaN and infinities differ from themselves by a NaN: it
// is asked of every number, several times.
func finite(v float64) bool { return v-v == 0 }

// Pair is both arms over the same intervals.
type Pair struct {
	Baseline, Canary Side
}

// Pods is a signal's data of every instance of the arms: pods, hosts, VMs.
// They tell how much healthy instances differ, which the arms' totals cannot.
type Pods struct {
	// Baseline and Canary hold one Side a pod, each as long as the window.
	Baseline, Canary []Side
	// BaselineHistory and CanaryHistory are the same pods before the change, in
	// the same order, each as long as the history. Nil where the pods did not
	// exist yet.
	BaselineHistory, CanaryHistory []Side
	// BaselineNames and CanaryNames are what people call the pods, in the same
	// order; nil where that is not known.
	BaselineNames, CanaryNames []string
}

// CanaryName returns how a reason calls pod i of the canary: "pod web-7f9c", or
// by its place, counted from 1.
func (p *Pods) CanaryName(i int) string {
	if i < len(p.CanaryNames) && p.CanaryNames[i] != "" {
		return "pod " + p.CanaryNames[i]
	}
	return "pod " + strconv.Itoa(i+1)
}

// Sample is all that a judge may know about one signal.
type Sample struct {
	Signal Signal
	Pair
	// History is the same two arms before the change (A/A data), oldest
	// first, or nil. It calibrates what difference between the arms is normal.
	History *Pair
	// Pods is the same data instance by instance, where it is known; nil
	// otherwise. Its sides are on the grid of Pair and History.
	Pods *Pods
	// Step is the length of one interval; reasons use it to say how much
	// longer to wait. 0 if unknown.
	Step time.Duration
	// Alpha is the two-sided error probability this signal may spend: a
	// healthy canary's interval lies beyond zero effect with at most this
	// probability. 0 counts as DefaultAlpha.
	Alpha float64
	// PassAlpha is the two-sided error of the interval that a PASS rests on; 0
	// counts as Alpha. A release passes only if every signal does, so each may
	// use the whole error (intersection-union test; Berger 1982, Technometrics
	// 24:295-300), while Alpha is shared among them.
	PassAlpha float64
	// Look, if not nil, says that this is one of several looks at growing data:
	// it returns how much of an error that is spent over all looks this one may
	// spend. See package sequential.
	Look func(alpha float64) float64
	// Assignment says what makes healthy arms alike. It matters only where no
	// history tells how much they differ.
	Assignment Assignment
}

// Assignment says how the work that a signal measures comes to an arm.
type Assignment int

const (
	// Instances: the arms are different instances, which are never quite
	// alike. Without a history a FAIL must clear what healthy instances differ
	// by.
	Instances Assignment = iota
	// Randomized: each request is sent to either arm by chance, and the arms'
	// instances are alike, so that nothing but chance makes healthy arms
	// differ. A history is then used for the noise alone.
	Randomized
)

// DefaultAlpha is the two-sided error of a signal judged alone.
const DefaultAlpha = 0.05

// Level returns the confidence level of this sample's interval: 1 - Alpha, or
// what this look may spend of it.
func (s Sample) Level() float64 {
	if s.Look != nil {
		return 1 - s.Look(s.alpha())
	}
	return 1 - s.alpha()
}

func (s Sample) alpha() float64 {
	if s.Alpha <= 0 {
		return DefaultAlpha
	}
	return s.Alpha
}
