package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
)

const (
	// A source that is not available is asked again for so long; Kayenta gives up
	// at its tasks' time-out, two minutes.
	askAgainFor   = 2 * time.Minute
	askAgainEvery = 5 * time.Second
	// fetchTimeout bounds all queries of one judgment, as a look's.
	fetchTimeout = 10 * time.Minute
	// atOnce is how many queries of one judgment are under way at a time. Kayenta
	// asks for one of each side.
	atOnce = 8
)

// do carries out the next step of an execution.
func (s *Service) do(ctx context.Context, t store.Task) error {
	kind := string(t.Payload)
	d, err := s.Store.Document(ctx, t.Tenant, kind, t.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return s.Store.Done(ctx, t.Lease)
	}
	if err != nil {
		return err
	}
	e := new(execution)
	if err := json.Unmarshal(d.Content, e); err != nil {
		return fmt.Errorf("execution %s: %w", t.Subject, err)
	}
	if e.Status.Complete() {
		return s.Store.Done(ctx, t.Lease)
	}
	if e.Start.IsZero() {
		e.Start, e.Status = s.Now(), kayenta.Running
		if d, err = s.note(ctx, t.Tenant, kind, e, d); err != nil {
			return err
		}
	}
	more, next, err := s.step(fetch.WithOwner(ctx, e.ID), kind, t.Tenant, e)
	if cause := context.Cause(ctx); cause != nil {
		return cause // the lease is lost, or this replica stops
	}
	if err != nil {
		return err
	}
	after, err := s.document(t.Tenant, kind, e, d)
	if err != nil {
		return err
	}
	if err := s.Store.Settle(ctx, t.Lease, next, append(more, after)...); err != nil {
		return err
	}
	if e.Status.Complete() {
		attrs := []slog.Attr{slog.String("id", e.ID), slog.String("application", e.Application), slog.String("config", e.Config.Name), slog.String("status", string(e.Status))}
		if e.Problem != nil {
			attrs = append(attrs, slog.Any("errors", e.Problem.Details.Errors))
		}
		s.Log.LogAttrs(ctx, slog.LevelInfo, kind, attrs...)
	}
	return nil
}

// note stores the state of an execution before its end, for those who look.
func (s *Service) note(ctx context.Context, tenant, kind string, e *execution, d store.Document) (store.Document, error) {
	after, err := s.document(tenant, kind, e, d)
	if err != nil {
		return d, err
	}
	if err := s.Store.PutDocuments(ctx, []store.Document{after}, 0); err != nil {
		return d, err
	}
	after.Version++
	return after, nil
}

// step changes e, and returns what else it made and when it goes on, zero if it
// has ended. A panic ends the execution, not the process.
func (s *Service) step(ctx context.Context, kind, tenant string, e *execution) (more []store.Document, next time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(ctx, "panic", slog.String("where", kind+" "+e.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			e.fail("judge", s.Now(), errors.New("judged failed while it judged; its log has the details"))
			more, next, err = nil, time.Time{}, nil
		}
	}()
	switch kind {
	case standalones:
		return s.stepStandalone(ctx, tenant, e)
	case comparisons:
		return nil, time.Time{}, s.runComparison(ctx, tenant, e)
	default:
		more, err = s.runCanary(ctx, tenant, e, e.Start)
		return more, time.Time{}, err
	}
}

// runCanary asks for all series, pairs and judges them. What keeps it from that
// ends e as terminal; an error is returned only where another try may help, which
// there is for some time since its beginning.
func (s *Service) runCanary(ctx context.Context, tenant string, e *execution, since time.Time) ([]store.Document, error) {
	request, err := kayenta.DecodeExecutionRequest(e.Request)
	if err != nil {
		e.fail("setupContext", s.Now(), err)
		return nil, nil
	}
	e.stage("setupContext").Status = kayenta.Succeeded
	control, experiment, at, err := s.fetchAll(ctx, e, request)
	if err != nil {
		if context.Cause(ctx) != nil {
			return nil, err
		}
		if m, ok := errors.AsType[*metrics.Error](err); ok && (m.Reason == metrics.Unavailable || m.Reason == metrics.Throttled) && s.Now().Before(since.Add(askAgainFor)) {
			return nil, &schedule.RetryError{After: askAgainEvery, Err: err}
		}
		e.fail(at, s.Now(), err)
		return nil, nil
	}
	pairs, err := kayenta.Mix(e.Config, control, experiment, uuid.NewString)
	if err != nil {
		e.fail("mixMetrics", s.Now(), err)
		return nil, nil
	}
	e.stage("mixMetrics").Status = kayenta.Succeeded
	id, err := newID()
	if err != nil {
		return nil, err
	}
	now := s.Now()
	kept := store.Document{Tenant: tenant, Kind: metricPairs, ID: id, Created: now, Updated: now, Expires: s.expiry(), Content: pairList(pairs)}
	e.Pairs = id
	result, err := s.judge(e.Config.JudgeName(), e.Config, request.Thresholds, pairs)
	if err != nil {
		e.fail("judge", now, err)
		return []store.Document{kept}, nil
	}
	e.Result = kayenta.NewCanaryResult(result, request)
	if a, err := s.metricsAccount(e.MetricsAccount); err == nil {
		e.Warnings = result.Warnings(a.Type)
	}
	e.stage("judge").Status = kayenta.Succeeded
	e.Status, e.End = kayenta.Succeeded, now
	return []store.Document{kept}, nil
}

