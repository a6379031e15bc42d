package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
)

// The tests of this file are inputs as nobody wants to send them. Whatever
// comes in, a judgment comes out: no panic, no PASS without data, a reason for
// every finding, and the verdict is that of the findings.

// judgeHard judges inputs and checks what holds of every judgment.
func judgeHard(t *testing.T, name string, inputs []analysis.Input, alpha float64) judge.Judgment {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: panic: %v", name, p)
		}
	}()
	j := analysis.Judge(inputs, alpha)
	if len(j.Findings) != len(inputs) {
		t.Errorf("%s: %d findings of %d inputs", name, len(j.Findings), len(inputs))
	}
	if j.Summary == "" || !strings.HasPrefix(j.Summary, j.Verdict.String()) {
		t.Errorf("%s: verdict %v with summary %q", name, j.Verdict, j.Summary)
	}
	if !(j.Score >= 0 && j.Score <= 100) {
		t.Errorf("%s: a score of %v", name, j.Score)
	}
	for _, f := range j.Findings {
		e := f.Effect
		switch {
		case f.Reason == "":
			t.Errorf("%s: a finding without a reason: %+v", name, f)
		case e.Low > e.Estimate || e.Estimate > e.High:
			t.Errorf("%s: the estimate is outside of its interval: %+v", name, e)
		case f.Verdict == judge.Pass && (math.IsNaN(e.Estimate) || f.Baseline.Count == 0 || f.Canary.Count == 0):
			t.Errorf("%s: PASS without data: %+v", name, f)
		case f.Verdict == judge.Fail && f.Signal.Direction == judge.Increase && f.Classification == judge.Low:
			t.Errorf("%s: a change to the better fails: %+v", name, f)
		}
	}
	return j
}

// hard are values that a query may return, by what is hard about them.
var hard = map[string]func(i int) float64{
	"zero":          func(int) float64 { return 0 },
	"one":           func(int) float64 { return 1 },
	"plain":         func(i int) float64 { return 100 + float64(i*7%11) },
	"denormal":      func(i int) float64 { return math.SmallestNonzeroFloat64 * float64(1+i%3) },
	"huge":          func(i int) float64 { return 1e308 * (1 - 0.1*float64(i%3)) },
	"huge and tiny": func(i int) float64 { return map[bool]float64{true: 1e308, false: 1e-308}[i%2 == 0] },
	"both signs":    func(i int) float64 { return 1e308 * float64(i%3-1) },
	"missing":       func(int) float64 { return math.NaN() },
	"infinite":      func(int) float64 { return math.Inf(1) },
	"one at last":   func(i int) float64 { return map[bool]float64{true: 5, false: math.NaN()}[i == 59] },
}

func hardSide(name string, n int) judge.Side {
	s := judge.Side{Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = hard[name](i)
	}
	return s
}

func only(s judge.Sample) []analysis.Input {
	s.Signal.Name = "signal"
	return []analysis.Input{{Sample: s}}
}

// plain is a healthy sample with a history.
func plain() judge.Sample {
	s := judgetest.Gauge{Noise: 0.1}.World("plain", 60, 120).Draw(rand.New(rand.NewPCG(1, 2)), 1)
	increases(&s)
	s.Step = time.Minute
	return s
}

func TestHardValues(t *testing.T) {
	for _, kind := range []judge.Kind{judge.Gauge, judge.Count, judge.Ratio, judge.Distribution, judge.Kind(17)} {
		for b := range hard {
			for c := range hard {
				for _, n := range []int{0, 1, 2, 9, 60} {
					for _, past := range []int{0, 1, 20, 120} {
						s := judge.Sample{Signal: judge.Signal{Kind: kind, Direction: judge.Increase}}
						s.Baseline, s.Canary = hardSide(b, n), hardSide(c, n)
						if kind == judge.Ratio {
							s.Baseline.Totals, s.Canary.Totals = hardSide("plain", n).Values, hardSide(c, n).Values
						}
						if past > 0 {
							s.History = &judge.Pair{Baseline: hardSide(c, past), Canary: hardSide(b, past)}
						}
						name := fmt.Sprintf("%v, %s against %s, %d intervals after %d", kind, c, b, n, past)
						j := judgeHard(t, name, only(s), 0.05)
						if (n == 0 || b == "missing" || c == "missing") && j.Verdict == judge.Pass {
							t.Errorf("%s: %v", name, j.Verdict)
						}
						if t.Failed() {
							return
						}
					}
				}
			}
		}
	}
}

