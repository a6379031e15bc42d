package decode

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/logs"
)

// OTLP decodes the protobuf of an OTLP request (ExportLogsServiceRequest) and
// delivers its records. It returns an error if it is none, before anything is
// delivered.
func (d *Decoder) OTLP(request []byte) error {
	// LogsData and ExportLogsServiceRequest are the same message under two names;
	// the second one's package would bring gRPC.
	var data logspb.LogsData
	if err := proto.Unmarshal(request, &data); err != nil {
		return fmt.Errorf("the request is not OTLP logs in protobuf: %w", err)
	}
	d.input++
	return d.batch(&data, input{first: d.input})
}

// batchLine decodes a line of the collector's file exporter; false if it is
// none.
func (d *Decoder) batchLine(line []byte, in input) (bool, error) {
	var data logspb.LogsData
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(line, &data); err != nil {
		return false, nil //nolint:nilerr // it is counted as malformed and delivered as it is
	}
	return true, d.batch(&data, in)
}

// The resource attributes that name an instance, the best first.
var instanceAttributes = [...]string{"service.instance.id", "k8s.pod.name", "host.name", "container.id"}

func (d *Decoder) batch(data *logspb.LogsData, in input) error {
	var text []byte
	in.batch = true
	for _, resource := range data.GetResourceLogs() {
		instance := ""
		for _, name := range instanceAttributes {
			if instance = attribute(resource.GetResource().GetAttributes(), name); instance != "" {
				break
			}
		}
		for _, scope := range resource.GetScopeLogs() {
			for _, r := range scope.GetLogRecords() {
				labels := logs.Record{
					Level: SeverityNumber(int(r.GetSeverityNumber())), Logger: []byte(scope.GetScope().GetName()),
					Instance: []byte(instance), Trace: hexID(r.GetTraceId()), Site: site(r.GetAttributes()),
				}
				if labels.Level == logs.NoLevel {
					labels.Level = Level([]byte(r.GetSeverityText()))
				}
				if nanos := max(r.GetTimeUnixNano(), 0); nanos != 0 {
					labels.Time = time.Unix(0, int64(nanos)).UTC()
				} else if nanos := r.GetObservedTimeUnixNano(); nanos != 0 {
					labels.Time = time.Unix(0, int64(nanos)).UTC()
				}
				if text = appendAny(text[:0], r.GetBody(), 0); len(text) == 0 {
					text = append(text, r.GetEventName()...)
				}
				if d.where != nil {
					d.where.reset()
					d.where.attributes(r.GetAttributes())
					d.where.attributes(resource.GetResource().GetAttributes())
					in.dropped = !d.where.selects()
				}
				in.labels = &labels
				in.stack = []byte(attribute(r.GetAttributes(), "exception.stacktrace"))
				if err := d.text(text, in); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func attribute(attributes []*commonpb.KeyValue, name string) string {
	for _, a := range attributes {
		if a.GetKey() == name {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// attributes tells the matchers of attributes.
func (w *where) attributes(attributes []*commonpb.KeyValue) {
	for _, a := range attributes {
		if name := []byte(a.GetKey()); w.wants(name) {
			v := value{kind: textValue, raw: appendAny(nil, a.GetValue(), 0)}
			if a.GetValue().GetKvlistValue() != nil {
				v.kind = objectValue
			}
			w.field(name, v)
		}
	}
}

// site returns the number of the source line, by its name of today and its
// former one.
func site(attributes []*commonpb.KeyValue) uint32 {
	for _, a := range attributes {
		if name := a.GetKey(); name == "code.line.number" || name == "code.lineno" {
			if n := a.GetValue().GetIntValue(); n > 0 && n < 1e7 {
				return uint32(n)
			}
		}
	}
	return 0
}

// hexID returns an id in hexadecimal. OTLP's JSON writes ids so, where
// protobuf's JSON has base64: read as base64, and written so again, they are
// what they were.
func hexID(id []byte) []byte {
	switch len(id) {
	case 0:
		return nil
	case 24:
		return base64.StdEncoding.AppendEncode(nil, id)
	default:
		return hex.AppendEncode(nil, id)
	}
}

// maxBodyDepth is how deep a body's lists and maps are written.
const maxBodyDepth = 16

// appendAny appends a text as it is and everything else as JSON.
func appendAny(dst []byte, v *commonpb.AnyValue, depth int) []byte {
	if depth > maxBodyDepth {
		return append(dst, "null"...)
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		if depth == 0 {
			return append(dst, v.StringValue...)
		}
		return appendQuoted(dst, v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return strconv.AppendBool(dst, v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.AppendInt(dst, v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.AppendFloat(dst, v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BytesValue:
		return appendQuoted(dst, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		dst = append(dst, '[')
		for i, e := range v.ArrayValue.GetValues() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendAny(dst, e, depth+1)
		}
		return append(dst, ']')
	case *commonpb.AnyValue_KvlistValue:
		dst = append(dst, '{')
		for i, kv := range v.KvlistValue.GetValues() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, kv.GetKey()), ':')
			dst = appendAny(dst, kv.GetValue(), depth+1)
		}
		return append(dst, '}')
	default:
		if depth == 0 {
			return dst
		}
		return append(dst, "null"...)
	}
}

// appendQuoted appends a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
