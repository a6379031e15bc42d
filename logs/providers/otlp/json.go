package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxObjects bounds the objects of a request in JSON: an empty one takes three
// bytes there and a hundred in memory. A collector sends 8192 records at once;
// this is room for 50 attributes each.
const maxObjects = 1 << 20

// FromJSON returns an ExportLogsServiceRequest in protobuf that is given as OTLP
// wants it in JSON: trace and span ids are hexadecimal there, which is not how
// protobuf writes bytes, and unknown fields are ignored.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
func FromJSON(text []byte) ([]byte, error) {
	if objects(text) > maxObjects {
		return nil, fmt.Errorf("it has more than %d objects: send it in several requests", maxObjects)
	}
	request := &logspb.LogsData{} // the same by another name, without gRPC
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth}).Unmarshal(text, request); err != nil {
		return nil, fmt.Errorf("it is no ExportLogsServiceRequest in JSON: %s", strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0"))
	}
	for _, resource := range request.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				record.TraceId, record.SpanId = id(record.GetTraceId()), id(record.GetSpanId())
			}
		}
	}
	return proto.Marshal(request)
}

// id reads hexadecimal digits that were taken for base64. Digits are in base64's
// alphabet, four to three bytes, so nothing is lost by that. What are none is no
// id, which is how the protocol wants it to be taken.
func id(decoded []byte) []byte {
	out, err := hex.DecodeString(base64.StdEncoding.EncodeToString(decoded))
	if err != nil {
		return nil
	}
	return out
}

// objects counts the objects of a JSON text.
func objects(text []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // only strings have any
		case '{':
			if !quoted {
				n++
			}
		}
	}
	return n
}