// Both sides all equal is the most harmless thing there is, at any size.
func TestHardEqualValues(t *testing.T) {
	for _, name := range []string{"zero", "one", "plain", "denormal", "huge", "huge and tiny", "both signs"} {
		s := plain()
		s.History = nil
		s.Baseline, s.Canary = hardSide(name, 60), hardSide(name, 60)
		if j := judgeHard(t, name, only(s), 0.05); j.Verdict != judge.Pass && name != "huge and tiny" && name != "both signs" {
			t.Errorf("%s on both sides: %v", name, j.Summary)
		} else if j.Verdict == judge.Fail {
			t.Errorf("%s on both sides: %v", name, j.Summary)
		}
	}
}

// Ten times as much is found at any size.
func TestHardSizes(t *testing.T) {
	for _, unit := range []float64{1e-300, 1e-100, 1e-5, 1, 1e5, 1e100, 1e300} {
		s := plain()
		for _, side := range []judge.Side{s.Baseline, s.Canary, s.History.Baseline, s.History.Canary} {
			for i := range side.Values {
				side.Values[i] *= unit
			}
		}
		if j := judgeHard(t, "healthy", only(s), 0.05); j.Verdict != judge.Pass {
			t.Errorf("in a unit of %g: %s", unit, j.Summary)
		}
		for i := range s.Canary.Values {
			s.Canary.Values[i] *= 10
		}
		if j := judgeHard(t, "ten times", only(s), 0.05); j.Verdict != judge.Fail {
			t.Errorf("ten times as much in a unit of %g: %s", unit, j.Summary)
		}
	}
}

// A margin or a weight that means nothing must not make a healthy release fail
// or a sick one pass.
func TestHardSignals(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, margin := range []float64{0, -1, -0.05, -inf, nan, inf, 1e308} {
		for _, absolute := range []float64{0, -1, nan, inf} {
			for _, weight := range []float64{0, -1, 1e300} {
				for _, change := range []float64{1, 10} {
					s := plain()
					s.Signal.Margin = judge.Margin{Relative: margin, Absolute: absolute}
					s.Signal.Tolerance = judge.Margin{Relative: 0.25}
					s.Signal.Weight = weight
					for i := range s.Canary.Values {
						s.Canary.Values[i] *= change
					}
					name := fmt.Sprintf("x%g, margin %g and %g, weight %g", change, margin, absolute, weight)
					j := judgeHard(t, name, only(s), 0.05)
					if change == 1 && j.Verdict == judge.Fail {
						t.Errorf("%s: %s", name, j.Summary)
					}
					if change == 10 && j.Verdict == judge.Pass && !(margin > 9 || absolute > 9) {
						t.Errorf("%s: %s", name, j.Summary)
					}
				}
			}
		}
	}
	// Margins of 0 are a margin: what is beyond chance is beyond them.
	s := plain()
	s.Signal.Margin, s.Signal.Tolerance = judge.Margin{}, judge.Margin{}
	if j := judgeHard(t, "no margins", only(s), 0.05); j.Verdict == judge.Fail {
		t.Errorf("no margins: %s", j.Summary)
	}
	// Directions and kinds out of their range.
	s.Signal.Direction = judge.Direction(9)
	judgeHard(t, "direction 9", only(s), 0.05)
}

