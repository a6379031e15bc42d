package judgetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// recorder is a test that notes its failures instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Logf(string, ...any)       {}
func (r *recorder) Failed() bool              { return len(r.errors) > 0 }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }

// broken is a judge of gauges that compares means, with one thing wrong.
type broken func(s judge.Sample, f *judge.Finding)

func (broken) Name() string { return "broken" }

func (b broken) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding("broken", s)
	f.Reason, f.Effect.Measure = "some reason", judge.RatioOfLevels
	mean := func(side judge.Side) float64 {
		sum := 0.0
		for _, v := range side.Values {
			sum += v
		}
		return sum / float64(len(side.Values))
	}
	f.Effect.Estimate = mean(s.Canary) / mean(s.Baseline)
	f.Effect.Low, f.Effect.High = f.Effect.Estimate/1.1, f.Effect.Estimate*1.1
	f.PValue = 1
	b(s, &f)
	return f
}

func (b broken) set(v judge.Verdict, c judge.Classification, p float64) broken {
	return func(s judge.Sample, f *judge.Finding) {
		b(s, f)
		f.Verdict, f.Classification, f.PValue = v, c, p
	}
}

// The suite must catch what it is for: each judge is broken in one way, and
// the named check must say so.
func TestSuiteCatches(t *testing.T) {
	world := Gauge{Noise: 0.1}.World("test", 30, 0).finds(1.5, 0.9)
	honest := broken(func(judge.Sample, *judge.Finding) {})
	calls := 0
	var record []int
	for _, c := range []struct {
		name  string
		j     broken
		check func(testing.TB, judge.Judge, World)
		says  string
	}{
		{"always alarms", honest.set(judge.Fail, judge.High, 0), testFalseAlarms, "false alarms: 100.00%"},
		{"always passes", honest.set(judge.Pass, judge.Similar, 1), testFalsePasses, "false passes: 100.00%"},
		{"is blind", honest, testPower, "power: a change of 1.5 is found in 0.0%"},
		{"gives no reason", func(_ judge.Sample, f *judge.Finding) { f.Reason = "" }, testFalseAlarms, "without a reason"},
		{"contradicts its interval", func(_ judge.Sample, f *judge.Finding) { f.Effect.Low = 2 * f.Effect.High }, testFalseAlarms, "outside the interval"},
		{"contradicts its P-value", honest.set(judge.Inconclusive, judge.Unclear, 0.001), testFalseAlarms, "P-value 0.001"},
		{"contradicts its classification", honest.set(judge.Pass, judge.NoData, 1), testFalseAlarms, "does not go with verdict PASS"},
		{"fails improvements", func(s judge.Sample, f *judge.Finding) {
			if s.Signal.Direction == judge.Increase {
				f.Verdict, f.Classification, f.PValue = judge.Fail, judge.Low, 0
			}
		}, testProperties, "a change to the better fails"},
		{"has an absolute tolerance", func(s judge.Sample, f *judge.Finding) {
			if s.Canary.Values[0] > 0.001 {
				f.Verdict, f.Classification = judge.Pass, judge.Similar
			}
		}, testProperties, "in a unit of 1e-06"},
		{"sees one side only", func(_ judge.Sample, f *judge.Finding) { f.Effect.Low = f.Effect.Estimate / 2 }, testProperties, "swapped sides"},
		{"remembers", func(_ judge.Sample, f *judge.Finding) {
			calls++
			f.PValue = 1 / (1 + 1e-9*float64(calls))
		}, testProperties, "gives two findings"},
		{"takes every look for the only one", func(s judge.Sample, f *judge.Finding) {
			// A test at 20 % of the logarithm, whose standard deviation is known: at
			// every look, so that a few samples show it.
			z := math.Log(f.Effect.Estimate) / 0.1 * math.Sqrt(float64(len(s.Canary.Values))/2)
			if math.Abs(z) > 1.28 {
				f.Verdict, f.Classification, f.PValue = judge.Fail, judge.High, 0.05
			}
		}, testLooks, "false alarms while looking: "},
		{"does not see large changes", func(_ judge.Sample, f *judge.Finding) {
			if f.Effect.Estimate > 1.15 && f.Effect.Estimate < 1.4 {
				f.Verdict, f.Classification = judge.Fail, judge.High
			}
		}, testMonotone, "a change of 1.5 loses"},
		{"wastes memory", func(_ judge.Sample, f *judge.Finding) {
			f.Warnings = append(f.Warnings, strings.Repeat("x", 1<<20))
		}, testMemory, "bytes a judgment, want at most"},
		{"keeps a record", func(_ judge.Sample, f *judge.Finding) {
			record = append(record, 0)
			f.Warnings = append(f.Warnings, strings.Repeat("x", len(record)*16384))
		}, testMemory, "memory grows from call to call"},
		{"has P-values that jump", func(_ judge.Sample, f *judge.Finding) {
			if f.Effect.Estimate < 1 {
				f.PValue = 0.5
			}
		}, func(t testing.TB, j judge.Judge, w World) { testMonotonePValue(t, j, w, 5) }, "the P-value goes from 0.5 to 1"},
		{"judges ratios around zero", honest, testShift, "shifted: got"},
		{"fails without a P-value", honest.set(judge.Fail, judge.High, math.NaN()), func(t testing.TB, j judge.Judge, _ World) {
			testHostilePods(t, j)
		}, "FAIL without a P-value"},
		{"sorts in place", func(s judge.Sample, f *judge.Finding) {
			f.Effect.Estimate, f.Effect.Low, f.Effect.High = 1, 0.5, 2
			slices.Sort(s.Baseline.Values)
		}, testProperties, "changed its sample"},
		{"passes without data", honest.set(judge.Pass, judge.Similar, 1), func(t testing.TB, j judge.Judge, w World) {
			testHostile(t, j, w.Kind)
		}, "verdict PASS"},
	} {
		var r recorder
		c.check(&r, c.j, world)
		if got := strings.Join(r.errors, "\n"); !strings.Contains(got, c.says) {
			t.Errorf("a judge that %s: the suite says %.300q, want %q", c.name, got, c.says)
		}
	}
}

