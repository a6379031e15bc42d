package plan

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/ratio"
)

// terms are what a judge asks of a signal before it FAILs.
type terms struct {
	judge judge.Judge
	// alpha is the two-sided error that the judge of the level may spend, over
	// all looks if there are several.
	alpha float64
	// margin is the rise that the interval must exclude: the signal's margin,
	// widened for unlike instances.
	margin float64
}

// lead returns the judge of a signal's level and its part of the error.
func lead(s Signal) (judge.Judge, float64, error) {
	if s.Judge == "" {
		d := analysis.DefaultJudge(s.Kind)
		if panel, ok := d.(judge.Panel); ok {
			return panel[0].Judge, panel[0].Share, nil
		}
		return d, 1, nil
	}
	j, err := analysis.JudgeByName(s.Judge)
	if err != nil {
		return nil, 0, err
	}
	if fits := map[string]bool{paired.Name: s.Kind == judge.Gauge, counts.Name: s.Kind != judge.Gauge, ratio.Name: s.Kind == judge.Ratio}; !fits[j.Name()] {
		return nil, 0, fmt.Errorf("there is no plan for a %v that the judge %s judges", s.Kind, j.Name())
	}
	return j, 1, nil
}

// ask finds the terms of the signal at the family's error by trying them.
func ask(s Signal, o Options) (terms, error) {
	j, share, err := lead(s)
	if err != nil {
		return terms{}, err
	}
	t := terms{judge: j, alpha: o.Alpha / float64(o.Signals) * share}
	typical := typicalSample(s)
	typical.Alpha = t.alpha
	t.margin, err = marginOf(j, typical)
	if math.Abs(t.margin-s.Margin) < 1e-6 {
		t.margin = s.Margin // what the bisection left
	}
	if o.Looks > 1 {
		t.alpha = alphaOverLooks(j, typical)
	}
	return t, err
}

// marginOf turns the canary's level up until the judge FAILs, and returns what
// the interval then excludes: the lower end of the effect, as a relative rise.
func marginOf(j judge.Judge, s judge.Sample) (float64, error) {
	at := func(log float64) judge.Finding {
		risen := s
		risen.Canary.Values = scaled(s.Canary.Values, math.Exp(log))
		if s.Signal.Kind == judge.Ratio {
			risen.Canary.Totals = totalsFor(risen.Canary.Values, s.Canary.Totals)
		}
		return j.Judge(risen)
	}
	low, high := 0.0, 0.0
	for step := 0.05; ; step *= 2 {
		high += step
		f := at(high)
		if f.Verdict == judge.Error {
			return 0, fmt.Errorf("the judge %s refused the sample that it was asked with: %s", j.Name(), f.Reason)
		}
		if f.Verdict == judge.Fail {
			break
		}
		if high > 20 {
			return 0, fmt.Errorf("the judge %s FAILs no rise of this signal, however large: %s", j.Name(), f.Reason)
		}
		low = high
	}
	for range 40 {
		if middle := low + (high-low)/2; at(middle).Verdict == judge.Fail {
			high = middle
		} else {
			low = middle
		}
	}
	return max(at(high).Effect.Low-1, 0), nil
}

// totalsFor keeps events from exceeding their total.
func totalsFor(events, totals []float64) []float64 {
	out := make([]float64, len(totals))
	for i, t := range totals {
		out[i] = max(t, 2*events[i])
	}
	return out
}

// alphaOverLooks returns how much of the error the judge spends on the looks: it
// is the complement of the level of a look that is given all of it. A judge may
// keep part of the error for another test.
func alphaOverLooks(j judge.Judge, s judge.Sample) float64 {
	// Margins of nothing, and no change: the verdict is open, so that the effect
	// shows the interval that a FAIL rests on.
	s.Signal.Margin, s.Signal.Tolerance, s.Signal.Direction = judge.Margin{}, judge.Margin{}, judge.Either
	s.Look = func(alpha float64) float64 { return alpha }
	level := j.Judge(s).Effect.Level
	if !(level > 0 && level < 1) {
		return s.Alpha
	}
	return 1 - level
}

const (
	// asked is the length of the sample, askedHistory that of its history: long
	// enough that the judge's estimates of it are sharp.
	asked, askedHistory = 1200, 600
	// patternSeed draws the events of the sample.
	patternSeed = 1
)

// typicalSample returns a long sample of the signal without a change.
func typicalSample(s Signal) judge.Sample {
	out := judge.Sample{Signal: judge.Signal{
		Name: "plan", Kind: s.Kind, Direction: judge.Increase,
		Margin: judge.Margin{Relative: s.Margin}, Tolerance: judge.Margin{Relative: s.Margin},
	}}
	if s.Randomized {
		out.Assignment = judge.Randomized
	}
	random := rand.New(rand.NewPCG(patternSeed, 0))
	out.Pair = typicalPair(s, asked, random)
	if s.History >= leastHistory {
		history := typicalPair(s, askedHistory, random)
		out.History = &history
	}
	return out
}

// leastHistory is the shortest history that the judges use.
const leastHistory = 20

func typicalPair(s Signal, n int, random *rand.Rand) judge.Pair {
	p := judge.Pair{Baseline: judge.Side{Values: make([]float64, n)}, Canary: judge.Side{Values: make([]float64, n)}}
	if s.Kind == judge.Gauge {
		// Noise that alternates has the size that it should and no error in its
		// mean.
		for i := range n {
			p.Baseline.Values[i], p.Canary.Values[i] = 1, math.Exp(s.Noise)
			if i%2 == 1 {
				p.Canary.Values[i] = math.Exp(-s.Noise)
			}
		}
		return p
	}
	// Where events are rare, an interval of the sample stands for several: what
	// is asked for does not depend on how long one is.
	events := max(s.Events, 5*s.dispersion())
	for i := range n {
		p.Baseline.Values[i] = s.dispersion() * float64(poisson(random, events/s.dispersion()))
		p.Canary.Values[i] = s.dispersion() * float64(poisson(random, events*s.weight()/s.dispersion()))
	}
	total := 1.0
	if s.Kind == judge.Ratio {
		total = 1000 * events * max(1, s.weight())
	}
	p.Baseline.Totals, p.Canary.Totals = make([]float64, n), make([]float64, n)
	for i := range n {
		p.Baseline.Totals[i], p.Canary.Totals[i] = total, total*s.weight()
	}
	return p
}

// poisson draws by the number of exponential waits in a unit of time, and from
// 30 on, where the skewness is below 0.2, from the normal limit.
func poisson(random *rand.Rand, mean float64) int {
	if mean > 30 {
		return max(int(math.Round(mean+math.Sqrt(mean)*random.NormFloat64())), 0)
	}
	k := -1
	for waited := 0.0; waited < mean; k++ {
		waited += random.ExpFloat64()
	}
	return max(k, 0)
}

func scaled(values []float64, by float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * by
	}
	return out
}
