package datadog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
)

// entry is a log as the search returns it.
type entry struct {
	ID         string `json:"id"`
	Attributes struct {
		Timestamp *time.Time `json:"timestamp"`
		Message   string     `json:"message"`
		Status    string     `json:"status"`
		Host      string     `json:"host"`
		Tags      []string   `json:"tags"`
		// Attributes are what Datadog's pipelines found in the line.
		Attributes json.RawMessage `json:"attributes"`
	} `json:"attributes"`
}

// attributes are those of Datadog's own conventions.
//
// https://docs.datadoghq.com/standard-attributes/
type attributes struct {
	DD struct {
		TraceID id `json:"trace_id"`
	} `json:"dd"`
	DDTraceID id `json:"dd.trace_id"`
	TraceID   id `json:"trace_id"`
	Logger    struct {
		Name string `json:"name"`
	} `json:"logger"`
	Error struct {
		Stack string `json:"stack"`
	} `json:"error"`
}

// id is a text or a number of 64 bits.
type id string

func (i *id) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(i))
	}
	if _, err := strconv.ParseUint(string(b), 10, 64); err == nil {
		*i = id(b)
	}
	return nil
}

// converter makes records of logs. A record holds until the next one is made.
type converter struct {
	rec  logs.Record
	text bytes.Buffer
}

// instanceTags are what Datadog's agent and people call the place that a log
// comes from, the most telling first.
var instanceTags = []string{"pod_name:", "kube_pod_name:", "pod:", "container_id:"}

// record returns what is known of a log; its message is a line to decode.
func (c *converter) record(e *entry) *logs.Record {
	a := &e.Attributes
	var known attributes
	if len(a.Attributes) > 0 {
		// What has another type than expected is left out, all else is there.
		_ = json.Unmarshal(a.Attributes, &known)
	}
	c.text.Reset()
	c.text.WriteString(a.Message)
	if stack := known.Error.Stack; stack != "" && !strings.Contains(a.Message, "\n") {
		c.text.WriteString("\n" + stack)
	}
	instance := a.Host
	for _, name := range instanceTags {
		if v := tag(a.Tags, name); v != "" {
			instance = v
			break
		}
	}
	level := decode.Level([]byte(a.Status))
	if strings.EqualFold(a.Status, "ok") {
		level = logs.Info
	}
	c.rec = logs.Record{
		Level: level, Instance: []byte(instance), Logger: []byte(known.Logger.Name), Message: c.text.Bytes(),
		Trace: []byte(cmp.Or(known.DD.TraceID, known.DDTraceID, known.TraceID)),
	}
	return &c.rec
}

func tag(tags []string, name string) string {
	for _, t := range tags {
		if v, ok := strings.CutPrefix(t, name); ok {
			return v
		}
	}
	return ""
}
