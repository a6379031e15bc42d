package shape_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/shape"
)

// world is noise of 10 % with some memory under a load that both arms share.
func world(n, history int) judgetest.World {
	return judgetest.Gauge{Noise: 0.1, Rho: 0.3, Shock: 0.2}.World("load", n, history)
}

// worse changes the canary's window in one way.
type worse func(s *judge.Sample)

func tail(factor float64) worse {
	return func(s *judge.Sample) {
		v := s.Canary.Values
		limit := highest(v, len(v)/10)
		for i, x := range v {
			if x >= limit {
				v[i] *= factor
			}
		}
	}
}

func spikes(factor float64) worse {
	return func(s *judge.Sample) {
		for i := range max(len(s.Canary.Values)/20, 2) {
			s.Canary.Values[(7+13*i)%len(s.Canary.Values)] *= factor
		}
	}
}

func swings(factor float64) worse {
	return func(s *judge.Sample) {
		mean := 0.0
		for _, x := range s.Canary.Values {
			mean += x / float64(len(s.Canary.Values))
		}
		for i, x := range s.Canary.Values {
			s.Canary.Values[i] = math.Max(0, mean+factor*(x-mean))
		}
	}
}

func late(factor float64) worse {
	return func(s *judge.Sample) {
		for i := len(s.Canary.Values) / 2; i < len(s.Canary.Values); i++ {
			s.Canary.Values[i] *= factor
		}
	}
}

func level(factor float64) worse {
	return func(s *judge.Sample) {
		for i := range s.Canary.Values {
			s.Canary.Values[i] *= factor
		}
	}
}

// highest returns the k-th largest value.
func highest(x []float64, k int) float64 {
	above := math.Inf(1)
	for range k {
		next := math.Inf(-1)
		for _, v := range x {
			if v < above {
				next = math.Max(next, v)
			}
		}
		above = next
	}
	return above
}

// TestRates measures how often a change is found in 1000 samples of 60
// intervals, at alpha 0.05. Standard errors are at most 1.6 points; the bounds
// leave at least three of them.
func TestRates(t *testing.T) {
	const samples = 1000
	for _, c := range []struct {
		name        string
		history     int
		change      worse
		least, most float64
	}{
		{"healthy", 0, func(*judge.Sample) {}, 0, 0.02},
		{"healthy, history", 120, func(*judge.Sample) {}, 0, 0.02},
		{"level x2", 0, level(2), 0, 0.02},
		{"level x2, history", 120, level(2), 0, 0.02},
		{"tail x2", 0, tail(2), 0.85, 1},
		{"tail x2, history", 120, tail(2), 0.85, 1},
		{"spikes x4", 0, spikes(4), 0.75, 1},
		{"spikes x4, history", 120, spikes(4), 0.70, 1},
		{"swings x4", 0, swings(4), 0.85, 1},
		{"swings x4, history", 120, swings(4), 0.75, 1},
		{"late +30 %", 0, late(1.3), 0.70, 1},
	} {
		r := rand.New(rand.NewPCG(3, 60))
		w := world(60, c.history)
		failed := 0
		for range samples {
			s := w.Draw(r, 1)
			s.Signal.Direction = judge.Increase
			s.Assignment = judge.Instances
			c.change(&s)
			if (shape.Judge{}).Judge(s).Verdict == judge.Fail {
				failed++
			}
		}
		got := float64(failed) / samples
		t.Logf("%-22s %5.1f %% (SE %.1f)", c.name, 100*got, 100*math.Sqrt(got*(1-got)/samples))
		if got < c.least || got > c.most {
			t.Errorf("%s: %.1f %% FAIL, want %.0f to %.0f", c.name, 100*got, 100*c.least, 100*c.most)
		}
	}
}

// What got worse is named, and the other way round it is none.
func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct {
		name     string
		change   worse
		measures []judge.Measure
	}{
		// A longer tail is also a wider spread, and the other way round.
		{"tail", tail(3), []judge.Measure{judge.RatioOfTails, judge.RatioOfSpreads}},
		{"swings", swings(6), []judge.Measure{judge.RatioOfTails, judge.RatioOfSpreads}},
		{"late", late(1.5), []judge.Measure{judge.RatioOfLevels}},
	} {
		s := world(120, 0).Draw(r, 1)
		s.Signal.Direction = judge.Increase
		c.change(&s)
		f := shape.Judge{}.Judge(s)
		if f.Verdict != judge.Fail || !slices.Contains(c.measures, f.Effect.Measure) || f.Classification != judge.High || !(f.Effect.Estimate > 1) || f.PValue > 0.05 {
			t.Errorf("%s: %v %v %v %s", c.name, f.Verdict, f.Effect, f.Classification, f.Reason)
		}
		s.Baseline, s.Canary = s.Canary, s.Baseline
		if f := (shape.Judge{}).Judge(s); f.Verdict == judge.Fail {
			t.Errorf("%s the other way round: %v %s", c.name, f.Effect, f.Reason)
		}
	}
	// Where a decrease is bad, the low tail counts.
	s := world(120, 0).Draw(r, 1)
	s.Signal.Direction = judge.Decrease
	spikes(0.1)(&s)
	spikes(0.1)(&s)
	if f := (shape.Judge{}).Judge(s); f.Verdict != judge.Fail || f.Classification != judge.Low {
		t.Errorf("dips: %v %v %s", f.Verdict, f.Effect, f.Reason)
	}
}

func TestRefusals(t *testing.T) {
	fixed := func(n int, v float64) judge.Side {
		s := judge.Side{Values: make([]float64, n)}
		for i := range s.Values {
			s.Values[i] = v
		}
		return s
	}
	burst := fixed(60, 0)
	burst.Values[3], burst.Values[40] = 9, 12
	for name, p := range map[string]judge.Pair{
		"short":    {Baseline: fixed(11, 1), Canary: fixed(11, 2)},
		"negative": {Baseline: fixed(60, -1), Canary: fixed(60, -2)},
		"bursts":   {Baseline: burst, Canary: fixed(60, 1)},
		"constant": {Baseline: fixed(60, 1), Canary: fixed(60, 1)},
		"zero":     {Baseline: fixed(60, 0), Canary: fixed(60, 0)},
		"empty":    {},
	} {
		f := shape.Judge{}.Judge(judge.Sample{Pair: p})
		if f.Verdict != judge.Inconclusive || f.Reason == "" {
			t.Errorf("%s: %v %q", name, f.Verdict, f.Reason)
		}
	}
}

func FuzzJudge(f *testing.F) { judgetest.Fuzz(f, shape.Judge{}, judge.Gauge) }

func BenchmarkJudge(b *testing.B) {
	for name, w := range map[string]judgetest.World{"60": world(60, 0), "60 history 120": world(60, 120), "1440": world(1440, 0)} {
		b.Run(name, func(b *testing.B) {
			s := w.Draw(rand.New(rand.NewPCG(1, 1)), 1)
			b.ReportAllocs()
			for b.Loop() {
				shape.Judge{}.Judge(s)
			}
		})
	}
}
