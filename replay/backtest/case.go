package backtest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/judged-dev/judged/judge"
)

// Limits of one case. They are far above what a judge is asked in practice and
// keep a hostile file from costing unbounded memory or time.
const (
	// MaxLine is the length of a line in bytes.
	MaxLine = 16 << 20
	// MaxMetrics is the number of metrics of a case.
	MaxMetrics = 1000
	// MaxPods is the number of pods of one arm.
	MaxPods = 1000
	// MaxPoints is the number of points of one series: two months of minutes.
	MaxPoints = 100_000
)

// Labels are what is known of a case besides its series.
type Labels struct {
	// ID names the case; where a file gives none it is FILE:LINE.
	ID string
	// Source, Service, Pairing and Family say where the case comes from, how
	// its arms were chosen and what was done to it. They may be empty.
	Source, Service, Pairing, Family string
	// Randomized: each request, or each machine, came to its arm by a coin.
	Randomized bool
	// Shape is baseline pods x canary pods, for cases with pods.
	Shape string
	// Window is the number of intervals, Asked the number of metrics that the
	// case was built for. Where a file does not say, they are those it has.
	Window, Asked int
	// Faulty is the answer: whether the canary was worse.
	Faulty bool
	// Injected is the regression that was put into the canary; its Type is
	// empty if there was none.
	Injected Injection
	// Incident is the kind of a real fault, or empty.
	Incident string
}

// Injection is a regression that was put into a recorded series.
type Injection struct {
	// Type is how: shift, drop, tail, variance, ramp, spike, count, dark, gap
	// or a word of your own.
	Type string
	// Size is how much: 0.1 is 10 %; for variance it is the factor.
	Size float64
	// Scope is how many of the metrics: one, quarter or all.
	Scope string
}

// Case is a pair of arms whose answer is known.
type Case struct {
	Labels

	Metrics []Metric
}

// Metric is one metric of a case. Missing points are NaN. A metric has either
// the series of the arms or those of their pods.
type Metric struct {
	Name string
	// Kind is what the numbers are.
	Kind Kind
	// Direction says which change is bad.
	Direction judge.Direction
	// Step is the length of one interval; 0 if unknown.
	Step time.Duration
	// Start and BaselineStart are when the arms' first points were, in Unix
	// seconds or seconds since anything.
	Start, BaselineStart float64
	// Max is the ceiling of the metric in its own unit, as 100 is for a
	// percentage; NaN if it has none.
	Max float64

	// Baseline and Canary have one value an interval; their lengths may differ.
	Baseline, Canary []float64
	// BaselineHistory and CanaryHistory end where the window begins; both or
	// neither are nil.
	BaselineHistory, CanaryHistory []float64
	// The totals are what the events of a ratio are out of, as long as the
	// events; nil for ratios that are given as shares, and for other kinds.
	BaselineTotals, CanaryTotals               []float64
	BaselineHistoryTotals, CanaryHistoryTotals []float64

	// BaselinePods and CanaryPods have one series a pod, of equal lengths.
	BaselinePods, CanaryPods [][]float64
	// The pods' histories are in the order of the pods; nil if they did not
	// exist.
	BaselinePodsHistory, CanaryPodsHistory [][]float64
}

// Kind says what the numbers of a metric are.
type Kind int

// Kinds of a metric.
const (
	// Gauge is a level, as are latencies.
	Gauge Kind = iota
	// Latency is the level of a latency.
	Latency
	// Ratio is a share per interval, or events if there are totals.
	Ratio
	// Counter is a number of events per interval.
	Counter
)

var kindNames = [...]string{Gauge: "gauge", Latency: "latency", Ratio: "ratio", Counter: "counter"}

// String returns the kind as files write it.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("invalid(%d)", int(k))
	}
	return kindNames[k]
}

// Concurrent reports whether the arms ran at the same time, so that what hit
// both in an interval cancels.
func (m *Metric) Concurrent() bool { return m.Start == m.BaselineStart }

// hasPods reports whether the metric has series of pods instead of arms.
func (m *Metric) hasPods() bool { return m.BaselinePods != nil || m.CanaryPods != nil }

// points is the number of intervals that both arms have.
func (m *Metric) points() int {
	if !m.hasPods() {
		return min(len(m.Baseline), len(m.Canary))
	}
	return podPoints(m.BaselinePods, m.CanaryPods)
}

