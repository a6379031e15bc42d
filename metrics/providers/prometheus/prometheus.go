// Package prometheus reads metrics over the Prometheus HTTP API: from
// Prometheus itself, Thanos, Mimir, Cortex, VictoriaMetrics, and the managed
// services that speak it (Google, Amazon and Azure).
//
// The source's URL is what /api/v1/query_range is appended to:
//
//	http://prometheus:9090
//	https://mimir.example.com/prometheus                       and the header X-Scope-OrgID
//	http://vmselect:8481/select/0/prometheus
//	https://monitoring.googleapis.com/v1/projects/PROJECT/location/global/prometheus
//
// A query is evaluated at the end of every interval of the grid, so a range
// selector as long as the step, rate(x[1m]) at a step of one minute, covers
// each interval once. Grids of more than 11,000 intervals, which is all that
// Prometheus answers at once, are asked in several requests; the result is
// theirs joined, or an error.
//
// Half an answer is no answer: Thanos and VictoriaMetrics are asked to fail
// rather than leave out stores that are down, and VictoriaMetrics not to move
// the moments of evaluation for the sake of its cache (nocache=1). Prometheus
// ignores these parameters.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
)

const (
	// maxPointsPerRequest: Prometheus refuses more than 11,000 steps, "to
	// avoid memory exhaustion" (web/api/v1/api.go, query_range).
	maxPointsPerRequest = 11_000
	// maxPoints bounds a grid: a year of minutes is 525,600 points.
	maxPoints = 1_000_000
	// maxSeries and maxSamples bound a result. A signal is a handful of
	// series; thousands mean that the query lacks an aggregation.
	maxSeries  = 1_000
	maxSamples = 4_000_000
)

func init() {
	metrics.Register(metrics.Provider{Name: "prometheus", Expand: promql.Expand, Open: Open})
}

type source struct {
	http *httpx.Client
	api  v1.API
}

// Open returns a source that asks the server at s.URL. It does not connect.
func Open(s metrics.Settings) (metrics.Source, error) {
	client, err := httpx.New(s, httpx.Options{JSON: true, Explain: explain})
	if err != nil {
		return nil, err
	}
	return &source{http: client, api: v1.NewAPI(wire{client})}, nil
}

// Close implements metrics.Source.
func (s *source) Close() error { return s.http.Close() }

// Load implements metrics.Limited.
func (s *source) Load() metrics.Load { return s.http.Load() }

// Query implements metrics.Source.
func (s *source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	result, err := s.query(ctx, q)
	if err != nil {
		return metrics.Result{}, s.http.Error(q.Expr, err)
	}
	return result, nil
}

func (s *source) query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	g := q.Grid
	switch {
	case g.N <= 0:
		return metrics.Result{}, nil
	case g.Step < time.Millisecond || g.Step%time.Millisecond != 0:
		return metrics.Result{}, badQuery(fmt.Sprintf("a step of %s", g.Step), "Prometheus counts in whole milliseconds")
	case g.N > maxPoints:
		return metrics.Result{}, tooLarge(fmt.Sprintf("%d intervals of %s", g.N, g.Step), "make the step coarser or the window shorter")
	}
	j := newJoiner()
	for from := 0; from < g.N; from += maxPointsPerRequest {
		to := min(from+maxPointsPerRequest, g.N)
		if err := s.queryPart(ctx, q.Expr, g, from, to, j); err != nil {
			return metrics.Result{}, err
		}
	}
	return j.result, nil
}

// queryPart asks for the intervals [from, to) of the grid.
func (s *source) queryPart(ctx context.Context, expr string, g metrics.Grid, from, to int, j *joiner) error {
	// Prometheus rounds to milliseconds; rounded up, a point would belong to
	// the next interval.
	asked := v1.Range{
		Start: g.Time(from).Truncate(time.Millisecond),
		End:   g.Time(to - 1).Truncate(time.Millisecond),
		Step:  g.Step,
	}
	value, warnings, infos, err := s.api.QueryRange(ctx, expr, asked,
		v1.WithTimeout(serverTimeout(s.http.Timeout())),
		v1.WithLimit(maxSeries+1), // one more than allowed, so that a cut is noticed
	)
	if err != nil {
		return apiError(err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		what := "no result"
		if value != nil {
			what = "a " + value.Type().String()
		}
		return badAnswer(fmt.Sprintf("the answer to a range query is %s, not a matrix", what), "is this the address of a Prometheus API?")
	}
	j.notes(warnings, infos)
	return j.add(matrix, asked)
}

// serverTimeout tells the server when to stop, since nobody listens any more.
// Whole seconds: it takes "90s" and "1m30s", but not Go's "1.5s".
func serverTimeout(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// apiError sorts what the client makes of an answer.
func apiError(err error) error {
	if _, ok := errors.AsType[*metrics.Error](err); ok {
		return err
	}
	said, ok := errors.AsType[*v1.Error](err)
	if !ok {
		return err
	}
	// Prometheus answers errors with 4xx and 5xx, which httpx has sorted; this
	// is an error in a 200, or an answer of another shape.
	e := &metrics.Error{Op: "query", Reason: metrics.BadAnswer, Err: errors.New(httpx.Printable(said.Error()))}
	switch said.Type {
	case v1.ErrBadData, v1.ErrExec:
		e.Reason = metrics.BadQuery
	case v1.ErrTimeout, v1.ErrCanceled, v1.ErrServer, "internal", "unavailable":
		e.Reason = metrics.Unavailable
	case v1.ErrClient, v1.ErrBadResponse:
		e.Hint = "is this the address of a Prometheus API?"
	}
	return e
}

func badQuery(text, hint string) error {
	return &metrics.Error{Op: "query", Reason: metrics.BadQuery, Err: errors.New(text), Hint: hint}
}

func badAnswer(text, hint string) error {
	return &metrics.Error{Op: "query", Reason: metrics.BadAnswer, Err: errors.New(text), Hint: hint}
}

func tooLarge(text, hint string) error {
	return &metrics.Error{Op: "query", Reason: metrics.TooLarge, Err: errors.New(text), Hint: hint}
}

// wholeAnswers are the parameters that keep Thanos (partial_response) and
// VictoriaMetrics (the others) from answering something else than was asked.
// https://thanos.io/tip/components/query.md/#partial-response-strategy
// https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/#cluster-availability
var wholeAnswers = url.Values{"partial_response": {"false"}, "deny_partial_response": {"1"}, "nocache": {"1"}}
