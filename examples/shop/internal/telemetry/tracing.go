package telemetry

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing owns the tracer of a process and the file its spans go to.
type Tracing struct {
	provider *sdktrace.TracerProvider
	file     *os.File // nil when spans are not written
	name     string
}

// StartTracing opens the spans file for appending. ratio is the share of new traces that is recorded; a caller's
// decision always wins, so that a recorded trace has the spans of every process it went through. With an empty path
// there are trace ids but no spans.
func StartTracing(path string, ratio float64, identity Identity) (*Tracing, error) {
	t := &Tracing{name: identity.Service}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", identity.Service),
			attribute.String("service.version", identity.Version),
			attribute.String("service.instance.id", identity.Instance),
			attribute.String("track", identity.Track))),
	}
	if path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open the spans file: %w", err)
		}
		t.file = file
		options = append(options, sdktrace.WithBatcher(&lineExporter{w: file}, sdktrace.WithBatchTimeout(2*time.Second)))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	return t, nil
}

// Tracer returns the tracer to make spans with.
func (t *Tracing) Tracer() trace.Tracer { return t.provider.Tracer(t.name) }

// Close writes the spans that are still in memory and closes the file.
func (t *Tracing) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("flush spans: %w", err)
	}
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
