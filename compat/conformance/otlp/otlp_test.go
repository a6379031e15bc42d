// Package otlp_test lets OpenTelemetry's own exporters push logs to a live judged.
package otlp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// start starts a judged that receives: extra goes on where the sources of its
// settings end.
func start(t *testing.T) *live.Server {
	t.Helper()
	return live.Start(t, fmt.Sprintf("  pushed: {provider: otlp, url: %q}\n", filepath.Join(t.TempDir(), "otlp")))
}

// failures collects what exporters complain of.
type failures struct {
	sync.Mutex

	all []string
}

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	f.Lock()
	defer f.Unlock()
	f.all = append(f.all, err.Error())
}

func (f *failures) String() string {
	f.Lock()
	defer f.Unlock()
	return strings.Join(f.all, "\n")
}

// emit sends n records through an SDK's batches and returns what went wrong.
func emit(t *testing.T, exporter sdk.Exporter, n int) string {
	t.Helper()
	f := &failures{}
	otel.SetErrorHandler(f)
	provider := sdk.NewLoggerProvider(
		sdk.WithProcessor(sdk.NewBatchProcessor(exporter, sdk.WithExportMaxBatchSize(100), sdk.WithMaxQueueSize(10*n))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "checkout"), attribute.String("service.version", "v1"))),
	)
	logger := provider.Logger("shop.Orders")
	for i := range n {
		var r log.Record
		r.SetTimestamp(time.Now())
		r.SetSeverity(log.SeverityWarn)
		r.SetBody(attribute.StringValue(fmt.Sprintf("order %d is late", i)))
		r.AddAttributes(attribute.Int("order", i))
		logger.Emit(t.Context(), r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		f.Handle(err)
	}
	return f.String()
}

// metric returns a line of the metrics page.
func metric(t *testing.T, s *live.Server, name string) string {
	t.Helper()
	response, err := http.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

const kept = `judged_pushed_records_total{outcome="kept",signal="logs"}`

func bearer(s *live.Server) map[string]string {
	return map[string]string{"Authorization": "Bearer " + s.Token}
}

func TestExporters(t *testing.T) {
	s := start(t)
	sent := 0
	for name, open := range map[string]func(context.Context) (sdk.Exporter, error){
		"HTTP": func(ctx context.Context) (sdk.Exporter, error) {
			return otlploghttp.New(ctx, otlploghttp.WithEndpointURL(s.URL+"/v1/logs"), otlploghttp.WithHeaders(bearer(s)))
		},
		"HTTP with gzip": func(ctx context.Context) (sdk.Exporter, error) {
			return otlploghttp.New(ctx, otlploghttp.WithEndpointURL(s.URL+"/v1/logs"), otlploghttp.WithHeaders(bearer(s)), otlploghttp.WithCompression(otlploghttp.GzipCompression))
		},
		"gRPC": func(ctx context.Context) (sdk.Exporter, error) {
			return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(s.Address), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(bearer(s)))
		},
		"gRPC with gzip": func(ctx context.Context) (sdk.Exporter, error) {
			return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(s.Address), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(bearer(s)), otlploggrpc.WithCompressor("gzip"))
		},
	} {
		exporter, err := open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if problems := emit(t, exporter, 1000); problems != "" {
			t.Errorf("%s: %s", name, problems)
		}
		sent += 1000
		if got := metric(t, s, kept); got != fmt.Sprint(sent) {
			t.Errorf("%s: %s records were kept, of %d", name, got, sent)
		}
	}
}

// What is refused is reported by the exporters, in judged's words, and not tried
// again.
func TestRefusals(t *testing.T) {
	s := start(t)
	none := map[string]string{}
	overHTTP, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(s.URL+"/v1/logs"), otlploghttp.WithHeaders(none))
	if err != nil {
		t.Fatal(err)
	}
	if problems := emit(t, overHTTP, 1); !strings.Contains(problems, "401") {
		t.Errorf("without a token over HTTP: %s", problems)
	}
	overGRPC, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(s.Address), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(none))
	if err != nil {
		t.Fatal(err)
	}
	if problems := emit(t, overGRPC, 1); !strings.Contains(problems, "this server wants to know who is calling") {
		t.Errorf("without a token over gRPC: %s", problems)
	}
}

// Partial success is understood as such.
func TestPartialSuccess(t *testing.T) {
	s := start(t)
	for name, open := range map[string]func() (sdk.Exporter, error){
		"HTTP": func() (sdk.Exporter, error) {
			return otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(s.URL+"/v1/logs"), otlploghttp.WithHeaders(bearer(s)))
		},
		"gRPC": func() (sdk.Exporter, error) {
			return otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(s.Address), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(bearer(s)))
		},
	} {
		exporter, err := open()
		if err != nil {
			t.Fatal(err)
		}
		f := &failures{}
		otel.SetErrorHandler(f)
		provider := sdk.NewLoggerProvider(sdk.WithProcessor(sdk.NewSimpleProcessor(exporter)))
		var r log.Record
		r.SetTimestamp(time.Now().Add(-24 * time.Hour))
		r.SetBody(attribute.StringValue("long ago"))
		provider.Logger("shop").Emit(t.Context(), r)
		if err := provider.Shutdown(t.Context()); err != nil {
			f.Handle(err)
		}
		if !strings.Contains(f.String(), "1 older than is kept here") {
			t.Errorf("%s: %q", name, f.String())
		}
	}
}

// While judged is down the exporter tries again, and what was kept before it was
// killed is there afterwards.
func TestRestart(t *testing.T) {
	s := start(t)
	open := func() sdk.Exporter {
		exporter, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(s.Address), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(bearer(s)),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: time.Minute}))
		if err != nil {
			t.Fatal(err)
		}
		return exporter
	}
	if problems := emit(t, open(), 500); problems != "" {
		t.Fatal(problems)
	}
	s.Kill()
	problems := make(chan string, 1)
	go func() { problems <- emit(t, open(), 500) }()
	time.Sleep(300 * time.Millisecond) // so that the first try meets nobody
	s.Restart()
	if text := <-problems; text != "" {
		t.Error(text)
	}
	for name, want := range map[string]string{
		kept:                                     "500", // since the restart
		`judged_spool_segments{signal="logs"}`:   "2",   // one of each process
		`judged_spool_torn_total{signal="logs"}`: "0",
	} {
		if got := metric(t, s, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
