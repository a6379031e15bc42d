package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/metrics"
)

const (
	// maxExpr bounds a query's text: the parser's time is the square of
	// consecutive signs or brackets, one second for so many.
	maxExpr = 16 << 10
	// maxWarnings bounds the warnings, and the remarks, about one query.
	maxWarnings = 10
)

// promQL is the language without experimental features.
var promQL = parser.NewParser(parser.Options{})

func newEngine(o Options) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples:               o.Limits.QuerySamples,
		Timeout:                  o.Timeout,
		LookbackDelta:            o.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return evaluationInterval.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   promQL,
	})
}

// Query implements metrics.Source: it evaluates a PromQL expression at the
// end of every interval of the grid, whose step has to be whole milliseconds.
// A scalar is a series without labels. Warnings tell what the engine remarked
// and whether the recording does not cover the grid. Cancelling the context
// stops the evaluation.
func (r *Recording) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	fail := func(reason metrics.Reason, err error, hint string) (metrics.Result, error) {
		return metrics.Result{}, &metrics.Error{Op: "query", Source: r.name, Query: q.Expr, Reason: reason, Err: err, Hint: hint}
	}
	if len(q.Expr) > maxExpr {
		return fail(metrics.TooLarge, fmt.Errorf("the query has %d bytes, a recording takes %d", len(q.Expr), maxExpr), "")
	}
	if err := checkGrid(q.Grid); err != nil {
		return fail(metrics.BadQuery, err, "")
	}
	expr, err := promQL.ParseExpr(q.Expr)
	if err != nil {
		return fail(metrics.BadQuery, err, "")
	}
	if err := checkSteps(expr, q.Grid, r.querySamples); err != nil {
		return fail(metrics.TooLarge, err, "")
	}
	if err := r.store.checkLabelGrowth(expr); err != nil {
		return fail(metrics.TooLarge, err, "")
	}
	if q.Grid.N == 0 {
		return metrics.Result{}, nil
	}
	selected := &querier{store: r.store, name: r.name, lookback: r.lookback.Milliseconds()}
	query, err := r.engine.NewRangeQuery(ctx, selected, nil, q.Expr, q.Grid.Time(0), q.Grid.Time(q.Grid.N-1), q.Grid.Step)
	if err != nil {
		return fail(metrics.BadQuery, err, "")
	}
	defer query.Close()
	answer := query.Exec(ctx)
	if err := ctx.Err(); err != nil {
		reason := metrics.Unavailable
		if errors.Is(err, context.Canceled) {
			reason = metrics.Canceled
		}
		return fail(reason, err, "")
	}
	if answer.Err != nil {
		reason, hint := reasonOf(answer.Err)
		return fail(reason, answer.Err, hint)
	}
	matrix, err := answer.Matrix()
	if err != nil {
		return fail(metrics.BadQuery, err, "")
	}
	result := metrics.Result{Series: make([]metrics.Series, len(matrix))}
	for i, s := range matrix {
		if len(s.Histograms) > 0 {
			return fail(metrics.BadQuery, errors.New("the result is a native histogram, not a number"), "take histogram_quantile or histogram_avg of it")
		}
		result.Series[i] = metrics.Series{Labels: s.Metric.Map(), Points: points(s.Floats, q.Grid)}
	}
	if len(answer.Warnings) > 0 {
		warnings, remarks := answer.Warnings.AsStrings(q.Expr, 0, 0)
		result.Warnings = append(first(maxWarnings, warnings, "warnings"), first(maxWarnings, remarks, "remarks")...)
	}
	return result, nil
}

// checkGrid refuses what the engine cannot compute with: it counts
// milliseconds.
func checkGrid(g metrics.Grid) error {
	if g.N < 0 || g.Step < time.Millisecond || g.Step%time.Millisecond != 0 {
		return fmt.Errorf("%d steps of %s: a recording needs steps of whole milliseconds", g.N, g.Step)
	}
	// The end is computed only once it is known to fit.
	start := g.Start.UnixMilli()
	if start < minTime || start > maxTime || int64(max(g.N, 1)) > (maxTime-start)/g.Step.Milliseconds() {
		return fmt.Errorf("%d steps of %s from %s are not between the years 1900 and 2100", g.N, g.Step, g.Start.Format(time.RFC3339))
	}
	return nil
}

// points puts the engine's values at the grid's times, which may have a
// fraction of a millisecond that the engine has not.
func points(floats []promql.FPoint, g metrics.Grid) []metrics.Point {
	start, step := g.Time(0).UnixNano()/int64(time.Millisecond), g.Step.Milliseconds() // cut off as the engine does
	converted := make([]metrics.Point, len(floats))
	for i, p := range floats {
		converted[i] = metrics.Point{Time: g.Time(int((p.T - start) / step)), Value: p.F}
	}
	return converted
}

// reasonOf sorts an error of the evaluation.
func reasonOf(err error) (reason metrics.Reason, hint string) {
	switch {
	case errors.As(err, new(promql.ErrQueryTimeout)):
		return metrics.Unavailable, "ask for fewer steps or series, or raise the timeout"
	case errors.As(err, new(promql.ErrTooManySamples)):
		return metrics.TooLarge, "ask for fewer steps or series, or raise the limit"
	default:
		return metrics.BadQuery, ""
	}
}

// first returns at most n texts in the same order every time, and how many of
// what were left out.
func first(n int, texts []string, what string) []string {
	slices.Sort(texts)
	if len(texts) > n {
		texts = append(texts[:n], fmt.Sprintf("%d more %s", len(texts)-n, what))
	}
	return texts
}
