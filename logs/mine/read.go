package mine

import (
	"context"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Read reads the lines that a query of one source selects in a window, and counts
// them.
type Read func(ctx context.Context, expr string, window metrics.Window) (*Miner, error)

// Reading returns the Read of a source.
func Reading(source logs.Source, o Options) Read {
	return func(ctx context.Context, expr string, window metrics.Window) (*Miner, error) {
		m := New(o)
		_, err := source.Read(ctx, logs.Query{Expr: expr, Window: window}, func(r *logs.Record) error {
			m.Add(r)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}