func TestHardErrorProbabilities(t *testing.T) {
	s := plain()
	for i := range s.Canary.Values {
		s.Canary.Values[i] *= 1.5
	}
	for _, c := range []struct {
		alpha float64
		want  judge.Verdict
	}{
		{0, judge.Fail}, // the default
		{-1, judge.Fail},
		{0.05, judge.Fail},
		{math.Inf(1), judge.Error},
		{math.NaN(), judge.Error},
	} {
		if j := judgeHard(t, fmt.Sprintf("alpha %g", c.alpha), only(s), c.alpha); j.Verdict != c.want {
			t.Errorf("alpha %g: %s, want %v", c.alpha, j.Summary, c.want)
		}
	}
	for _, alpha := range []float64{1e-300, 5e-324, 0.999999999, math.Nextafter(1, 0), 1, 2} {
		judgeHard(t, fmt.Sprintf("alpha %g", alpha), only(s), alpha)
	}
	for _, level := range []float64{0, math.NaN(), -1, 2, math.Inf(1)} {
		s.Look = func(float64) float64 { return level }
		j := judgeHard(t, fmt.Sprintf("a look that returns %g", level), only(s), 0.05)
		if level <= 0 && j.Verdict == judge.Fail {
			t.Errorf("a look that may spend %g: %s", level, j.Summary)
		}
		if !(level <= 1) && j.Verdict == judge.Pass {
			t.Errorf("a look that returns %g: %s", level, j.Summary)
		}
	}
}

// A history is a help: one that is none must not change what the window says.
func TestHardHistories(t *testing.T) {
	side := func(n int, v float64) judge.Side { return judge.Side{Values: slices.Repeat([]float64{v}, n)} }
	for name, h := range map[string]*judge.Pair{
		"all NaN":      {Baseline: side(480, math.NaN()), Canary: side(480, math.NaN())},
		"all infinite": {Baseline: side(480, math.Inf(1)), Canary: side(480, math.Inf(1))},
		"unlike":       {Baseline: side(480, 1), Canary: side(3, 1)},
		"one-sided":    {Baseline: side(480, 1)},
		"empty":        {},
		"of one point": {Baseline: side(1, 1), Canary: side(1, 1)},
		"with totals":  {Baseline: judge.Side{Values: side(60, 1).Values, Totals: side(60, 1).Values}, Canary: side(60, 1)},
	} {
		for _, change := range []float64{1, 3} {
			s := plain()
			s.History = h
			for i := range s.Canary.Values {
				s.Canary.Values[i] *= change
			}
			want := judge.Pass
			if change > 1 {
				want = judge.Fail
			}
			j := judgeHard(t, "history "+name, only(s), 0.05)
			if j.Verdict != want {
				t.Errorf("history %s, x%g: %s", name, change, j.Summary)
			}
		}
	}
}

func TestHardPods(t *testing.T) {
	good := plain().Baseline
	short := judge.Side{Values: good.Values[:7]}
	missing := hardSide("missing", 60)
	lists := map[string][]judge.Side{
		"nil": nil, "none": {}, "one": {good}, "three": {good, good, good}, "unlike lengths": {good, short, {}},
		"short": {short, short}, "empty": {{}, {}, {}}, "missing": {missing, missing},
		"huge": {hardSide("huge", 60), good}, "both signs": {hardSide("both signs", 60), good}, "zero": {hardSide("zero", 60)},
	}
	for b, baseline := range lists {
		for c, canary := range lists {
			for _, history := range []map[string][]judge.Side{{}, {"b": baseline, "c": canary}, {"b": canary, "c": baseline}} {
				for kind := range 3 {
					s := plain()
					s.Signal.Kind = judge.Kind(kind)
					if s.Signal.Kind == judge.Ratio {
						s.Baseline.Totals, s.Canary.Totals = hardSide("plain", 60).Values, hardSide("plain", 60).Values
						s.History = nil
					}
					s.Pods = &judge.Pods{Baseline: baseline, Canary: canary, BaselineHistory: history["b"], CanaryHistory: history["c"]}
					j := judgeHard(t, fmt.Sprintf("pods %s against %s", c, b), only(s), 0.05)
					if kind == 0 && b == c && j.Verdict == judge.Fail {
						t.Errorf("pods %s on both sides: %s", b, j.Summary)
					}
				}
			}
		}
	}
}

