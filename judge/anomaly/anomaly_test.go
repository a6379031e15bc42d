package anomaly_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
)

func says(t *testing.T, what, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%s: %q does not say %q", what, text, want)
	}
}

func constant(v float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

func noisy(r *rand.Rand, level, sd float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = level * math.Exp(sd*r.NormFloat64())
	}
	return x
}

func sampleOf(history, window []float64) judge.Sample {
	return judge.Sample{
		Signal: judge.Signal{
			Name: "latency", Unit: "s", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair:    judge.Pair{Canary: judge.Side{Values: window}},
		History: &judge.Pair{Canary: judge.Side{Values: history}},
		Step:    time.Minute,
	}
}

func TestVerdicts(t *testing.T) {
	nan := math.NaN()
	r := rand.New(rand.NewPCG(1, 1))
	calm := noisy(r, 0.2, 0.1, 300)
	late := slices.Concat(noisy(r, 0.2, 0.05, 20), noisy(r, 0.4, 0.05, 40))
	silent := slices.Concat(noisy(r, 0.2, 0.1, 40), constant(nan, 20))
	for _, c := range []struct {
		name            string
		history, window []float64
		verdict         judge.Verdict
		says            string
	}{
		{"the same", calm, noisy(r, 0.2, 0.1, 30), judge.Pass, "within the tolerance of 25% of what its own history lets expect (5 hours of history, 6 windows of it forecast; weaker evidence than a concurrent baseline)"},
		{"slower", calm, noisy(r, 0.3, 0.1, 60), judge.Fail, "worse than its own history lets expect by more than the margin of 5% (5 hours of history; since the window began; weaker evidence"},
		{"faster", calm, noisy(r, 0.1, 0.1, 60), judge.Pass, "better than its own history lets expect"},
		{"slower from minute 20 on", calm, late, judge.Fail, "since 40 minutes before the end"},
		{"slower before the window", slices.Concat(calm, noisy(r, 0.3, 0.05, 20)), noisy(r, 0.3, 0.05, 60), judge.Fail, "weaker evidence"},
		{"a wandering history", walk(r, 60, 0.05), walk(r, 30, 0.05), judge.Inconclusive, "the history wanders so much that its 60 intervals are worth"},
		{"too early", calm, noisy(r, 0.2, 0.1, 9), judge.Inconclusive, "too early to tell: 9 of the 10 intervals with data that are needed; 1 more interval (60 seconds) to go"},
		{"a short history", calm[:29], noisy(r, 2, 0.1, 20), judge.Inconclusive, "a history of 29 intervals with data, 30 are needed"},
		{"a history shorter than the window", calm[:59], noisy(r, 2, 0.1, 60), judge.Inconclusive, "shorter than the window of 60"},
		{"no history", nil, calm, judge.Inconclusive, "there is neither a baseline nor a history to compare with"},
		{"a dark window", calm, constant(nan, 30), judge.Inconclusive, "the canary has no data in 30 intervals"},
		{"no window", calm, nil, judge.Inconclusive, "the canary has no data in 0 intervals"},
		{"fallen silent", calm, silent, judge.Inconclusive, "the canary has reported nothing in the last 15 intervals"},
		{"constant", constant(3, 100), constant(3, 30), judge.Pass, "all 30 intervals have the value of the whole history"},
		{"constant and another", constant(3, 100), constant(4, 30), judge.Fail, "worse than its own history"},
		{"constant, few", constant(3, 100), constant(4, 10), judge.Fail, "worse than its own history"},
		{"constant, then noisy", constant(0.2, 100), noisy(r, 0.4, 0.1, 30), judge.Fail, "worse than its own history"},
		{"zeros", constant(0, 100), constant(0, 30), judge.Pass, "all 30 intervals"},
		{"huge", constant(1e308, 100), constant(-1e308, 30), judge.Pass, "better"},
	} {
		s := sampleOf(c.history, c.window)
		f := anomaly.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict != c.verdict {
			t.Errorf("%s: %v, want %v: %s", c.name, f.Verdict, c.verdict, f.Reason)
		}
		says(t, c.name, f.Reason, c.says)
		if f.Verdict == judge.Fail || f.Verdict == judge.Pass {
			says(t, c.name, strings.Join(f.Warnings, " "), "there is no concurrent baseline")
		}
		if c.name == "slower before the window" {
			says(t, c.name, strings.Join(f.Warnings, " "), "before the window began: the release may not be the cause")
		}
	}
}

func walk(r *rand.Rand, n int, step float64) []float64 {
	x, level := make([]float64, n), 0.0
	for i := range x {
		level += step * r.NormFloat64()
		x[i] = math.Exp(level)
	}
	return x
}

func TestErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	sane := sampleOf(noisy(r, 1, 0.1, 100), noisy(r, 1, 0.1, 30))
	for name, change := range map[string]func(s *judge.Sample){
		"the error probability must lie between 0 and 1": func(s *judge.Sample) { s.Alpha = 1 },
		"a ratio needs totals":                           func(s *judge.Sample) { s.Signal.Kind = judge.Ratio },
		"cannot judge histograms":                        func(s *judge.Sample) { s.Signal.Kind = judge.Distribution },
		"29 totals for 30 values":                        func(s *judge.Sample) { s.Canary.Totals = constant(1, 29) },
		"only one of history and window has totals":      func(s *judge.Sample) { s.Canary.Totals = constant(1, 30) },
	} {
		s := sane
		change(&s)
		f := anomaly.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict != judge.Error {
			t.Errorf("%s: %v: %s", name, f.Verdict, f.Reason)
		}
		says(t, name, f.Reason, name)
	}
}

