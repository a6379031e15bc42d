package telemetry

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

var identity = Identity{Service: "shop", Version: "v1", Instance: "shop-1", Track: "stable"}

func TestSpansAreOTLP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	tracing, err := StartTracing(path, 1, identity)
	if err != nil {
		t.Fatal(err)
	}
	ctx, parent := tracing.Tracer().Start(t.Context(), "parent", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tracing.Tracer().Start(ctx, "child", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.Int("n", 3), attribute.Bool("hit", true), attribute.Float64("x", 0.5), attribute.String("s", "text")))
	child.RecordError(errors.New("broken"))
	child.SetStatus(codes.Error, "broken")
	child.End()
	parent.End()
	if err := tracing.Close(); err != nil {
		t.Fatal(err)
	}

	requests := readRequests(t, path)
	if len(requests) != 1 {
		t.Fatalf("%d lines, want 1", len(requests))
	}
	resource := requests[0].ResourceSpans[0]
	attributes := map[string]string{}
	for _, attr := range resource.Resource.Attributes {
		attributes[attr.Key] = attr.Value.GetStringValue()
	}
	if diff := cmp.Diff(map[string]string{
		"service.name": "shop", "service.version": "v1", "service.instance.id": "shop-1", "track": "stable",
	}, attributes); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	spans := resource.ScopeSpans[0].Spans
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	gotChild, gotParent := spans[0], spans[1] // in the order of their ends
	if gotChild.Kind != tracepb.Span_SPAN_KIND_CLIENT || gotParent.Kind != tracepb.Span_SPAN_KIND_SERVER {
		t.Errorf("kinds %s and %s", gotChild.Kind, gotParent.Kind)
	}
	if !bytes.Equal(gotChild.ParentSpanId, gotParent.SpanId) || !bytes.Equal(gotChild.TraceId, gotParent.TraceId) {
		t.Error("the child does not hang on the parent")
	}
	if id := parent.SpanContext().TraceID(); !bytes.Equal(id[:], gotParent.TraceId) {
		t.Errorf("trace id %x, want %s", gotParent.TraceId, id)
	}
	if status := gotChild.Status; status.Code != tracepb.Status_STATUS_CODE_ERROR || status.Message != "broken" {
		t.Errorf("status of the child: %v", status)
	}
	if status := gotParent.Status; status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("status of the parent: %v", status)
	}
	if len(gotChild.Events) != 1 || gotChild.Events[0].Name != "exception" {
		t.Errorf("events of the child: %v", gotChild.Events)
	}
	if gotChild.Attributes[0].Value.GetIntValue() != 3 || !gotChild.Attributes[1].Value.GetBoolValue() ||
		gotChild.Attributes[2].Value.GetDoubleValue() != 0.5 || gotChild.Attributes[3].Value.GetStringValue() != "text" {
		t.Errorf("attributes of the child: %v", gotChild.Attributes)
	}
	if gotChild.EndTimeUnixNano < gotChild.StartTimeUnixNano || gotChild.StartTimeUnixNano < gotParent.StartTimeUnixNano {
		t.Error("the times are out of order")
	}
}

// readRequests decodes the lines with OTLP's own messages, after changing ids from hex to the base64 of protobuf's JSON.
func readRequests(t *testing.T, path string) []*collectorpb.ExportTraceServiceRequest {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"`)
	var requests []*collectorpb.ExportTraceServiceRequest
	for line := range strings.Lines(string(data)) {
		line = id.ReplaceAllStringFunc(line, func(field string) string {
			parts := id.FindStringSubmatch(field)
			raw, err := hex.DecodeString(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			return `"` + parts[1] + `":"` + base64.StdEncoding.EncodeToString(raw) + `"`
		})
		request := new(collectorpb.ExportTraceServiceRequest)
		if err := protojson.Unmarshal([]byte(line), request); err != nil {
			t.Fatalf("not an ExportTraceServiceRequest: %v\n%s", err, line)
		}
		requests = append(requests, request)
	}
	return requests
}

func TestTheCallersDecisionToRecordWins(t *testing.T) {
	tracing, err := StartTracing("", 0, identity)
	if err != nil {
		t.Fatal(err)
	}
	defer tracing.Close()
	for _, sampled := range []bool{false, true} {
		caller := trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.TraceFlags(0).WithSampled(sampled), Remote: true,
		})
		_, span := tracing.Tracer().Start(trace.ContextWithRemoteSpanContext(t.Context(), caller), "server")
		if span.SpanContext().IsSampled() != sampled {
			t.Errorf("caller records: %t, callee records: %t", sampled, !sampled)
		}
	}
}

func TestLogLinesSayWhereTheyComeFrom(t *testing.T) {
	tracing, err := StartTracing("", 0, identity)
	if err != nil {
		t.Fatal(err)
	}
	defer tracing.Close()
	ctx, span := tracing.Tracer().Start(t.Context(), "request")
	defer span.End()
	var out bytes.Buffer
	log := NewLogger(&out, identity)
	log.InfoContext(ctx, "order placed", "lines", 3)
	log.Info("shop is up")

	var lines []map[string]any
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if at, _ := line["time"].(string); !strings.HasSuffix(at, "Z") {
			t.Errorf("time %q is not in UTC", at)
		}
		delete(line, "time")
		lines = append(lines, line)
	}
	want := []map[string]any{
		{
			"level": "INFO", "msg": "order placed", "service": "shop", "version": "v1", "instance": "shop-1", "track": "stable",
			"lines": 3.0, "trace_id": span.SpanContext().TraceID().String(),
		},
		{"level": "INFO", "msg": "shop is up", "service": "shop", "version": "v1", "instance": "shop-1", "track": "stable"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
