package srm_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/srm"
)

func constant(baseline, canary float64, n int) judge.Sample {
	s := judge.Sample{Signal: judge.Signal{Name: "requests", Kind: judge.Count}, Pair: empty(n), Step: time.Minute}
	for i := range n {
		s.Baseline.Values[i], s.Canary.Values[i] = baseline, canary
	}
	return s
}

func TestWords(t *testing.T) {
	nan := math.NaN()
	few := constant(9, 0, 10)
	for _, c := range []struct {
		name    string
		judge   srm.Judge
		sample  judge.Sample
		verdict judge.Verdict
		says    string
	}{
		{"too little", srm.Judge{Share: 0.1}, constant(979, 21, 30), judge.Fail, "the canary gets 2.1% of the traffic instead of 10% (30000 requests); 6% to 16.7% would be nobody's concern"},
		{"too much", srm.Judge{Share: 0.01}, constant(800, 200, 30), judge.Fail, "the canary gets 20% of the traffic instead of 1%"},
		{"nothing", srm.Judge{Share: 0.1}, constant(200, 0, 10), judge.Fail, "no traffic reached the canary, which should get 10% of it: all 2000 requests went to the baseline"},
		{"nothing for the baseline", srm.Judge{Share: 0.9}, constant(0, 200, 10), judge.Fail, "no traffic reached the baseline, which should get 10% of it"},
		{"right", srm.Judge{Share: 0.1}, constant(902, 98, 30), judge.Pass, "the canary gets 9.8% of the traffic instead of 10% (30000 requests); the tolerance is 6% to 16.7%"},
		{"no request yet", srm.Judge{Share: 0.01}, few, judge.Inconclusive, "no traffic reached the canary, which should get 1% of it: all 90 requests went to the baseline"},
		{"four minutes", srm.Judge{}, constant(900, 0, 4), judge.Inconclusive, "too early to tell: no traffic reached the canary, which should get 50% of it: all 3600 requests went to the baseline; only 4 intervals"},
		{"silence", srm.Judge{}, constant(0, 0, 10), judge.Inconclusive, "no traffic on either side in 10 intervals"},
		{"a dark canary", srm.Judge{}, constant(100, nan, 10), judge.Inconclusive, "no traffic reached the canary, or nobody counted it: it has no data, while the baseline got 1000 requests"},
		{"a dark baseline", srm.Judge{}, constant(nan, 100, 10), judge.Inconclusive, "the baseline has no data"},
		{"nothing at all", srm.Judge{}, constant(nan, nan, 10), judge.Inconclusive, "no data on either side"},
		{"a rate", srm.Judge{}, constant(-1, 1, 10), judge.Error, "a count cannot be negative"},
		{"an impossible share", srm.Judge{Share: 1.5}, constant(1, 1, 10), judge.Error, "the canary's share must lie between 0 and 1, got 1.5"},
		{"a share of NaN", srm.Judge{Share: nan}, constant(1, 1, 10), judge.Error, "share must lie between 0 and 1, got NaN"},
		{"no clients", srm.Judge{Clients: 0.5}, constant(1, 1, 10), judge.Error, "the number of clients must be at least 1, got 0.5"},
		{"a concentration below 0", srm.Judge{Concentration: -3}, constant(1, 1, 10), judge.Error, "the concentration must lie between 0.001 and 10^9, got -3"},
	} {
		f := c.judge.Judge(c.sample)
		if f.Verdict != c.verdict {
			t.Errorf("%s: %v, want %v: %s", c.name, f.Verdict, c.verdict, f.Reason)
		}
		says(t, c.name, f.Reason, c.says)
	}
}

// Directions: a canary that gets too much traffic does no harm to who only asks
// whether it gets enough.
func TestDirection(t *testing.T) {
	s := constant(700, 300, 30)
	for direction, want := range map[judge.Direction]judge.Verdict{judge.Either: judge.Fail, judge.Increase: judge.Fail, judge.Decrease: judge.Pass} {
		s.Signal.Direction = direction
		if f := (srm.Judge{Share: 0.1}).Judge(s); f.Verdict != want || f.Classification != judge.High {
			t.Errorf("%v: %v, %v, want %v: %s", direction, f.Verdict, f.Classification, want, f.Reason)
		}
	}
}

// A signal's own margin is taken as it stands, and its tolerance.
func TestOwnMargin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: split(0.13, 10000)(r, 30)}
	j := srm.Judge{Share: 0.1}
	if f := j.Judge(s); f.Verdict != judge.Pass {
		t.Errorf("13 %% instead of 10, default: %v: %s", f.Verdict, f.Reason)
	}
	s.Signal.Margin.Relative = 0.1
	if f := j.Judge(s); f.Verdict != judge.Fail {
		t.Errorf("13 %% instead of 10, margin 10 %%: %v: %s", f.Verdict, f.Reason)
	}
	s.Signal.Margin, s.Signal.Tolerance.Relative = judge.Margin{}, 2
	if f := j.Judge(s); f.Verdict != judge.Pass {
		t.Errorf("13 %% instead of 10, tolerance 200 %%: %v: %s", f.Verdict, f.Reason)
	}
	// 300 requests a minute of 8700, which is 3.4 %.
	s.Signal.Tolerance, s.Signal.Margin = judge.Margin{}, judge.Margin{Relative: 0.01, Absolute: 5000}
	if f := j.Judge(s); f.Verdict != judge.Pass {
		t.Errorf("13 %% instead of 10, margin of 5000 requests: %v: %s", f.Verdict, f.Reason)
	}
}