// fetchAll asks for the series of all metrics and both sides. The error is the
// first in the order of Kayenta's stages, and at names the stage.
func (s *Service) fetchAll(ctx context.Context, e *execution, request *kayenta.ExecutionRequest) (control, experiment []kayenta.MetricSet, at string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("the queries took longer than %v, which is this server's limit", fetchTimeout))
	defer cancel()
	type one struct {
		at   string
		sets []kayenta.MetricSet
		err  error
	}
	fetched := make([]one, 2*len(e.Config.Metrics)) // controls first
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range e.Config.Metrics {
		m := &e.Config.Metrics[i]
		scopes := request.Scopes[*m.ScopeName]
		for side, scope := range []*kayenta.Scope{scopes.ControlScope, scopes.ExperimentScope} {
			f := &fetched[side*len(e.Config.Metrics)+i]
			f.at = fmt.Sprintf("%s%d", []string{"fetchControl", "fetchExperiment"}[side], i)
			group.Go(func() error {
				defer func() {
					if p := recover(); p != nil {
						s.Log.ErrorContext(ctx, "panic", slog.String("where", "fetch of "+e.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
						f.err = errors.New("judged failed while it asked; its log has the details")
					}
				}()
				f.sets, f.err = s.series(ctx, e.MetricsAccount, e.Config, m, scope, e.Config.JudgeName() == JudgeName)
				return nil
			})
		}
	}
	_ = group.Wait() // errors are kept with their stages
	for i, f := range fetched {
		if f.err != nil {
			return nil, nil, f.at, f.err
		}
		e.stage(f.at).Status = kayenta.Succeeded
		if i < len(e.Config.Metrics) {
			control = append(control, f.sets...)
		} else {
			experiment = append(experiment, f.sets...)
		}
	}
	return control, experiment, "", nil
}

// askable returns what a metric's account is asked, or what keeps it from that.
func (s *Service) askable(a account, c *kayenta.Config, m *kayenta.Metric, scope *kayenta.Scope) (string, error) {
	query, err := c.Query(m, scope, s.Query)
	if err != nil {
		return "", err
	}
	if a.Type != m.Query.Type {
		return "", badRequest("Metric '%s' is a query for %s, and the account %s is one of %s: name another account (metricsAccountName).", m.Name, m.Query.Type, a.Name, a.Type)
	}
	_, err = scope.Grid(a.Type)
	return query, err
}

// series asks an account for the series of a metric and scope. Kayenta moves values
// together where some are missing; aligned keeps each in its place, with NaN for
// what is missing, which judges need that compare the sides moment by moment.
func (s *Service) series(ctx context.Context, accountName string, c *kayenta.Config, m *kayenta.Metric, scope *kayenta.Scope, aligned bool) ([]kayenta.MetricSet, error) {
	a, err := s.metricsAccount(accountName)
	if err != nil {
		return nil, err
	}
	query, err := s.askable(a, c, m, scope)
	if err != nil {
		return nil, err
	}
	grid, err := scope.Grid(a.Type)
	if err != nil {
		return nil, err
	}
	source, err := s.Sources.Source(a.Name)
	if err != nil {
		return nil, err
	}
	answer, err := source.Query(ctx, metrics.Query{Expr: query, Grid: grid})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(cause, err)
		}
		return nil, fmt.Errorf("metric '%s': %w", m.Name, err)
	}
	sets, err := kayenta.MetricSets(m.Name, a.Type, query, scope, answer)
	if err == nil && aligned && a.Type == "prometheus" {
		align(sets, answer, grid)
	}
	return sets, err
}

// align lays the values of sets, which were made of the answer's series, on a grid.
func align(sets []kayenta.MetricSet, answer metrics.Result, grid metrics.Grid) {
	i := 0
	for _, series := range answer.Series {
		if len(series.Points) == 0 {
			continue
		}
		set := &sets[i]
		i++
		set.Values = make([]float64, grid.N)
		for k := range set.Values {
			set.Values[k] = math.NaN()
		}
		for _, p := range series.Points {
			if k := int(p.Time.Sub(grid.Time(0)).Round(grid.Step) / grid.Step); k >= 0 && k < grid.N {
				set.Values[k] = p.Value
			}
		}
		set.StepMillis, set.StartTimeMillis = grid.Step.Milliseconds(), grid.Time(0).UnixMilli()
		set.EndTimeMillis = set.StartTimeMillis + int64(grid.N)*set.StepMillis
	}
}