func TestDraw(t *testing.T) {
	for _, w := range slices.Concat(Gauges(), Counts(), Ratios(), Pods()) {
		s := w.Draw(w.source(1), 1)
		again := w.Draw(w.source(1), 1)
		if !slices.Equal(s.Canary.Values, again.Canary.Values) {
			t.Errorf("%s: the same seed draws two samples", w.Name)
		}
		if len(s.Baseline.Values) != w.Intervals || len(s.Canary.Values) != w.Intervals || s.Signal.Kind != w.Kind {
			t.Errorf("%s: %d and %d intervals of kind %v", w.Name, len(s.Baseline.Values), len(s.Canary.Values), s.Signal.Kind)
		}
		if (s.History != nil) != (w.History > 0) || s.History != nil && len(s.History.Canary.Values) != w.History {
			t.Errorf("%s: history is not %d intervals", w.Name, w.History)
		}
		if s.Pods != nil && (len(s.Pods.Canary[0].Values) != w.Intervals || (s.Pods.CanaryHistory != nil) != (w.History > 0)) {
			t.Errorf("%s: pods have %d intervals, histories of %d pods", w.Name, len(s.Pods.Canary[0].Values), len(s.Pods.CanaryHistory))
		}
		for i, v := range s.Canary.Totals {
			if w.Kind == judge.Ratio && s.Canary.Values[i] > v {
				t.Errorf("%s: %v events of %v", w.Name, s.Canary.Values[i], v)
			}
		}
	}
}

// The worlds are what they say.
func TestWorlds(t *testing.T) {
	const n = 20000
	logs := func(g Gauge) []float64 {
		p := g.World("test", n, 0).Draw(World{Name: "test"}.source(1), 1)
		d := make([]float64, n)
		for i, b := range p.Baseline.Values {
			d[i] = math.Log(p.Canary.Values[i] / b)
		}
		return d
	}
	for _, g := range []Gauge{{Noise: 0.2}, {Noise: 0.2, Rho: 0.6}, {Noise: 0.2, Shock: 3, Swing: 1}, {Noise: 0.2, Rho: 0.3, Heavy: true}} {
		d := logs(g)
		var squares, products float64
		for i := 1; i < n; i++ {
			squares += d[i] * d[i]
			products += d[i] * d[i-1]
		}
		// The two arms' noise adds up; what they share cancels.
		if sd := math.Sqrt(squares / n); math.Abs(sd-0.2*math.Sqrt2) > 0.03 {
			t.Errorf("%+v: standard deviation %.3f, want %.3f", g, sd, 0.2*math.Sqrt2)
		}
		if rho := products / squares; math.Abs(rho-g.Rho) > 0.03 {
			t.Errorf("%+v: autocorrelation %.3f", g, rho)
		}
	}

	events := Events{Rate: 5, Fano: 3, Canary: 0.1}
	p := events.World("test", n, 0).Draw(World{Name: "test"}.source(1), 2)
	mean, squares, canary := 0.0, 0.0, 0.0
	for i, v := range p.Baseline.Values {
		mean += v / n
		squares += v * v / n
		canary += p.Canary.Values[i] / n
	}
	if fano := (squares - mean*mean) / mean; math.Abs(mean-5) > 0.2 || math.Abs(fano-3) > 0.2 || math.Abs(canary-1) > 0.1 {
		t.Errorf("%+v: mean %.2f, variance / mean %.2f, canary %.2f", events, mean, fano, canary)
	}
}
