package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/ratio"
)

// Estimate measures on recorded healthy data what a plan must know of a signal:
// the noise as the judge sees it, taken from its interval of the whole sample. A
// history in the sample is not used. notes say what could only be guessed.
//
// Where the canary has no data, as before its first release, a gauge's noise is
// that of two independent baselines, which is more than that of two sides that
// share load; events are planned for equal traffic.
func Estimate(s judge.Sample) (estimated Signal, notes []string, err error) {
	out := Signal{Name: s.Signal.Name, Kind: s.Signal.Kind, Margin: s.Signal.Margin.Relative}
	absolute := s.Signal.Margin.Absolute
	s.Signal.Margin, s.Signal.Tolerance, s.Signal.Direction = judge.Margin{}, judge.Margin{}, judge.Either
	s.History, s.Pods, s.Look, s.Alpha, s.PassAlpha = nil, nil, nil, 0, 0
	s.Assignment = judge.Randomized
	alone := !slices.ContainsFunc(s.Canary.Values, func(v float64) bool { return !math.IsNaN(v) })
	if alone {
		s.Canary = standIn(s)
		notes = append(notes, "the canary has no data here: the noise is that of two baselines that share nothing")
	}
	switch s.Signal.Kind {
	case judge.Gauge:
		err = out.estimateLevel(s, alone)
	case judge.Count, judge.Ratio:
		err = out.estimateEvents(s, alone)
	default:
		err = fmt.Errorf("there is no plan for a %v", s.Signal.Kind)
	}
	if err == nil && absolute > 0 && out.Level > 0 {
		// A change must be beyond both parts.
		out.Margin = max(out.Margin, absolute/out.Level)
	}
	return out, notes, err
}

// standIn is a canary that stands still at the baseline's level.
func standIn(s judge.Sample) judge.Side {
	if s.Signal.Kind != judge.Gauge {
		return s.Baseline
	}
	level, n := 0.0, 0.0
	for i, v := range s.Baseline.Values {
		if s.Baseline.Has(i) {
			level += v
			n++
		}
	}
	out := judge.Side{Values: make([]float64, len(s.Baseline.Values))}
	for i := range out.Values {
		out.Values[i] = level / n
	}
	return out
}

func (s *Signal) estimateLevel(sample judge.Sample, alone bool) error {
	f := paired.Judge{Offset: paired.None}.Judge(sample)
	s.Level = math.Abs(f.Baseline.Level)
	e := f.Effect
	width := e.High - e.Low
	if e.Measure != judge.Difference {
		width = math.Log(e.High / e.Low)
	}
	switch {
	case f.Classification == judge.NoData || f.Classification == judge.Failed:
		return errors.New(f.Reason)
	case math.IsNaN(width) || math.IsInf(width, 0) || !(f.EffectiveN > 1):
		return errors.New("too little data to see the noise: " + f.Reason)
	case e.Measure == judge.Difference && !(s.Level > 0):
		return errors.New("the baseline's level is zero: there is nothing for a change to be relative to")
	}
	n := float64(f.Baseline.Count)
	se := width / 2 / studentQuantile(1-e.Level, max(f.EffectiveN-1, 1))
	s.Noise = se * math.Sqrt(f.EffectiveN*efficiency)
	if e.Measure == judge.Difference {
		s.Noise /= s.Level
	}
	if alone {
		s.Noise *= math.Sqrt2
	}
	// Values that are the same in every interval still have a last digit.
	s.Noise = min(max(s.Noise, leastNoise), maxNoise)
	s.Rho = rhoOf(n/f.EffectiveN, n)
	return nil
}

// leastNoise is what a series is taken to have that shows none.
const leastNoise = 1e-4

func (s *Signal) estimateEvents(sample judge.Sample, alone bool) error {
	var f judge.Finding
	if sample.Signal.Kind == judge.Ratio {
		f = ratio.Judge{}.Judge(sample)
	} else {
		f = counts.Judge{}.Judge(sample)
	}
	n, b, c := float64(f.Baseline.Count), f.Baseline, f.Canary
	switch {
	case f.Classification == judge.NoData || f.Classification == judge.Failed:
		return errors.New(f.Reason)
	case !(b.Events+c.Events > 0):
		return errors.New("there is no event in the data, so there is nothing for a change to be relative to")
	}
	s.Weight = c.Total / b.Total
	s.Events = (b.Events + c.Events) / (1 + s.Weight) / n
	s.Level = s.Events
	if sample.Signal.Kind == judge.Ratio {
		s.Level = (b.Events + c.Events) / (b.Total + c.Total)
		s.Requests = (b.Total + c.Total) / n
	}
	s.Dispersion = max(n/f.EffectiveN, 1)
	if alone {
		s.Dispersion = 1
	}
	return nil
}

// Typical is the signal whose numbers are the medians of several estimates of
// it, as from many cases.
func Typical(estimates []Signal) Signal {
	out := estimates[0]
	for _, field := range []func(*Signal) *float64{
		func(s *Signal) *float64 { return &s.Margin },
		func(s *Signal) *float64 { return &s.Level },
		func(s *Signal) *float64 { return &s.Noise },
		func(s *Signal) *float64 { return &s.Rho },
		func(s *Signal) *float64 { return &s.Events },
		func(s *Signal) *float64 { return &s.Weight },
		func(s *Signal) *float64 { return &s.Dispersion },
		func(s *Signal) *float64 { return &s.Requests },
	} {
		values := make([]float64, len(estimates))
		for i := range estimates {
			values[i] = *field(&estimates[i])
		}
		slices.Sort(values)
		*field(&out) = values[len(values)/2]
	}
	return out
}
