package judgetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// alpha is the error probability that the simulations promise.
const alpha = 0.05

const (
	// looksFrom is the first interval at which somebody looks.
	looksFrom = 5
	// excessOfLooks is what false alarms under a look every interval may exceed
	// their promise by where a history calibrates the judge, and without one:
	// the promise of docs/statistics.md.
	excessOfLooks, excessOfBlindLooks = 1.3, 2
)

// Run tests that j keeps what the package comment says, in the given worlds.
func Run(t *testing.T, j judge.Judge, worlds ...World) {
	t.Helper()
	if len(worlds) == 0 {
		t.Fatal("judgetest.Run: no worlds given; pass Gauges(), Counts() or Ratios()")
	}
	if j.Name() == "" {
		t.Error("the judge has no name")
	}
	for _, w := range worlds {
		t.Run(w.Name, func(t *testing.T) {
			t.Run("false alarms", func(t *testing.T) { testFalseAlarms(t, j, w) })
			t.Run("false alarms while looking", func(t *testing.T) { testLooks(t, j, w) })
			t.Run("false passes", func(t *testing.T) { testFalsePasses(t, j, w) })
			if w.Change > 0 {
				t.Run("power", func(t *testing.T) { testPower(t, j, w) })
			}
			t.Run("monotonicity", func(t *testing.T) { testMonotone(t, j, w) })
			t.Run("properties", func(t *testing.T) { testProperties(t, j, w) })
		})
	}
	type shape struct {
		kind judge.Kind
		pods bool
	}
	var shapes []shape
	for _, w := range worlds {
		one := shape{w.Kind, w.Draw(w.source(0), 1).Pods != nil}
		if slices.Contains(shapes, one) {
			continue
		}
		shapes = append(shapes, one)
		if one.pods {
			t.Run("hostile input of pods", func(t *testing.T) { testHostilePods(t, j) })
		} else {
			t.Run(fmt.Sprintf("hostile input of kind %d", w.Kind), func(t *testing.T) { testHostile(t, j, w.Kind) })
		}
		t.Run(fmt.Sprintf("memory for kind %d", w.Kind), func(t *testing.T) { testMemory(t, j, w) })
	}
}

// usualTrials is how many samples the simulations of Run draw, usualLookTrials
// those that look at every usualLooksApart intervals; every interval is looked
// at where TrialsVariable asks for a long run.
const (
	usualTrials     = 1000
	usualLookTrials = 400
	usualLooksApart = 5
)

// rate runs an experiment whose every finding must make sense.
func (e Experiment) rate(t testing.TB, change float64, v judge.Verdict) Rate {
	t.Helper()
	if e.Samples == 0 {
		e.Samples, _ = Trials(usualTrials)
	}
	e.Alpha = alpha
	found, err := e.found(change, v, func(s judge.Sample, f judge.Finding) bool {
		checkFinding(t, e.Judge, s, f)
		return !t.Failed()
	})
	if err != nil {
		t.Error(err)
	}
	return found.Rate
}

// atMost returns the bound for a rate that is promised to be p: three standard
// errors above it.
func (r Rate) atMost(p float64) float64 {
	return p + 3*math.Sqrt(p*(1-p)/float64(max(r.Samples, 1)))
}

func testFalseAlarms(t testing.TB, j judge.Judge, w World) {
	got := Experiment{Judge: j, World: w}.rate(t, 1, judge.Fail)
	t.Logf("%v of %d healthy canaries fail at alpha %g", got, got.Samples, alpha)
	if most := got.atMost(alpha * max(w.Excess, 1)); got.Share() > most {
		t.Errorf("false alarms: %.2f%%, want at most %.2f%%", 100*got.Share(), 100*most)
	}
}

func testLooks(t testing.TB, j judge.Judge, w World) {
	n, long := Trials(usualLookTrials)
	apart := usualLooksApart
	if long {
		apart = 1
	}
	e := Experiment{Judge: j, World: w, Looks: LooksEvery(looksFrom, apart, w.Intervals), Samples: n}
	got := e.rate(t, 1, judge.Fail)
	t.Logf("%v of %d healthy canaries fail at alpha %g in one of %d looks", got, got.Samples, alpha, len(e.Looks))
	excess := excessOfLooks
	if w.History < calibrating {
		excess = excessOfBlindLooks
	}
	if most := got.atMost(alpha * max(w.Excess, excess)); got.Share() > most {
		t.Errorf("false alarms while looking: %.2f%%, want at most %.2f%%", 100*got.Share(), 100*most)
	}
}

func testFalsePasses(t testing.TB, j judge.Judge, w World) {
	const tolerance = 0.25
	got := Experiment{Judge: j, World: w, Prepare: func(s *judge.Sample) {
		s.Signal.Direction = judge.Increase
		s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = tolerance, tolerance
	}}.rate(t, 1+tolerance, judge.Pass)
	t.Logf("%v of %d canaries at the tolerance pass", got, got.Samples)
	// One end of a two-sided interval.
	if most := got.atMost(alpha / 2 * max(w.Excess, 1)); got.Share() > most {
		t.Errorf("false passes: %.2f%%, want at most %.2f%%", 100*got.Share(), 100*most)
	}
}

func testPower(t testing.TB, j judge.Judge, w World) {
	got := Experiment{Judge: j, World: w}.rate(t, w.Change, judge.Fail)
	t.Logf("%v of %d canaries with a change of %g are found", got, got.Samples, w.Change)
	if got.Share() < w.Power {
		t.Errorf("power: a change of %g is found in %.1f%%, want %.1f%%", w.Change, 100*got.Share(), 100*w.Power)
	}
}
