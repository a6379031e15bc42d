package calibrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// Limits of a span. They keep a long stretch of many metrics from costing
// unbounded memory, and a typing error in a date from asking for years.
const (
	// MaxIntervals is the length of a span: three months of minutes.
	MaxIntervals = 132_480
	// MaxValues is the number of values of all signals: 256 MiB.
	MaxValues = 32 << 20
)

// Span is a stretch of time of every signal of a config.
type Span struct {
	// Config has all defaults filled in.
	Config analysis.Config
	Window metrics.Window
	// Signals are in the config's order.
	Signals []Signal
}

// Signal is one signal over a span.
type Signal struct {
	// Sample holds the whole span, without a history.
	Sample judge.Sample
	// Judge is the judge's name in the config; empty chooses by kind.
	Judge string
	// Problem is why there are no data, or empty.
	Problem string
}

// Fetch asks the sources for the whole stretch, in as few queries as their limit
// on points allows, and puts the answers on grids as an analysis does. A signal
// that cannot be had keeps its Problem; the error is about all of them, the
// config or the context.
func Fetch(ctx context.Context, c analysis.Config, sources *analysis.Sources, stretch metrics.Window) (*Span, error) {
	// The looks and the history are cut out of the stretch later.
	asked := c
	asked.Schedule.LookEvery, asked.Schedule.History = 0, 0
	plan, err := analysis.NewPlan(c, sources, stretch, metrics.Window{})
	if err != nil {
		return nil, err
	}
	interval := plan.Config.Schedule.Interval
	grid := metrics.NewGrid(stretch, interval)
	switch queries := 2 * len(plan.Signals); {
	case grid.N < 1:
		return nil, fmt.Errorf("the stretch %s is shorter than one interval of %v", stretch, interval)
	case grid.N > MaxIntervals:
		return nil, fmt.Errorf("the stretch %s has %d intervals of %v, at most %d are fetched: take a shorter one", stretch, grid.N, interval, MaxIntervals)
	case grid.N*queries > MaxValues:
		return nil, fmt.Errorf("%d intervals of %d metrics are more than %d values: take a shorter stretch or fewer metrics", grid.N, len(plan.Signals), MaxValues)
	}
	s := &Span{Config: plan.Config, Window: grid.Window(), Signals: make([]Signal, len(plan.Signals))}
	for i, p := range plan.Signals {
		s.Signals[i] = Signal{Sample: judge.Sample{Signal: p.Metric.Signal}, Judge: p.Metric.Judge}
	}
	for from := 0; from < grid.N; from += analysis.MaxIntervals {
		to := min(from+analysis.MaxIntervals, grid.N)
		piece := metrics.Window{Start: grid.Start.Add(time.Duration(from) * interval), End: grid.Start.Add(time.Duration(to) * interval)}
		r, err := analysis.Run(ctx, asked, sources, piece, metrics.Window{})
		if err != nil {
			return nil, err
		}
		s.append(r, from == 0)
	}
	return s, s.problem()
}

// append joins the next piece of the span.
func (s *Span) append(r *analysis.Result, first bool) {
	reasons := map[string]string{}
	for _, f := range r.Findings {
		if f.Verdict == judge.Error {
			reasons[f.Signal.Name] = f.Reason
		}
	}
	for i := range s.Signals {
		to := &s.Signals[i]
		name := to.Sample.Signal.Name
		piece := r.Samples[name]
		switch {
		case to.Problem != "":
		case len(piece.Baseline.Values) == 0:
			// What could be read and not judged has values.
			to.Problem = reasons[name]
			if to.Problem == "" {
				to.Problem = "the source answered with nothing"
			}
		case first:
			to.Sample = piece
		case piece.Step != to.Sample.Step:
			to.Problem = fmt.Sprintf("the source answered in steps of %v at first and of %v later: take a stretch that it keeps at one resolution", to.Sample.Step, piece.Step)
		default:
			join(&to.Sample.Baseline, piece.Baseline)
			join(&to.Sample.Canary, piece.Canary)
		}
	}
}

func join(to *judge.Side, more judge.Side) {
	to.Values = append(to.Values, more.Values...)
	if to.Totals != nil {
		to.Totals = append(to.Totals, more.Totals...)
	}
}

// problem returns an error if no signal has data of both sides.
func (s *Span) problem() error {
	var why []string
	for _, one := range s.Signals {
		switch both, baseline := presence(one.Sample.Pair); {
		case one.Problem != "":
			why = append(why, one.Sample.Signal.Name+": "+one.Problem)
		case both > 0:
			return nil
		case baseline > 0:
			why = append(why, one.Sample.Signal.Name+": the canary's query found nothing where the baseline's did; "+
				"name a second group of the same version as the canary, for example with --canary")
		default:
			why = append(why, one.Sample.Signal.Name+": the source has no data of the baseline")
		}
	}
	const most = 3
	if more := len(why) - most; more > 0 {
		why = append(why[:most], fmt.Sprintf("and %d more metrics", more))
	}
	return errors.New("no metric has data of both sides from " + s.Window.String() + ":\n  " + strings.Join(why, "\n  "))
}

// presence counts the intervals with data on both sides and on the baseline's.
func presence(p judge.Pair) (both, baseline int) {
	for i := range p.Baseline.Values {
		if !p.Baseline.Has(i) {
			continue
		}
		baseline++
		if i < len(p.Canary.Values) && p.Canary.Has(i) {
			both++
		}
	}
	return both, baseline
}