// A concurrent baseline is not looked at, and that is said.
func TestBaselineIsNotLookedAt(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := sampleOf(noisy(r, 1, 0.1, 100), noisy(r, 1, 0.1, 30))
	f := anomaly.Judge{}.Judge(s)
	s.Baseline.Values = constant(math.NaN(), 30)
	if g := (anomaly.Judge{}).Judge(s); g.Effect != f.Effect || len(g.Warnings) != len(f.Warnings) {
		t.Errorf("a baseline without data changes %+v to %+v", f, g)
	}
	s.Baseline.Values = constant(7, 30)
	g := anomaly.Judge{}.Judge(s)
	if g.Effect != f.Effect {
		t.Errorf("a baseline changes %v to %v", f.Effect, g.Effect)
	}
	says(t, "baseline", strings.Join(g.Warnings, " "), "a concurrent baseline is stronger evidence")
}

// A window at night is not compared with the day.
func TestSeason(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	w := world{history: 7 * day, window: 24, noise: 0.05, rho: 0.3, swing: 0.8}
	for _, c := range []struct {
		name   string
		season time.Duration
		says   string
		warns  string
	}{
		{"found", 0, "7 seasons of 24 hours", ""},
		{"given", 24 * time.Hour, "7 seasons of 24 hours", ""},
		{"none", anomaly.NoSeason, "7 days of history", ""},
		{"too long", 7 * 24 * time.Hour, "7 days of history", "does not hold 2 seasons of 7 days"},
		{"no whole number", 100 * time.Second, "7 days of history", "is not a whole number of intervals of 15 minutes"},
	} {
		s := w.draw(r, 1)
		f := anomaly.Judge{Season: c.season}.Judge(s)
		says(t, c.name, f.Reason, c.says)
		says(t, c.name, strings.Join(f.Warnings, " "), c.warns)
		if known := c.warns == "" && c.season >= 0; known && (f.Effect.High/f.Effect.Low > 1.2) {
			t.Errorf("%s: a season that was taken off leaves %v", c.name, f.Effect)
		}
	}
	s := w.draw(r, 1)
	s.Step = 0
	f := anomaly.Judge{Season: 24 * time.Hour}.Judge(s)
	says(t, "no step", strings.Join(f.Warnings, " "), "the length of an interval is not known")
	says(t, "no step", anomaly.Judge{}.Judge(s).Reason, "7 seasons of 96 intervals")
}

