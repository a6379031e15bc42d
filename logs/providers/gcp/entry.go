package gcp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
)

// entry is a LogEntry, of which one of the payloads is set.
//
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
type entry struct {
	LogName   string    `json:"logName"`
	InsertID  string    `json:"insertId"` // unique among those of the log with the same timestamp
	Timestamp time.Time `json:"timestamp"`
	Severity  string    `json:"severity"`
	Trace     string    `json:"trace"` // projects/PROJECT/traces/TRACE
	Resource  struct {
		Labels map[string]string `json:"labels"`
	} `json:"resource"`
	Labels       map[string]string `json:"labels"`
	TextPayload  string            `json:"textPayload"`
	JSONPayload  json.RawMessage   `json:"jsonPayload"`
	ProtoPayload json.RawMessage   `json:"protoPayload"`
}

// converter makes records of entries. A record holds until the next one is made.
type converter struct {
	rec  logs.Record
	text bytes.Buffer
}

// record returns what is known of an entry; its message is the payload, not yet
// decoded.
func (c *converter) record(e *entry) *logs.Record {
	c.text.Reset()
	switch {
	case len(e.JSONPayload) > 0:
		c.compact(e.JSONPayload)
	case len(e.ProtoPayload) > 0:
		c.compact(e.ProtoPayload)
	default:
		c.text.WriteString(e.TextPayload)
	}
	r := e.Resource.Labels
	c.rec = logs.Record{
		Level:    decode.Level([]byte(e.Severity)),
		Instance: []byte(cmp.Or(r["pod_name"], r["instance_id"], e.Labels["instanceId"])),
		Trace:    []byte(e.Trace),
		Message:  c.text.Bytes(),
	}
	return &c.rec
}

// compact puts a payload on one line, which answers spread over many.
func (c *converter) compact(payload []byte) {
	if json.Compact(&c.text, payload) != nil {
		c.text.Write(payload) // cannot be: the answer it is part of is valid
	}
}
