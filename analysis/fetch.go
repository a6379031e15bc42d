package analysis

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/judged-dev/judged/metrics"
)

// maxConcurrentQueries bounds the queries of one analysis at a time. Sources
// bound themselves as well; this keeps one analysis of a thousand metrics
// from starting thousands of goroutines' requests.
const maxConcurrentQueries = 16

// ask is one question; identical ones are asked once.
type ask struct {
	source, expr string
	history      bool
}

type answer struct {
	result metrics.Result
	err    error
}

// fetch asks everything that the plan needs. Errors stay with their answers:
// one failing query must not take the other signals with it.
func fetch(ctx context.Context, p *Plan, sources *Sources) map[ask]answer {
	answers := map[ask]answer{}
	for _, s := range p.Signals {
		if s.Err != nil {
			continue
		}
		for _, q := range s.Queries {
			if q == "" {
				continue
			}
			answers[ask{s.Metric.Source, q, false}] = answer{}
			if p.History.Duration() > 0 {
				answers[ask{s.Metric.Source, q, true}] = answer{}
			}
		}
	}
	var (
		mu    sync.Mutex
		group errgroup.Group
		asks  = make([]ask, 0, len(answers))
	)
	for a := range answers {
		asks = append(asks, a)
	}
	group.SetLimit(maxConcurrentQueries)
	for _, a := range asks {
		group.Go(func() error {
			result, err := query(ctx, p, sources, a)
			mu.Lock()
			defer mu.Unlock()
			answers[a] = answer{result, err}
			return nil
		})
	}
	_ = group.Wait() // no goroutine returns an error
	return answers
}

func query(ctx context.Context, p *Plan, sources *Sources, a ask) (result metrics.Result, err error) {
	// A driver's mistake must not take the process and every other analysis
	// with it.
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked("query", a.source, a.expr, "the driver", cause)
		}
	}()
	source, err := sources.Source(a.source)
	if err != nil {
		return metrics.Result{}, err
	}
	window := p.Window
	if a.history {
		window = p.History
	}
	return source.Query(ctx, metrics.Query{Expr: a.expr, Grid: metrics.NewGrid(window, p.Config.Schedule.Interval)})
}

// panicked says whose mistake ended what.
func panicked(op, source, query, who string, cause any) error {
	return &metrics.Error{
		Op: op, Source: source, Query: query, Reason: metrics.BadAnswer,
		Err: fmt.Errorf("%s panicked: %v", who, cause), Hint: "this is a bug in judged",
	}
}
