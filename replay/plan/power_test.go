package plan

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/sequential"
)

// draw simulates a window with a change, and its history, of the signal: AR(1)
// noise in logarithms, or Poisson events. Bursty events come in groups of the
// dispersion.
func draw(s Signal, n int, change float64, random *rand.Rand) judge.Sample {
	out := judge.Sample{Signal: judge.Signal{
		Name: "m", Kind: s.Kind, Direction: judge.Increase,
		Margin: judge.Margin{Relative: s.Margin}, Tolerance: judge.Margin{Relative: s.Margin},
	}}
	if s.Randomized {
		out.Assignment = judge.Randomized
	}
	history := 0
	if s.History >= leastHistory {
		history = s.History
	}
	base, canary := make([]float64, history+n), make([]float64, history+n)
	state := random.NormFloat64()
	for i := range base {
		factor := 1.0
		if i >= history {
			factor = 1 + change
		}
		if s.Kind == judge.Gauge {
			if i > 0 {
				state = s.Rho*state + math.Sqrt(1-s.Rho*s.Rho)*random.NormFloat64()
			}
			base[i] = math.Exp(0.3 * random.NormFloat64()) // shared by both sides
			canary[i] = base[i] * factor * math.Exp(s.Noise*state)
			continue
		}
		d := s.dispersion()
		base[i] = d * float64(poisson(random, s.Events/d))
		canary[i] = d * float64(poisson(random, s.Events*s.weight()*factor/d))
	}
	pair := func(from, to int) judge.Pair {
		p := judge.Pair{Baseline: judge.Side{Values: base[from:to]}, Canary: judge.Side{Values: canary[from:to]}}
		if s.Kind != judge.Gauge {
			p.Baseline.Totals, p.Canary.Totals = make([]float64, to-from), make([]float64, to-from)
			for i := range p.Baseline.Totals {
				p.Baseline.Totals[i] = 1e4
				p.Canary.Totals[i] = 1e4 * s.weight()
			}
		}
		return p
	}
	out.Pair = pair(history, history+n)
	if history > 0 {
		h := pair(0, history)
		out.History = &h
	}
	return out
}

// simulate returns the share of FAIL of the signal's own judge, and its
// standard error.
func simulate(p *Planner, n int, change float64, runs int, seed uint64) (share, se float64) {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	failed := 0
	for range runs {
		s := draw(p.Signal, n, change, random)
		s.Alpha = p.terms.alpha
		if p.terms.judge.Judge(s).Verdict == judge.Fail {
			failed++
		}
	}
	share = float64(failed) / float64(runs)
	return share, math.Sqrt(share * (1 - share) / float64(runs))
}

// The formula and the real judge agree: at the change for which the plan
// promises 30 % or 80 % power, the share of simulated windows that FAIL differs
// by no more than the tolerance, which has three parts: 0.04 for what the formula
// leaves out (Huber's estimate of scale, the correlation of the estimates), 0.05
// with a history, whose thirds it approximates, and four standard errors of 300
// windows for 72 comparisons.
func TestPowerOfJudges(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates thousands of windows")
	}
	for _, s := range []Signal{
		{Name: "noise", Kind: judge.Gauge, Noise: 0.28, Randomized: true},
		{Name: "rho 0.6", Kind: judge.Gauge, Noise: 0.28, Rho: 0.6, Randomized: true},
		{Name: "instances", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05},
		{Name: "short history", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, History: 60},
		{Name: "long history", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, History: 240},
		{Name: "history, randomized", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, History: 240, Randomized: true},
		{Name: "events", Kind: judge.Count, Events: 1, Randomized: true},
		{Name: "rare", Kind: judge.Count, Events: 0.2, Randomized: true},
		{Name: "events, history", Kind: judge.Count, Events: 5, Margin: 0.05, History: 120},
		{Name: "a tenth", Kind: judge.Count, Events: 5, Margin: 0.05, Weight: 0.1, Randomized: true},
		{Name: "bursts", Kind: judge.Count, Events: 3, Dispersion: 3, Margin: 0.05, Randomized: true},
		{Name: "ratio", Kind: judge.Ratio, Events: 1, Weight: 0.11},
	} {
		p, err := New(s, Options{Alpha: 0.02})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{30, 60, 180} {
			for _, power := range []float64{0.3, 0.8} {
				p.Options.Power = power
				change := p.Detectable(n)
				if math.IsInf(change, 1) {
					continue
				}
				want := p.Power(change, n)
				got, se := simulate(p, n, change, 300, 1)
				tolerance := 0.04 + 4*se
				if s.History > 0 {
					tolerance += 0.05
				}
				t.Logf("%s, %d intervals, change %.3f: planned %.3f, simulated %.3f (standard error %.3f)", s.Name, n, change, want, got, se)
				if math.Abs(got-want) > tolerance {
					t.Errorf("%s, %d intervals, change %.3f: planned a power of %.3f, %.3f of the windows FAIL (standard error %.3f)", s.Name, n, change, want, got, se)
				}
			}
		}
	}
}

