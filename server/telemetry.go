package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// telemetry is what the server measures of itself. Labels come from fixed
// sets only (verdicts, configured sources): callers cannot grow them.
type telemetry struct {
	page     http.Handler
	rpc      connect.Interceptor
	verdicts metric.Int64Counter
	duration metric.Float64Histogram
	failures metric.Int64Counter
	refused  metric.Int64Counter
}

// newTelemetry measures; live returns the pending and the running analyses.
func newTelemetry(version string, live func() (pending, running int)) (*telemetry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	meter := provider.Meter("github.com/judged-dev/judged/server")
	t := &telemetry{page: promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8})}
	t.rpc, err = otelconnect.NewInterceptor(otelconnect.WithMeterProvider(provider), otelconnect.WithoutTracing())
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		counter           *metric.Int64Counter
		name, description string
	}{
		{&t.verdicts, "judged.verdicts", "Judgments by verdict. Origin is judge for samples that callers brought along, analysis for queried ones."},
		{&t.failures, "judged.source.failures", "Signals that could not be judged, by the source they were asked of."},
		{&t.refused, "judged.requests.refused", "Calls refused because all places were taken."},
	} {
		if *c.counter, err = meter.Int64Counter(c.name, metric.WithDescription(c.description)); err != nil {
			return nil, err
		}
	}
	t.duration, err = meter.Float64Histogram("judged.analysis.duration", metric.WithUnit("s"),
		metric.WithDescription("How long looks took: queries and judges, without waiting."),
		metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600))
	if err != nil {
		return nil, err
	}
	_, err = meter.Int64ObservableGauge("judged.analyses.live", metric.WithDescription("Analyses that have not ended."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			pending, running := live()
			o.Observe(int64(pending), metric.WithAttributes(attribute.String("state", "PENDING")))
			o.Observe(int64(running), metric.WithAttributes(attribute.String("state", "RUNNING")))
			return nil
		}))
	if err != nil {
		return nil, err
	}
	_, err = meter.Int64ObservableGauge("judged.build.info", metric.WithDescription("Always 1; the version is a label."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(1, metric.WithAttributes(attribute.String("version", version)))
			return nil
		}))
	return t, err
}

// judged counts a verdict; origin is "judge" or "analysis".
func (t *telemetry) judged(ctx context.Context, origin string, v judgedv1.Verdict) {
	t.verdicts.Add(ctx, 1, metric.WithAttributes(attribute.String("origin", origin), attribute.String("verdict", v.String())))
}

// analyzed counts a look and, of the configured sources, those that failed.
func (t *telemetry) analyzed(ctx context.Context, j *judgedv1.Judgment, took time.Duration, sources []string) {
	t.judged(ctx, "analysis", j.GetVerdict())
	t.duration.Record(ctx, took.Seconds())
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

func (t *telemetry) refuse(what string) {
	t.refused.Add(context.Background(), 1, metric.WithAttributes(attribute.String("limit", what)))
}