// Five thousand signals are judged together, each at its share of the error.
func TestHardManySignals(t *testing.T) {
	const signals, sick = 5000, 4321
	world := judgetest.Gauge{Noise: 0.1}.World("many", 30, 60)
	r := rand.New(rand.NewPCG(5000, 1))
	inputs := make([]analysis.Input, signals)
	for i := range inputs {
		change := 1.0
		if i == sick {
			change = 5
		}
		s := world.Draw(r, change)
		increases(&s)
		s.Signal.Name = fmt.Sprintf("signal %d", i)
		inputs[i] = analysis.Input{Sample: s}
	}
	j := judgeHard(t, "5,000 signals", inputs, 0.05)
	if j.Verdict != judge.Fail || j.Findings[0].Signal.Name != fmt.Sprintf("signal %d", sick) || j.Findings[1].Verdict == judge.Fail {
		t.Errorf("%v: %s", j.Verdict, j.Summary)
	}
	if len(j.Summary) > 300 {
		t.Errorf("the summary has %d letters: %s", len(j.Summary), j.Summary)
	}
}

// Two signals of one name are the caller's mistake, which must not mix up their
// judges silently.
func TestHardNames(t *testing.T) {
	s := plain()
	judgeHard(t, "no names", []analysis.Input{{Sample: s}, {Sample: s}}, 0.05)
	judgeHard(t, "nothing", nil, 0.05)
	judgeHard(t, "no such judge", []analysis.Input{{Sample: s, Judge: "nonesuch"}}, 0.05)
	judgeHard(t, "no sample", []analysis.Input{{}}, 0.05)
}

// A long window is judged in time and memory that grow with it: 10,000,000
// intervals take some seconds and six times their own size (BenchmarkHard).
func TestHardLongWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("a second")
	}
	n := 1_000_000
	if _, long := judgetest.Trials(0); long {
		n = 10_000_000
	}
	s := longWindow(n)
	if j := judgeHard(t, "healthy", only(s), 0.05); j.Verdict != judge.Pass {
		t.Errorf("%d intervals: %s", n, j.Summary)
	}
	for i := range s.Canary.Values {
		s.Canary.Values[i] *= 1.5
	}
	if j := judgeHard(t, "+50 %", only(s), 0.05); j.Verdict != judge.Fail {
		t.Errorf("+50 %% of %d intervals: %s", n, j.Summary)
	}
}

func longWindow(n int) judge.Sample {
	s := judge.Sample{Signal: judge.Signal{Name: "long"}}
	increases(&s)
	r := rand.New(rand.NewPCG(7, uint64(n)))
	s.Baseline.Values, s.Canary.Values = make([]float64, n), make([]float64, n)
	for i := range n {
		s.Baseline.Values[i] = math.Exp(0.2 * r.NormFloat64())
		s.Canary.Values[i] = math.Exp(0.2 * r.NormFloat64())
	}
	return s
}

// BenchmarkHard judges one gauge of so many intervals by the default judges,
// and a release of many signals.
func BenchmarkHard(b *testing.B) {
	for _, n := range []int{60, 1440, 1e5, 1e6} {
		b.Run(fmt.Sprintf("intervals=%d", n), func(b *testing.B) {
			inputs := only(longWindow(n))
			b.ReportAllocs()
			for b.Loop() {
				analysis.Judge(inputs, 0.05)
			}
		})
	}
	b.Run("signals=5000", func(b *testing.B) {
		r := rand.New(rand.NewPCG(5000, 2))
		inputs := release(judgetest.Gauge{Noise: 0.1}.World("many", 60, 120), r, 5000, "")
		b.ReportAllocs()
		for b.Loop() {
			analysis.Judge(inputs, 0.05)
		}
	})
}

// Two signals of one name are an error, not one signal.
func TestSameName(t *testing.T) {
	s := judge.Sample{Signal: judge.Signal{Name: "a"}}
	for range 20 {
		s.Baseline.Values, s.Canary.Values = append(s.Baseline.Values, 1), append(s.Canary.Values, 1)
	}
	j := analysis.Judge([]analysis.Input{{Sample: s}, {Sample: s}}, 0.05)
	if j.Verdict != judge.Error {
		t.Errorf("%v: %s", j.Verdict, j.Summary)
	}
}