// podPoints is the number of points that all pods of both arms have. An arm
// without pods has no length of its own.
func podPoints(arms ...[][]float64) int {
	n := -1
	for _, pods := range arms {
		for _, pod := range pods {
			if n < 0 || len(pod) < n {
				n = len(pod)
			}
		}
	}
	return max(n, 0)
}

// complete fills in what a file may leave out and checks the rest.
func (c *Case) complete() error {
	if len(c.Metrics) == 0 {
		return errors.New("the case has no metric")
	}
	longest := 0
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if err := m.check(); err != nil {
			if m.Name == "" {
				return fmt.Errorf("metric %d: %w", i+1, err)
			}
			return fmt.Errorf("metric %d (%s): %w", i+1, shown(m.Name), err)
		}
		longest = max(longest, m.points())
	}
	if c.Window == 0 {
		c.Window = longest
	}
	if c.Asked == 0 {
		c.Asked = len(c.Metrics)
	}
	return nil
}

func (m *Metric) check() error {
	arms := m.Baseline != nil || m.Canary != nil
	history := m.BaselineHistory != nil || m.CanaryHistory != nil
	podHistory := m.BaselinePodsHistory != nil || m.CanaryPodsHistory != nil
	switch {
	case arms && m.hasPods():
		return errors.New("it has series of the arms and of their pods: give one of them")
	case !arms && !m.hasPods():
		return errors.New("it has neither baseline and canary nor baseline_pods and canary_pods")
	case arms && (m.Baseline == nil || m.Canary == nil):
		return errors.New("it has only one arm: give baseline and canary (a list of nulls, if an arm was silent)")
	case m.hasPods() && (m.BaselinePods == nil || m.CanaryPods == nil):
		return errors.New("it has pods of one arm only: give baseline_pods and canary_pods")
	case history && (m.hasPods() || m.BaselineHistory == nil || m.CanaryHistory == nil):
		return errors.New("a history is of both arms: give baseline_history and canary_history beside baseline and canary")
	case podHistory && !m.hasPods():
		return errors.New("it has a history of pods, but no pods")
	}
	if err := m.checkTotals(); err != nil {
		return err
	}
	for _, p := range []struct {
		name          string
		window, older [][]float64
	}{{"baseline", m.BaselinePods, m.BaselinePodsHistory}, {"canary", m.CanaryPods, m.CanaryPodsHistory}} {
		if !even(p.window) || !even(p.older) {
			return fmt.Errorf("the series of the %s's pods differ in length", p.name)
		}
		if p.older != nil && len(p.older) != len(p.window) {
			return fmt.Errorf("the %s has %d pods but %d histories", p.name, len(p.window), len(p.older))
		}
	}
	return nil
}

func (m *Metric) checkTotals() error {
	some := false
	for _, p := range []struct {
		name           string
		events, totals []float64
	}{
		{"baseline", m.Baseline, m.BaselineTotals},
		{"canary", m.Canary, m.CanaryTotals},
		{"baseline_history", m.BaselineHistory, m.BaselineHistoryTotals},
		{"canary_history", m.CanaryHistory, m.CanaryHistoryTotals},
	} {
		if p.totals == nil {
			continue
		}
		some = true
		if len(p.totals) != len(p.events) {
			return fmt.Errorf("%s has %d points but %d totals", p.name, len(p.events), len(p.totals))
		}
	}
	switch {
	case !some:
		return nil
	case m.Kind != Ratio:
		return fmt.Errorf("it has totals, which a %v has no use for: its kind is ratio", m.Kind)
	case m.BaselineTotals == nil || m.CanaryTotals == nil || (m.BaselineHistory != nil) != (m.BaselineHistoryTotals != nil) ||
		(m.CanaryHistory != nil) != (m.CanaryHistoryTotals != nil):
		return errors.New("it has totals of some series only")
	}
	return nil
}

func even(series [][]float64) bool {
	for _, s := range series {
		if len(s) != len(series[0]) {
			return false
		}
	}
	return true
}

// seconds is a length of time as files write it.
func seconds(v float64) (time.Duration, error) {
	const most = float64(math.MaxInt64) / float64(time.Second)
	if !(v >= 0 && v < most) {
		return 0, fmt.Errorf("%v seconds are no length of an interval", v)
	}
	return time.Duration(v * float64(time.Second)), nil
}
