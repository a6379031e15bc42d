package plan

import (
	"context"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/judged-dev/judged/judge"
)

// Question is a signal to plan for, or why it cannot be.
type Question struct {
	Signal Signal
	// Unit is that of the signal's level, for words.
	Unit string
	// Problem is why there is no plan.
	Problem string
	// Notes are doubts about the numbers.
	Notes []string
}

// Report is what a plan says of signals.
type Report struct {
	// Title says what was planned.
	Title string
	Options
	// Planned is the duration that the canary is to have; 0 if none is set.
	Planned time.Duration
	// Changes are the regressions of the columns.
	Changes []float64
	Answers []Answer
}

// Answer is the plan of one signal.
type Answer struct {
	Question
	// Margin is the rise that a FAIL must exclude, Alpha the error that is spent
	// on the level.
	Margin, Alpha float64
	// Needed has the answer to each of the report's changes.
	Needed []Need
	// Detectable is the smallest change that the planned duration finds; NaN
	// without one, +Inf if it finds none.
	Detectable float64
	// Curve is what other durations find.
	Curve []Point
}

// Need is what it takes to find a change.
type Need struct {
	// Intervals is the length of the window, 0 if none finds the change.
	Intervals int
	// Expected is the mean number of intervals until the FAIL of a canary that is
	// that much worse; less than Intervals with looks.
	Expected float64
	// Events of both sides until the window's end, in expectation; 0 for a gauge.
	Events float64
	// AtLeast is the number of events that any test that may stop at any time
	// needs on average; 0 for a gauge.
	AtLeast float64
}

// Point is a point of a curve.
type Point struct {
	Intervals int
	// Change is what that many intervals find; +Inf if nothing.
	Change float64
}

const (
	// curvePoints a curve has; the eye needs no more.
	curvePoints = 17
	// leastCurve and mostCurve are the intervals of its ends, unless more are
	// planned.
	leastCurve, mostCurve = 10, 1440
)

// Make plans all signals on all cores. planned is the duration that the canary is
// to have, 0 if that is the question. The error is about the options or the
// context.
func Make(ctx context.Context, questions []Question, o Options, planned time.Duration, changes []float64) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Report{Options: o, Planned: planned, Changes: changes, Answers: make([]Answer, len(questions))}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i, q := range questions {
		workers.Go(func() error {
			r.Answers[i] = answer(ctx, q, r)
			return ctx.Err()
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, context.Cause(ctx)
	}
	return r, nil
}

func answer(ctx context.Context, q Question, r *Report) Answer {
	a := Answer{Question: q, Detectable: math.NaN(), Margin: q.Signal.Margin}
	if q.Problem != "" {
		return a
	}
	p, err := New(q.Signal, r.Options)
	if err != nil {
		a.Problem = err.Error()
		return a
	}
	a.Margin, a.Alpha = p.Margin(), p.Alpha()
	longest := 0
	for _, change := range r.Changes {
		if ctx.Err() != nil {
			return a
		}
		n := p.Intervals(change)
		need := Need{Intervals: n}
		if n > 0 {
			need.Expected = p.Outcome(change, n).Intervals
			if p.Kind != judge.Gauge {
				need.Events = p.EventsIn(n, change)
				need.AtLeast = WaldEvents((1+change)/(1+a.Margin)-1, p.weight()*(1+a.Margin), a.Alpha/2)
			}
		}
		longest = max(longest, n)
		a.Needed = append(a.Needed, need)
	}
	planned := int(r.Planned / r.Interval)
	if planned > 0 {
		a.Detectable = p.Detectable(planned)
	}
	last := min(max(4*planned, 120), max(mostCurve, 2*planned))
	if planned == 0 {
		last = min(max(longest*5/4, last), MaxIntervals)
	}
	for k := range curvePoints {
		if ctx.Err() != nil {
			return a
		}
		at := float64(leastCurve) * math.Pow(float64(last)/leastCurve, float64(k)/(curvePoints-1))
		n := int(math.Round(at))
		a.Curve = append(a.Curve, Point{n, p.Detectable(n)})
	}
	return a
}