// Shares and differences are judged as levels.
func TestKinds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s := sampleOf(nil, nil)
	s.Signal.Kind, s.Signal.Margin = judge.Ratio, judge.Margin{Absolute: 0.01}
	draw := func(share float64, n int) judge.Side {
		side := judge.Side{Values: make([]float64, n), Totals: constant(1000, n)}
		for i := range n {
			side.Values[i] = math.Round(1000 * max(share+0.004*r.NormFloat64(), 0))
		}
		side.Totals[3] = 0
		return side
	}
	s.History.Canary = draw(0.002, 400)
	for share, want := range map[float64]judge.Verdict{0.05: judge.Fail, 0.002: judge.Pass} {
		s.Canary = draw(share, 40)
		f := anomaly.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict != want || f.Effect.Measure != judge.Difference {
			t.Errorf("share %v: %v, %v: %s", share, f.Verdict, f.Effect, f.Reason)
		}
	}
}

// The unit does not matter, and bits do not change where it is a power of two.
func TestScale(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 20 {
		s := sampleOf(noisy(r, 1, 0.2, 200), noisy(r, 1.2, 0.2, 40))
		if r.IntN(2) == 0 {
			s.History.Canary.Values[3] = -0.5 // differences
		}
		f := anomaly.Judge{}.Judge(s)
		for _, unit := range []float64{0x1p-30, 0x1p30, 1e-6, 1e6} {
			m := sampleOf(slices.Clone(s.History.Canary.Values), slices.Clone(s.Canary.Values))
			for _, x := range [][]float64{m.History.Canary.Values, m.Canary.Values} {
				for i := range x {
					x[i] *= unit
				}
			}
			g := anomaly.Judge{}.Judge(m)
			of := 1.0
			if f.Effect.Measure == judge.Difference {
				of = unit
			}
			// Logarithms of other numbers round differently.
			if g.Verdict != f.Verdict || math.Abs(g.Effect.Low-of*f.Effect.Low) > 1e-9*math.Abs(of*f.Effect.Low) {
				t.Errorf("in a unit of %g: %v %v, want %v %v", unit, g.Verdict, g.Effect, f.Verdict, f.Effect)
			}
		}
	}
}

func TestSampleStaysAsItWas(t *testing.T) {
	s := world{history: 7 * day, window: 24, noise: 0.05, swing: 0.8}.draw(rand.New(rand.NewPCG(7, 7)), 2)
	history, window := slices.Clone(s.History.Canary.Values), slices.Clone(s.Canary.Values)
	anomaly.Judge{}.Judge(s)
	if !slices.Equal(history, s.History.Canary.Values) || !slices.Equal(window, s.Canary.Values) {
		t.Error("the judge changed its sample")
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, uint16(300), uint8(0), 1.0, 0.0)
	f.Add([]byte{0, 255, 7}, uint16(90), uint8(0xff), 1e308, -1e308)
	f.Add([]byte{9}, uint16(500), uint8(7), 5e-324, 0.0)
	f.Fuzz(func(t *testing.T, data []byte, length uint16, options uint8, unit, shift float64) {
		if len(data) == 0 {
			return
		}
		x := make([]float64, min(int(length), 700))
		for i := range x {
			x[i] = float64(data[(i*7+i/len(data))%len(data)])*unit + shift
			if data[i%len(data)] == 255 {
				x[i] = math.NaN()
			}
		}
		n := len(x) / (2 + int(options>>5))
		s := sampleOf(x[n:], x[:n])
		s.Signal.Direction = judge.Direction(options % 3)
		s.Alpha = []float64{0, 1e-9, 0.5, 0.999}[options>>2%4]
		if options&16 != 0 {
			s.Signal.Tolerance.Absolute, s.Signal.Margin.Absolute = 1e-3, 1e-3
			s.Canary.Totals, s.History.Canary.Totals = constant(3, n), constant(2, len(x)-n)
		}
		consistent(t, s, anomaly.Judge{}.Judge(s))
	})
}
