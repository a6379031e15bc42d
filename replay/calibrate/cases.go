package calibrate

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/backtest"
)

// Taken is what of labelled cases became windows.
type Taken struct {
	// Healthy cases became windows; Faulty ones and those that have no metric
	// of the config (Foreign) did not.
	Healthy, Faulty, Foreign int
	// Stopped reports that there were more than MaxWindows or MaxValues.
	Stopped bool
}

// Cases reads the healthy cases of files as windows (see package backtest for
// the format; "-" is stdin). With a config, a metric of a case is judged as the
// config's metric of that name and others are left out; nil takes all metrics
// with the default settings. Looks are lookEvery intervals apart, 0 is one look.
func Cases(ctx context.Context, paths []string, stdin io.Reader, c *analysis.Config, lookEvery int) ([]Window, Taken, error) {
	t := taking{config: c, lookEvery: lookEvery}
	for _, path := range paths {
		if err := t.file(ctx, path, stdin); err != nil {
			return nil, t.Taken, err
		}
	}
	return t.windows, t.Taken, nil
}

// taking is what was read so far.
type taking struct {
	Taken

	config    *analysis.Config
	lookEvery int
	windows   []Window
	values    int
}

func (t *taking) file(ctx context.Context, path string, stdin io.Reader) error {
	r, err := backtest.Open(path, stdin)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was read
	for !t.Stopped {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		one, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t.add(one)
	}
	return nil
}

func (t *taking) add(one *backtest.Case) {
	if one.Faulty {
		t.Faulty++
		return
	}
	w := Window{Name: one.ID, Inputs: chosen(backtest.Inputs(one), t.config), LookEvery: t.lookEvery}
	if len(w.Inputs) == 0 {
		t.Foreign++
		return
	}
	t.values += keep(w.Inputs) // the reader uses its memory again
	t.windows = append(t.windows, w)
	t.Healthy++
	t.Stopped = len(t.windows) >= MaxWindows || t.values >= MaxValues
}

// chosen returns the inputs that the config has a metric for, as it wants them
// judged.
func chosen(inputs []analysis.Input, c *analysis.Config) []analysis.Input {
	if c == nil {
		return inputs
	}
	var out []analysis.Input
	for _, in := range inputs {
		i := slices.IndexFunc(c.Metrics, func(m analysis.Metric) bool { return m.Name == in.Sample.Signal.Name })
		if i < 0 {
			continue
		}
		m := c.Metrics[i]
		in.Judge = m.Judge
		in.Sample.Signal = analysis.DefaultMargins(m.Signal, analysis.Given{Margin: m.HasMargin, Tolerance: m.HasTolerance})
		out = append(out, in)
	}
	return out
}

// keep gives the inputs memory of their own and returns how many values they
// have.
func keep(inputs []analysis.Input) int {
	values := 0
	clone := func(x []float64) []float64 {
		values += len(x)
		return slices.Clone(x)
	}
	side := func(s *judge.Side) { s.Values, s.Totals = clone(s.Values), clone(s.Totals) }
	for i := range inputs {
		s := &inputs[i].Sample
		side(&s.Baseline)
		side(&s.Canary)
		if s.History != nil {
			h := *s.History
			side(&h.Baseline)
			side(&h.Canary)
			s.History = &h
		}
		if s.Pods != nil {
			for _, pods := range [][]judge.Side{s.Pods.Baseline, s.Pods.Canary, s.Pods.BaselineHistory, s.Pods.CanaryHistory} {
				for k := range pods {
					side(&pods[k])
				}
			}
		}
	}
	return values
}
