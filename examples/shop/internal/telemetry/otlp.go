package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// lineExporter writes each batch of spans as one ExportTraceServiceRequest in OTLP/JSON, one a line: what the
// OpenTelemetry collector's file exporter writes. OTLP/JSON is not protobuf's JSON: ids are hex, not base64
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), hence the structs in this file.
type lineExporter struct{ w io.Writer }

var _ sdktrace.SpanExporter = (*lineExporter)(nil)

func (e *lineExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	line, err := json.Marshal(encodeRequest(spans))
	if err != nil {
		return err
	}
	// One Write a line: a process that is killed never leaves half a line followed by another.
	_, err = e.w.Write(append(line, '\n'))
	return err
}

func (e *lineExporter) Shutdown(context.Context) error { return nil }

type otlpRequest struct {
	ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
}

type otlpResourceSpans struct {
	Resource   otlpResource     `json:"resource"`
	ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
}

type otlpResource struct {
	Attributes []otlpAttribute `json:"attributes"`
}

type otlpScopeSpans struct {
	Scope otlpScope  `json:"scope"`
	Spans []otlpSpan `json:"spans"`
}

type otlpScope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type otlpSpan struct {
	TraceID           string          `json:"traceId"`
	SpanID            string          `json:"spanId"`
	ParentSpanID      string          `json:"parentSpanId,omitempty"`
	Flags             uint32          `json:"flags,omitempty"`
	Name              string          `json:"name"`
	Kind              int             `json:"kind"`
	StartTimeUnixNano string          `json:"startTimeUnixNano"`
	EndTimeUnixNano   string          `json:"endTimeUnixNano"`
	Attributes        []otlpAttribute `json:"attributes,omitempty"`
	Events            []otlpEvent     `json:"events,omitempty"`
	Status            otlpStatus      `json:"status"`
}

type otlpEvent struct {
	TimeUnixNano string          `json:"timeUnixNano"`
	Name         string          `json:"name"`
	Attributes   []otlpAttribute `json:"attributes,omitempty"`
}

type otlpStatus struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

type otlpAttribute struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

// otlpValue holds one of its fields. 64 bit integers are strings in OTLP/JSON.
type otlpValue struct {
	String *string  `json:"stringValue,omitempty"`
	Bool   *bool    `json:"boolValue,omitempty"`
	Int    *string  `json:"intValue,omitempty"`
	Double *float64 `json:"doubleValue,omitempty"`
}

// encodeRequest puts the spans of one process into one request: one resource, one group a scope.
func encodeRequest(spans []sdktrace.ReadOnlySpan) otlpRequest {
	var groups []otlpScopeSpans
	position := map[instrumentation.Scope]int{}
	for _, span := range spans {
		scope := span.InstrumentationScope()
		i, ok := position[scope]
		if !ok {
			i = len(groups)
			position[scope] = i
			groups = append(groups, otlpScopeSpans{Scope: otlpScope{Name: scope.Name, Version: scope.Version}})
		}
		groups[i].Spans = append(groups[i].Spans, encodeSpan(span))
	}
	resource := otlpResource{Attributes: encodeAttributes(spans[0].Resource().Attributes())}
	return otlpRequest{ResourceSpans: []otlpResourceSpans{{Resource: resource, ScopeSpans: groups}}}
}

func encodeSpan(span sdktrace.ReadOnlySpan) otlpSpan {
	id, parent := span.SpanContext(), span.Parent()
	encoded := otlpSpan{
		TraceID:           id.TraceID().String(),
		SpanID:            id.SpanID().String(),
		Flags:             uint32(id.TraceFlags()),
		Name:              span.Name(),
		Kind:              int(span.SpanKind()), // the API's numbers are OTLP's
		StartTimeUnixNano: nanoseconds(span.StartTime()),
		EndTimeUnixNano:   nanoseconds(span.EndTime()),
		Attributes:        encodeAttributes(span.Attributes()),
	}
	if parent.HasSpanID() {
		encoded.ParentSpanID = parent.SpanID().String()
	}
	for _, event := range span.Events() {
		encoded.Events = append(encoded.Events, otlpEvent{
			TimeUnixNano: nanoseconds(event.Time),
			Name:         event.Name,
			Attributes:   encodeAttributes(event.Attributes),
		})
	}
	// OTLP and the API number the codes differently: OTLP has OK 1 and ERROR 2, the API Error 1 and Ok 2.
	switch status := span.Status(); status.Code {
	case codes.Ok:
		encoded.Status = otlpStatus{Code: 1}
	case codes.Error:
		encoded.Status = otlpStatus{Code: 2, Message: status.Description}
	}
	return encoded
}

func encodeAttributes(attributes []attribute.KeyValue) []otlpAttribute {
	encoded := make([]otlpAttribute, 0, len(attributes))
	for _, attr := range attributes {
		var value otlpValue
		switch attr.Value.Type() {
		case attribute.BOOL:
			value.Bool = new(attr.Value.AsBool())
		case attribute.INT64:
			value.Int = new(strconv.FormatInt(attr.Value.AsInt64(), 10))
		case attribute.FLOAT64:
			value.Double = new(attr.Value.AsFloat64())
		default: // lists become their text; the shop sets none
			value.String = new(attr.Value.String())
		}
		encoded = append(encoded, otlpAttribute{Key: string(attr.Key), Value: value})
	}
	return encoded
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