// A canary that is stepped up gets what each step gives it. If it stays at the
// first step's traffic, that is found.
func TestSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, stuck := range []bool{false, true} {
		s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}}
		for _, weight := range []float64{5, 25, 50} {
			share := weight / 100
			if stuck {
				share = 0.05
			}
			step := split(share, 1000)(r, 20)
			for i := range step.Canary.Values {
				s.Canary.Values = append(s.Canary.Values, step.Canary.Values[i])
				s.Baseline.Values = append(s.Baseline.Values, step.Baseline.Values[i])
				s.Canary.Totals = append(s.Canary.Totals, weight)
				s.Baseline.Totals = append(s.Baseline.Totals, 100-weight)
			}
		}
		f := srm.Judge{}.Judge(s)
		if want := map[bool]judge.Verdict{false: judge.Pass, true: judge.Fail}[stuck]; f.Verdict != want {
			t.Errorf("stuck %v: %v, want %v: %s", stuck, f.Verdict, want, f.Reason)
		}
	}
}

// Weights that differ in every interval, such as pod-minutes, keep the promise:
// the mixture is shared, the null exact.
func TestVaryingWeights(t *testing.T) {
	const runs, alpha = 1000, 0.05
	r := rand.New(rand.NewPCG(5, 5))
	failed, found := 0, 0
	for range runs {
		s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: empty(40)}
		s.Signal.Margin.Relative = 1e-6 // the null itself
		s.Baseline.Totals, s.Canary.Totals = make([]float64, 40), make([]float64, 40)
		low := s
		low.Pair.Canary.Values = make([]float64, 40)
		for i := range 40 {
			b, c := 9+2*r.Float64(), 0.5+r.Float64()
			load := 20 * math.Exp(r.NormFloat64())
			s.Baseline.Totals[i], s.Canary.Totals[i] = b, c
			s.Baseline.Values[i] = poisson(r, load*b)
			s.Canary.Values[i] = poisson(r, load*c)
			low.Canary.Values[i] = poisson(r, load*c*0.6)
		}
		if (srm.Judge{}).Judge(s).Verdict == judge.Fail {
			failed++
		}
		if (srm.Judge{}).Judge(low).Verdict == judge.Fail {
			found++
		}
	}
	rate, se := float64(failed)/runs, math.Sqrt(alpha*(1-alpha)/runs)
	t.Logf("weights of every size: %.1f %% of right splits fail (se %.1f), 60 %% of the share is found in %.1f %%", 100*rate, 100*se, float64(found)/runs*100)
	if rate > alpha+3*se || found < runs*9/10 {
		t.Errorf("%.1f %% of right splits fail, %d of %d wrong ones", 100*rate, found, runs)
	}
}

// Bursts that the history knows are not held against a calm-looking window.
func TestHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: split(0.14, 1000)(r, 20)}
	s.Signal.Margin.Relative = 0.1
	j := srm.Judge{Share: 0.1}
	if f := j.Judge(s); f.Verdict != judge.Fail {
		t.Fatalf("without history: %v: %s", f.Verdict, f.Reason)
	}
	past := pods(10, 1, 0.7, 0, 1000)(r, 200)
	s.History = &past
	f := j.Judge(s)
	if f.Verdict != judge.Inconclusive || f.Needed <= 20 {
		t.Errorf("with history: %v, %d needed: %s", f.Verdict, f.Needed, f.Reason)
	}
	says(t, "with history", f.Reason, "traffic comes in bursts")
	short := judge.Pair{Baseline: judge.Side{Values: past.Baseline.Values[:5]}, Canary: judge.Side{Values: past.Canary.Values[:5]}}
	s.History = &short
	if f = j.Judge(s); f.Verdict != judge.Fail || len(f.Warnings) != 1 {
		t.Errorf("with 5 intervals of history: %v, warnings %q", f.Verdict, f.Warnings)
	}
}

// Swapped arms with swapped weights are the same mismatch.
func TestSwap(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, share := range []float64{0.02, 0.2, 0.4} {
		s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: split(share, 500)(r, 30)}
		m := s
		m.Baseline, m.Canary = s.Canary, s.Baseline
		f, g := srm.Judge{Share: 0.1}.Judge(s), srm.Judge{Share: 0.9}.Judge(m)
		// 60 halvings of a bracket and the rounding of lgamma.
		if f.Verdict != g.Verdict || math.Abs(f.Effect.Low*g.Effect.High-1) > 1e-9 || math.Abs(f.PValue-g.PValue) > 1e-9 {
			t.Errorf("share %v: %v %v p %v, swapped %v %v p %v", share, f.Verdict, f.Effect, f.PValue, g.Verdict, g.Effect, g.PValue)
		}
	}
}

func TestSampleStaysAsItWas(t *testing.T) {
	s := constant(90, 10, 20)
	before := slices.Clone(s.Canary.Values)
	srm.Judge{Share: 0.1}.Judge(s)
	if s.Canary.Totals != nil || !slices.Equal(before, s.Canary.Values) {
		t.Error("the judge changed its sample")
	}
}