// The same with looks: the share of windows that FAIL at any look, and when. The
// tolerance has 0.06 for the formula, which takes the estimates of successive
// looks for as correlated as their means, and four standard errors. For events
// the judge may FAIL earlier by its e-process, which the plan leaves out.
func TestPowerOfLooks(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates hundreds of windows")
	}
	const looks, n, runs = 6, 60, 250
	for _, s := range []Signal{
		{Name: "gauge", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, Randomized: true},
		{Name: "gauge, history", Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, History: 120, Randomized: true},
		{Name: "events", Kind: judge.Count, Events: 2, Margin: 0.05, Randomized: true},
	} {
		p, err := New(s, Options{Alpha: 0.05, Looks: looks})
		if err != nil {
			t.Fatal(err)
		}
		change := p.Detectable(n)
		want := p.Outcome(change, n)
		spending := sequential.OBrienFleming
		if s.History >= calibrating {
			spending = sequential.Power(2)
		}
		fractions := make([]float64, looks)
		for j := range fractions {
			fractions[j] = float64(j+1) / looks
		}
		schedule, err := sequential.NewSchedule(fractions, spending)
		if err != nil {
			t.Fatal(err)
		}
		_, share, err := lead(s)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(2, 0))
		failed, stopped := 0, 0.0
		for range runs {
			whole := draw(s, n, change, random)
			whole.Alpha = 0.05 * share
			at := n
			for j := range looks {
				m := n * (j + 1) / looks
				seen := whole
				seen.Baseline, seen.Canary = cut(whole.Baseline, m), cut(whole.Canary, m)
				seen.Look = func(alpha float64) float64 { return schedule.Level(j, alpha) }
				if p.terms.judge.Judge(seen).Verdict == judge.Fail {
					failed++
					at = m
					break
				}
			}
			stopped += float64(at) / runs
		}
		got := float64(failed) / runs
		se := math.Sqrt(got * (1 - got) / runs)
		t.Logf("%s: change %.3f: planned %.3f in %.1f intervals, simulated %.3f (standard error %.3f) in %.1f", s.Name, change, want.Power, want.Intervals, got, se, stopped)
		if math.Abs(got-want.Power) > 0.06+4*se {
			t.Errorf("%s: planned a power of %.3f, %.3f of the windows FAIL (standard error %.3f)", s.Name, want.Power, got, se)
		}
		// A twelfth of the window: half of what lies between two looks.
		if s.Kind == judge.Gauge && math.Abs(stopped-want.Intervals) > n/12 {
			t.Errorf("%s: planned to end after %.1f intervals, it does after %.1f", s.Name, want.Intervals, stopped)
		}
	}
}

func cut(s judge.Side, n int) judge.Side {
	s.Values = s.Values[:n]
	if s.Totals != nil {
		s.Totals = s.Totals[:n]
	}
	return s
}

func BenchmarkDetectable(b *testing.B) {
	for _, c := range []struct {
		name  string
		s     Signal
		looks int
	}{
		{"level", Signal{Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05}, 1},
		{"level,history", Signal{Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05, History: 120}, 1},
		{"level,looks=30", Signal{Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05}, 30},
		{"events", Signal{Kind: judge.Count, Events: 1}, 1},
		{"events,looks=30", Signal{Kind: judge.Count, Events: 1}, 30},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := New(c.s, Options{Looks: c.looks})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				p.Detectable(60)
			}
		})
	}
}
