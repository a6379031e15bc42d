package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// telemetry is what the server measures of itself. Labels come from fixed
// sets only (verdicts, configured sources and channels): callers cannot grow them.
type telemetry struct {
	page       http.Handler
	rpc        connect.Interceptor
	tracer     trace.Tracer
	meter      metric.Meter
	verdicts   metric.Int64Counter
	duration   metric.Float64Histogram
	late       metric.Float64Histogram
	failures   metric.Int64Counter
	refused    metric.Int64Counter
	deliveries metric.Int64Counter
	asked      metric.Float64Histogram
	lines      metric.Int64Counter

	mu      sync.Mutex
	workers []*schedule.Worker
}

// newTelemetry measures a server and its store.
func newTelemetry(o Options, s *store.Store) (*telemetry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	meter := provider.Meter("github.com/judged-dev/judged/server")
	t := &telemetry{
		page:   promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8}),
		tracer: o.Tracer.Tracer("github.com/judged-dev/judged/server"),
		meter:  meter,
	}
	t.rpc, err = otelconnect.NewInterceptor(otelconnect.WithMeterProvider(provider), otelconnect.WithTracerProvider(o.Tracer),
		otelconnect.WithPropagator(propagation.TraceContext{}), otelconnect.WithTrustRemote())
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		counter           *metric.Int64Counter
		name, description string
	}{
		{&t.verdicts, "judged.verdicts", "Judgments by verdict. Origin is judge for samples that callers brought along, analysis for looks."},
		{&t.failures, "judged.source.failures", "Signals that could not be judged, by the source they were asked of."},
		{&t.refused, "judged.requests.refused", "Calls refused before they were read: all places taken, not authenticated, over the caller's quota."},
		{&t.lines, "judged.source.lines", "Lines of logs read, by source."},
		{&t.deliveries, "judged.deliveries", "Notifications sent, by channel and outcome."},
	} {
		if *c.counter, err = meter.Int64Counter(c.name, metric.WithDescription(c.description)); err != nil {
			return nil, err
		}
	}
	seconds := []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	for _, h := range []struct {
		histogram         *metric.Float64Histogram
		name, description string
	}{
		{&t.duration, "judged.look.duration", "How long looks took: reading, queries, judges and writing."},
		{&t.late, "judged.look.lateness", "How long after they were due looks were written."},
		{&t.asked, "judged.source.duration", "How long sources took to answer, by source and outcome."},
	} {
		if *h.histogram, err = meter.Float64Histogram(h.name, metric.WithUnit("s"), metric.WithDescription(h.description), metric.WithExplicitBucketBoundaries(seconds...)); err != nil {
			return nil, err
		}
	}
	if err := t.observe(meter, o, s); err != nil {
		return nil, err
	}
	return t, nil
}

