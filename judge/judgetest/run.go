package judgetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// alpha is the error probability that the simulations promise.
const alpha = 0.05

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
			t.Run("false passes", func(t *testing.T) { testFalsePasses(t, j, w) })
			if w.Change > 0 {
				t.Run("power", func(t *testing.T) { testPower(t, j, w) })
			}
			t.Run("properties", func(t *testing.T) { testProperties(t, j, w) })
		})
	}
	var kinds []judge.Kind
	for _, w := range worlds {
		if !slices.Contains(kinds, w.Kind) {
			kinds = append(kinds, w.Kind)
			t.Run(fmt.Sprintf("hostile input of kind %d", w.Kind), func(t *testing.T) { testHostile(t, j, w.Kind) })
		}
	}
}

// trials returns how many samples a simulation draws.
func trials() int {
	if testing.Short() {
		return 200
	}
	return 2000
}

func (w World) random() *rand.Rand {
	seed := uint64(14695981039346656037) // FNV-1a of the name: other worlds, other numbers
	for _, b := range []byte(w.Name) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, 1))
}

// share returns the share of samples of w for which j's verdict is v.
func (w World) share(t testing.TB, j judge.Judge, v judge.Verdict, draw func(*rand.Rand) judge.Sample) float64 {
	t.Helper()
	r, n, hits := w.random(), trials(), 0
	for range n {
		s := draw(r)
		s.Alpha = alpha
		f := j.Judge(s)
		checkFinding(t, j, s, f)
		if t.Failed() {
			break
		}
		if f.Verdict == v {
			hits++
		}
	}
	return float64(hits) / float64(n)
}

// atMost returns the bound for a rate that is promised to be p: three standard
// errors above it.
func (w World) atMost(p float64) float64 {
	p *= max(w.Excess, 1)
	return p + 3*math.Sqrt(p*(1-p)/float64(trials()))
}

func testFalseAlarms(t testing.TB, j judge.Judge, w World) {
	got := w.share(t, j, judge.Fail, func(r *rand.Rand) judge.Sample { return w.Draw(r, 1) })
	t.Logf("%.2f%% of %d healthy canaries fail at alpha %g", 100*got, trials(), alpha)
	if most := w.atMost(alpha); got > most {
		t.Errorf("false alarms: %.2f%%, want at most %.2f%%", 100*got, 100*most)
	}
}

func testFalsePasses(t testing.TB, j judge.Judge, w World) {
	const tolerance = 0.25
	got := w.share(t, j, judge.Pass, func(r *rand.Rand) judge.Sample {
		s := w.Draw(r, 1+tolerance)
		s.Signal.Direction = judge.Increase
		s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = tolerance, tolerance
		return s
	})
	t.Logf("%.2f%% of %d canaries at the tolerance pass", 100*got, trials())
	// One end of a two-sided interval.
	if most := w.atMost(alpha / 2); got > most {
		t.Errorf("false passes: %.2f%%, want at most %.2f%%", 100*got, 100*most)
	}
}

func testPower(t testing.TB, j judge.Judge, w World) {
	got := w.share(t, j, judge.Fail, func(r *rand.Rand) judge.Sample { return w.Draw(r, w.Change) })
	t.Logf("%.1f%% of %d canaries with a change of %g are found", 100*got, trials(), w.Change)
	if got < w.Power {
		t.Errorf("power: a change of %g is found in %.1f%%, want %.1f%%", w.Change, 100*got, 100*w.Power)
	}
}
