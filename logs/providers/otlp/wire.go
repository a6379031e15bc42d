package otlp

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields that are taken apart here, from opentelemetry-proto
// 1.x: collector/logs/v1 and logs/v1.
const (
	requestResourceLogs = 1

	resourceLogsResource = 1
	resourceLogsScopes   = 2

	scopeLogsScope   = 1
	scopeLogsRecords = 2

	recordObserved = 11
)

var errMalformed = errors.New("it is no ExportLogsServiceRequest of opentelemetry.proto.collector.logs.v1")

// eachMessage calls each with the messages in the fields of a number.
func eachMessage(b []byte, number protowire.Number, each func([]byte) error) error {
	for len(b) > 0 {
		at, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMalformed
		}
		size := protowire.ConsumeFieldValue(at, kind, b[n:])
		if size < 0 {
			return errMalformed
		}
		value := b[n : n+size]
		b = b[n+size:]
		if at != number || kind != protowire.BytesType {
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		if err := each(inner); err != nil {
			return err
		}
	}
	return nil
}

// message returns the message in the fields of a number. Several are merged as
// protobuf says: their bytes follow each other.
func message(b []byte, number protowire.Number) ([]byte, error) {
	var merged []byte
	err := eachMessage(b, number, func(one []byte) error {
		if merged == nil {
			merged = slices.Clip(one)
		} else {
			merged = append(merged, one...)
		}
		return nil
	})
	return merged, err
}

// attribute returns the text of a resource's attribute, the first of that name;
// "" if there is none, or if it is a list, a map or bytes.
func attribute(r *resourcepb.Resource, name string) string {
	for _, a := range r.GetAttributes() {
		if a.GetKey() != name {
			continue
		}
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			return v.StringValue
		case *commonpb.AnyValue_BoolValue:
			return strconv.FormatBool(v.BoolValue)
		case *commonpb.AnyValue_IntValue:
			return strconv.FormatInt(v.IntValue, 10)
		case *commonpb.AnyValue_DoubleValue:
			return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
		default:
			return ""
		}
	}
	return ""
}

// appendField writes a field of bytes.
func appendField(out []byte, number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), b)
}

// appendTime writes a field with a time.
func appendTime(out []byte, number protowire.Number, nanoseconds int64) []byte {
	out = protowire.AppendTag(out, number, protowire.Fixed64Type)
	return binary.LittleEndian.AppendUint64(out, uint64(nanoseconds))
}