// observe registers what is counted when somebody asks.
func (t *telemetry) observe(meter metric.Meter, o Options, s *store.Store) error {
	gauge := func(name, description string) metric.Int64ObservableGauge {
		// The error is about names, which do not change.
		g, _ := meter.Int64ObservableGauge(name, metric.WithDescription(description))
		return g
	}
	live := gauge("judged.analyses.live", "Analyses that have not ended.")
	tasks := gauge("judged.tasks", "What is to be done: tasks by kind and state.")
	oldest := gauge("judged.tasks.oldest.seconds", "How long the first due task of a kind has been waiting.")
	busy := gauge("judged.tasks.running", "Tasks that this process is carrying out.")
	budget := gauge("judged.source.budget.left", "Requests that a source's daily budget still allows.")
	inFlight := gauge("judged.source.requests", "Requests to a source: in flight, and waiting for a place.")
	info := gauge("judged.build.info", "Always 1; the version is a label.")
	_, err := meter.RegisterCallback(func(ctx context.Context, r metric.Observer) error {
		r.ObserveInt64(info, 1, metric.WithAttributes(attribute.String("version", o.Version)))
		t.mu.Lock()
		for _, w := range t.workers {
			r.ObserveInt64(busy, int64(w.Running()), metric.WithAttributes(attribute.String("kind", w.Kind())))
		}
		t.mu.Unlock()
		for name, load := range o.Sources.Loads() {
			at := func(state string) metric.ObserveOption {
				return metric.WithAttributes(attribute.String("source", name), attribute.String("state", state))
			}
			r.ObserveInt64(inFlight, int64(load.InFlight), at("in_flight"))
			r.ObserveInt64(inFlight, int64(load.Waiting), at("waiting"))
			if load.BudgetLeft >= 0 {
				r.ObserveInt64(budget, int64(load.BudgetLeft), metric.WithAttributes(attribute.String("source", name)))
			}
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		states, err := s.Live(ctx)
		if err != nil {
			return err
		}
		for _, state := range []judgedv1.AnalysisState{judgedv1.AnalysisState_PENDING, judgedv1.AnalysisState_RUNNING} {
			r.ObserveInt64(live, int64(states[int(state)]), metric.WithAttributes(attribute.String("state", state.String())))
		}
		backlogs, err := s.Backlogs(ctx)
		for _, b := range backlogs {
			for state, n := range map[string]int{"waiting": b.Waiting, "due": b.Due, "dead": b.Dead} {
				r.ObserveInt64(tasks, int64(n), metric.WithAttributes(attribute.String("kind", b.Kind), attribute.String("state", state)))
			}
			r.ObserveInt64(oldest, int64(b.Oldest.Seconds()), metric.WithAttributes(attribute.String("kind", b.Kind)))
		}
		return err
	}, live, tasks, oldest, busy, budget, inFlight, info)
	return err
}

// working names the workers whose tasks are counted.
func (t *telemetry) working(workers []*schedule.Worker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.workers = workers
}

// judged counts a verdict; origin is "judge" or "analysis".
func (t *telemetry) judged(ctx context.Context, origin string, v judgedv1.Verdict) {
	t.verdicts.Add(ctx, 1, metric.WithAttributes(attribute.String("origin", origin), attribute.String("verdict", v.String())))
}

// looked counts a look and, of the configured sources, those that failed.
func (t *telemetry) looked(ctx context.Context, j *judgedv1.Judgment, took, late time.Duration, sources []string) {
	t.judged(ctx, "analysis", j.GetVerdict())
	t.duration.Record(ctx, took.Seconds())
	t.late.Record(ctx, max(late.Seconds(), 0))
	for _, f := range j.GetFindings() {
		if f.GetClassification() != judgedv1.Classification_FAILED {
			continue
		}
		name := f.GetEvidence().GetSource()
		if !slices.Contains(sources, name) {
			name = "unknown"
		}
		t.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("source", name)))
	}
}

// traced makes a span of every query.
func (t *telemetry) traced(name string, s metrics.Source) metrics.Source { return traced{s, t, name} }

type traced struct {
	metrics.Source

	telemetry *telemetry
	name      string
}

// Query implements metrics.Source.
func (s traced) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	ctx, span := s.telemetry.tracer.Start(ctx, "query", trace.WithAttributes(attribute.String("source", s.name), attribute.Int("intervals", q.Grid.N)))
	defer span.End()
	r, err := s.Source.Query(ctx, q)
	if err != nil {
		span.SetStatus(codes.Error, outcomeWord(err))
	}
	return r, err
}

// mined makes a span of every read of logs, and measures the source.
func (t *telemetry) mined(name string, read mine.Read) mine.Read {
	return func(ctx context.Context, expr string, window metrics.Window) (*mine.Miner, error) {
		ctx, span := t.tracer.Start(ctx, "read", trace.WithAttributes(attribute.String("source", name), attribute.Float64("seconds", window.Duration().Seconds())))
		defer span.End()
		started := time.Now()
		m, err := read(ctx, expr, window)
		t.answered(name, time.Since(started), err)
		if err != nil {
			span.SetStatus(codes.Error, outcomeWord(err))
			return nil, err
		}
		t.lines.Add(ctx, int64(m.Lines), metric.WithAttributes(attribute.String("source", name)))
		return m, nil
	}
}

// delivered counts a notification.
func (t *telemetry) delivered(channel string, err error) {
	t.deliveries.Add(context.Background(), 1, metric.WithAttributes(attribute.String("channel", channel), attribute.String("outcome", outcomeWord(err))))
}

// answered measures a source.
func (t *telemetry) answered(source string, took time.Duration, err error) {
	t.asked.Record(context.Background(), took.Seconds(), metric.WithAttributes(attribute.String("source", source), attribute.String("outcome", outcomeWord(err))))
}

func outcomeWord(err error) string {
	if err == nil {
		return "ok"
	}
	if reason, ok := metrics.ReasonOf(err); ok {
		return reason.String()
	}
	if n, ok := errors.AsType[*notify.Error](err); ok {
		return n.Reason.String()
	}
	return "failed"
}

func (t *telemetry) refuse(what string) {
	t.refused.Add(context.Background(), 1, metric.WithAttributes(attribute.String("limit", what)))
}
