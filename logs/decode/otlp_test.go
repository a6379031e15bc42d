package decode

import (
	"bytes"
	"reflect"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/logs"
)

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func keyValue(k, v string) *commonpb.KeyValue { return &commonpb.KeyValue{Key: k, Value: text(v)} }

// otlpLine is what the collector's file exporter writes.
const otlpLine = `{"resourceLogs":[{"scopeLogs":[{"scope":{"name":"shop.orders"},"logRecords":[` +
	`{"timeUnixNano":"1767366245000000000","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"no stock"},` +
	`"attributes":[{"key":"exception.stacktrace","value":{"stringValue":"a.Bad: x\n\tat a.B.f(B.java:1)\n"}}],"traceId":"4BF92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"},` +
	`{"observedTimeUnixNano":"1767366246000000000","body":{"stringValue":"{\"level\":\"warn\",\"msg\":\"json within\"}"},"traceId":"","new_field":1}]}],` +
	`"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"node"}},{"key":"k8s.pod.name","value":{"stringValue":"shop-1"}}]}}]}`

func TestOTLPLines(t *testing.T) {
	got, s := decodeSummary(t, otlpLine+"\n{\"resourceLogs\":[{\"resource\":7}]}\n", Options{})
	w := []want{
		{time: at1, level: logs.Error, logger: "shop.orders", instance: "shop-1", trace: "4BF92f3577b34da6a3ce929d0e0e4736", message: "no stock\na.Bad: x\n\tat a.B.f(B.java:1)"},
		{time: "2026-01-02T15:04:06Z", level: logs.Warn, logger: "shop.orders", instance: "shop-1", message: "json within"},
		{time: "2026-01-02T15:04:06Z", message: `{"resourceLogs":[{"resource":7}]}`},
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("got %+v\nwant %+v", got, w)
	}
	if s.Malformed != 1 {
		t.Errorf("%d malformed, want 1", s.Malformed)
	}
}

func TestOTLPProtobuf(t *testing.T) {
	request, err := proto.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{keyValue("host.name", "node"), keyValue("service.instance.id", "i-1")}},
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
			{TimeUnixNano: 1767366245e9, SeverityNumber: 9, Body: text("plain"), TraceId: bytes.Repeat([]byte{0xab}, 16)},
			{TimeUnixNano: 1767366245e9, Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{
				keyValue("msg", "a \"map\""), keyValue("severity", "error"),
			}}}}},
			{TimeUnixNano: 1767366245e9, EventName: "device.opened", TraceId: make([]byte, 16)},
			{TimeUnixNano: 1767366245e9}, // says nothing
		}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []want
	d := NewDecoder(Options{}, func(r *logs.Record) error { got = append(got, toWant(r)); return nil })
	if err := d.OTLP(request); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	w := []want{
		{time: at1, level: logs.Info, instance: "i-1", trace: "abababababababababababababababab", message: "plain"},
		{time: at1, level: logs.Error, instance: "i-1", message: `a "map"`},
		{time: at1, instance: "i-1", message: "device.opened"},
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("got %+v\nwant %+v", got, w)
	}
	if err := d.OTLP([]byte("{")); err == nil {
		t.Error("no error for a request that is not protobuf")
	}
}
