package server

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// The largest request that the schema allows is within the bound on messages.
func TestLargestRequest(t *testing.T) {
	share := 0.5
	margin, side := &judgedv1.Margin{Relative: &share}, &judgedv1.Samples{Values: []float64{1}}
	r := &judgedv1.JudgeRequest{Decision: &judgedv1.Decision{Alpha: &share}, Interval: durationpb.New(1)}
	for n := range 10_000 {
		r.Signals = append(r.Signals, &judgedv1.SignalSamples{
			Name: fmt.Sprint(n), Margin: margin, Tolerance: margin,
			Baseline: side, Canary: side, BaselineHistory: side, CanaryHistory: side,
		})
	}
	binary, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"proto": protoCodec{}.Unmarshal(binary, &judgedv1.JudgeRequest{}),
		"json":  jsonCodec{}.Unmarshal(text, &judgedv1.JudgeRequest{}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCountObjects(t *testing.T) {
	many := strings.Repeat("{", maxMessages+1)
	for text, want := range map[string]bool{
		many[1:]:                      true,
		many:                          false,
		`"` + many + `"`:              true,
		`"\"` + many + `"`:            true,
		`"\\"` + many:                 false,
		`"` + many + `\\\"` + many:    true,
		`{"a": "` + many + `"}` + "{": true,
	} {
		if got := countObjects([]byte(text)); got != want {
			t.Errorf("%.20s… (%d bytes): got %v", text, len(text), got)
		}
	}
}

// The bound reads what the decoder reads: it never stops a message that has
// few messages, however malformed.
func FuzzCountMessages(f *testing.F) {
	f.Add([]byte("\x0a\x02\x0a\x00"))
	f.Add([]byte("\x0a\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		left := len(data)
		if !countMessages(data, (&judgedv1.JudgeRequest{}).ProtoReflect().Descriptor(), &left) {
			t.Errorf("%d bytes hold more than %d messages", len(data), len(data))
		}
	})
}
