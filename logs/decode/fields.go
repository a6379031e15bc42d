package decode

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/judged-dev/judged/logs"
)

// A role is what a known field of a structured line says.
type role uint8

const (
	unknown role = iota
	timeField
	levelField
	severityField // OpenTelemetry's number
	loggerField
	callerField // file.go:17: the logger's name, where nothing else gives one, and the number
	siteField   // the number of the source line alone
	instanceField
	traceField
	messageField
	errorField // the text of an error
	stackField
	streamField // of Docker's envelope
	otlpField   // a line with this one is a batch of records
	parentField // an object whose fields count by their path
	insideField // an object whose fields count by their name alone

	roles
)

// use is a role and which of several fields of that role counts: the one of
// the lowest rank, of equals the first.
type use struct {
	role role
	rank uint8
}

// sinceStart is the rank of the fields whose numbers may count from a start
// other than 1970: recordings do so.
const sinceStart = 2

// log4jLocation is the rank of class.method(File.java:17). Others name places
// and shelves so.
const log4jLocation = 2

// known are the names of fields, those within objects with dots between. They
// are the defaults of: log/slog, zap, zerolog, logrus, logr; log4j2's JSON
// layouts, logback's and logstash's encoders; bunyan, pino, winston; Python's
// logging with its JSON formatters, structlog; Serilog, Microsoft's console;
// Elastic's common schema (ECS), GELF, Datadog, Google Cloud, journald, MongoDB,
// OpenTelemetry.
var known = map[string]use{
	"time": {timeField, 0}, "ts": {timeField, sinceStart}, "timestamp": {timeField, 0}, "@timestamp": {timeField, 0}, "@t": {timeField, 0},
	"Time": {timeField, 0}, "Timestamp": {timeField, 0}, "TimeStamp": {timeField, 0}, "datetime": {timeField, 1}, "asctime": {timeField, 1},
	"eventTime": {timeField, 1}, "event_time": {timeField, 1}, "timeMillis": {timeField, 0}, "timestamp_ms": {timeField, 1},
	"t": {timeField, sinceStart}, "t.$date": {timeField, 1}, "date": {timeField, 3}, "instant.epochSecond": {timeField, 1}, "timestamp.seconds": {timeField, 1},
	"timestampSeconds": {timeField, 1}, "timeUnixNano": {timeField, 1}, "created": {timeField, 4}, "__REALTIME_TIMESTAMP": {timeField, 0},

	"level": {levelField, 0}, "lvl": {levelField, 0}, "severity": {levelField, 0}, "log.level": {levelField, 0}, "levelname": {levelField, 0},
	"level_name": {levelField, 0}, "loglevel": {levelField, 0}, "logLevel": {levelField, 0}, "log_level": {levelField, 0}, "Level": {levelField, 0},
	"LogLevel": {levelField, 0}, "Severity": {levelField, 0}, "LEVEL": {levelField, 0}, "@l": {levelField, 0}, "severityText": {levelField, 0},
	"severity_text": {levelField, 0}, "SeverityText": {levelField, 0}, "log.syslog.severity.name": {levelField, 1}, "PRIORITY": {levelField, 1},
	"status": {levelField, 2}, "s": {levelField, 3},
	"severityNumber": {severityField, 0}, "severity_number": {severityField, 0}, "SeverityNumber": {severityField, 0},

	"logger": {loggerField, 0}, "logger_name": {loggerField, 0}, "loggerName": {loggerField, 0}, "log.logger": {loggerField, 0}, "Logger": {loggerField, 0},
	"SourceContext": {loggerField, 0}, "Properties.SourceContext": {loggerField, 0}, "Category": {loggerField, 1}, "category": {loggerField, 1},
	"logger.name": {loggerField, 0}, "name": {loggerField, 3}, "module": {loggerField, 3}, "component": {loggerField, 3}, "class": {loggerField, 3},
	"source.function": {loggerField, 4}, "SYSLOG_IDENTIFIER": {loggerField, 3}, "c": {loggerField, 6},
	"caller": {callerField, 0}, "source": {callerField, 1},

	"source.line": {siteField, 0}, "log.origin.file.line": {siteField, 0}, "code.line.number": {siteField, 0}, "code.lineno": {siteField, 0},
	"lineno": {siteField, 1}, "caller_line_number": {siteField, 1}, "logging.googleapis.com/sourceLocation.line": {siteField, 1}, "location": {siteField, log4jLocation},

	"service.instance.id": {instanceField, 0}, "k8s.pod.name": {instanceField, 0}, "kubernetes.pod_name": {instanceField, 0}, "kubernetes.pod.name": {instanceField, 0},
	"pod": {instanceField, 1}, "pod_name": {instanceField, 1}, "podName": {instanceField, 1},
	"instance": {instanceField, 2}, "instance_id": {instanceField, 2}, "container_name": {instanceField, 3}, "container.name": {instanceField, 3},
	"container_id": {instanceField, 3}, "container.id": {instanceField, 3}, "hostname": {instanceField, 4}, "host": {instanceField, 4},
	"host.name": {instanceField, 4}, "host.hostname": {instanceField, 4}, "host_name": {instanceField, 4}, "HOSTNAME": {instanceField, 4},
	"_HOSTNAME": {instanceField, 4}, "MachineName": {instanceField, 4}, "Properties.MachineName": {instanceField, 4}, "machine_name": {instanceField, 4}, "svc": {instanceField, 9},

	"trace_id": {traceField, 0}, "traceId": {traceField, 0}, "traceID": {traceField, 0}, "TraceId": {traceField, 0}, "TraceID": {traceField, 0},
	"trace.id": {traceField, 0}, "traceid": {traceField, 0}, "trace": {traceField, 0}, "@tr": {traceField, 0}, "otelTraceID": {traceField, 0},
	"dd.trace_id": {traceField, 1}, "dd_trace_id": {traceField, 1}, "dd.traceId": {traceField, 1}, "logging.googleapis.com/trace": {traceField, 0},
	"traceparent": {traceField, 1}, "X-B3-TraceId": {traceField, 1}, "x-b3-traceid": {traceField, 1}, "b3": {traceField, 2},
	"uber-trace-id": {traceField, 2}, "x-amzn-trace-id": {traceField, 2}, "X-Amzn-Trace-Id": {traceField, 2}, "xray_trace_id": {traceField, 2},
	"transaction.id": {traceField, 3}, "request_id": {traceField, 4}, "requestId": {traceField, 4}, "requestID": {traceField, 4}, "RequestId": {traceField, 4},
	"request.id": {traceField, 4}, "req_id": {traceField, 4}, "reqId": {traceField, 4}, "req.id": {traceField, 4}, "x-request-id": {traceField, 4},
	"X-Request-Id": {traceField, 4}, "X-Request-ID": {traceField, 4}, "x_request_id": {traceField, 4}, "http.request.id": {traceField, 4},
	"correlation_id": {traceField, 5}, "correlationId": {traceField, 5}, "CorrelationId": {traceField, 5},

	"message": {messageField, 0}, "msg": {messageField, 0}, "@m": {messageField, 0}, "Message": {messageField, 0}, "MESSAGE": {messageField, 0},
	"RenderedMessage": {messageField, 0}, "textPayload": {messageField, 0}, "body": {messageField, 1}, "Body": {messageField, 1},
	"short_message": {messageField, 1}, "@mt": {messageField, 1}, "MessageTemplate": {messageField, 1}, "log": {messageField, 2},
	"event": {messageField, 3}, "text": {messageField, 3}, "m": {messageField, 4},

	"error": {errorField, 0}, "err": {errorField, 0}, "error.message": {errorField, 1}, "err.message": {errorField, 1}, "exception.message": {errorField, 1},
	"thrown.message": {errorField, 1},
	"stack":          {stackField, 0}, "stack_trace": {stackField, 0}, "stackTrace": {stackField, 0}, "stacktrace": {stackField, 0}, "StackTrace": {stackField, 0},
	"exception.stacktrace": {stackField, 0}, "exception.stack_trace": {stackField, 0}, "exception.stack": {stackField, 0}, "error.stack": {stackField, 0},
	"error.stack_trace": {stackField, 0}, "err.stack": {stackField, 0}, "exc_info": {stackField, 1}, "exception": {stackField, 1}, "Exception": {stackField, 1},
	"@x": {stackField, 0}, "traceback": {stackField, 1}, "backtrace": {stackField, 1}, "error.backtrace": {stackField, 1}, "thrown.extendedStackTrace": {stackField, 0},

	"stream":       {streamField, 0},
	"resourceLogs": {otlpField, 0}, "resource_logs": {otlpField, 0},
}

// containers are objects that known fields are kept in.
var containers = map[string]use{
	"log": {parentField, 0}, "log.origin": {parentField, 0}, "log.origin.file": {parentField, 0},
	"logging.googleapis.com/sourceLocation": {parentField, 0}, "trace": {parentField, 0}, "error": {parentField, 0}, "err": {parentField, 0}, "exception": {parentField, 0},
	"thrown": {parentField, 0}, "kubernetes": {parentField, 0}, "kubernetes.pod": {parentField, 0}, "k8s": {parentField, 0}, "k8s.pod": {parentField, 0},
	"host": {parentField, 0}, "container": {parentField, 0}, "service": {parentField, 0}, "service.instance": {parentField, 0}, "dd": {parentField, 0},
	"logger": {parentField, 0}, "request": {parentField, 0}, "req": {parentField, 0}, "http": {parentField, 0}, "http.request": {parentField, 0}, "transaction": {parentField, 0},
	"source": {parentField, 0}, "instant": {parentField, 0}, "timestamp": {parentField, 0}, "t": {parentField, 0},
	"Properties": {parentField, 0}, "resource": {insideField, 0}, "jsonPayload": {insideField, 0}, "mdc": {insideField, 0}, "MDC": {insideField, 0},
	"contextMap": {insideField, 0}, "fields": {insideField, 0}, "attributes": {insideField, 0}, "labels": {insideField, 0}, "extra": {insideField, 0},
	"context": {insideField, 0},
}

const maxKey = 63

// names finds a field's name faster than a map does: most fields are none of
// the known, and those that are differ in their lengths and three letters.
type names struct {
	// lengths has, for the first byte of a name, a bit for each length that such
	// a name has.
	lengths [256]uint64
	slots   [1024]struct {
		name string
		use
	}
}

func newNames(table map[string]use) *names {
	var n names
	for _, name := range slices.Sorted(maps.Keys(table)) {
		n.lengths[name[0]] |= 1 << len(name)
		i := slot([]byte(name))
		for n.slots[i].name != "" {
			i = (i + 1) % len(n.slots)
		}
		n.slots[i].name, n.slots[i].use = name, table[name]
	}
	return &n
}

func slot(name []byte) int {
	const odd = 0x9e3779b1 // 2^32 over the golden ratio
	last := len(name) - 1
	key := uint32(name[0]) | uint32(name[last])<<8 | uint32(name[last/2])<<16 | uint32(last)<<24
	return int(key * odd >> 22)
}

func (n *names) use(name []byte) use {
	if len(name) == 0 || len(name) > maxKey || n.lengths[name[0]]&(1<<len(name)) == 0 {
		return use{}
	}
	for i := slot(name); n.slots[i].name != ""; i = (i + 1) % len(n.slots) {
		if n.slots[i].name == string(name) {
			return n.slots[i].use
		}
	}
	return use{}
}

var knownNames, containerNames = newNames(known), newNames(containers)

func fieldUse(name []byte) use { return knownNames.use(name) }

func containerUse(name []byte) use { return containerNames.use(name) }

type valueKind uint8

const (
	noValue valueKind = iota
	textValue
	numberValue
	objectValue
	arrayValue
	otherValue // true, false, null
)

// A value of a field: text without its quotes, everything else as it is
// written.
type value struct {
	raw     []byte
	kind    valueKind
	escaped bool // text that has a backslash
	rank    uint8
}

// fields are what a structured line says in known fields.
type fields [roles]value

func (f *fields) reset() { *f = fields{} }

// offer keeps v if no better field of its role was seen.
func (f *fields) offer(u use, v value) {
	if v.kind == otherValue || v.kind == noValue {
		return
	}
	switch u.role {
	case traceField, instanceField, loggerField, callerField, siteField, levelField, errorField, streamField:
		if v.kind != textValue && v.kind != numberValue || len(v.raw) == 0 {
			return
		}
		if u.role == traceField && isNoID(v.raw) {
			return
		}
		if u.role == levelField && u.rank >= 2 && v.kind == numberValue {
			return // "status": 404
		}
	case timeField:
		if v.kind != textValue && v.kind != numberValue {
			return
		}
	case messageField:
		if v.kind == textValue && len(v.raw) == 0 {
			return // then the line itself says more
		}
	case stackField:
		if v.kind != textValue && v.kind != arrayValue || len(v.raw) == 0 {
			return
		}
	default:
	}
	if at := &f[u.role]; at.kind == noValue || u.rank < at.rank {
		v.rank = u.rank
		*at = v
	}
}

// time returns the time that the fields give.
func (f *fields) time(now clock) (time.Time, bool) {
	v := f[timeField]
	switch v.kind {
	case numberValue:
		return f.number()
	case textValue:
		if t, n := timestamp(trimSpace(v.raw), now); n > 0 {
			return t, true
		}
		return f.number()
	default:
		return time.Time{}, false
	}
}

func (f *fields) number() (time.Time, bool) {
	v := f[timeField]
	t, ok := epoch(v.raw)
	// A number before 2001 is a duration or a count.
	if ok && t.Unix() < 1e9 && v.rank != sinceStart {
		return time.Time{}, false
	}
	return t, ok
}

// level returns the level that the fields give.
func (f *fields) level() logs.Level {
	if v := f[levelField]; v.kind != noValue {
		word := trimSpace(v.raw)
		if l := Level(word); l != logs.NoLevel {
			return l
		}
	}
	if v := f[severityField]; v.kind == numberValue {
		if n, ok := number(v.raw); ok {
			return SeverityNumber(n)
		}
	}
	return logs.NoLevel
}

// isNoID reports whether an id is none: empty, or nothing but zeros and dashes,
// as tracers write where there is no trace.
func isNoID(id []byte) bool {
	for _, c := range id {
		if c != '0' && c != '-' && c != ' ' {
			return false
		}
	}
	return true
}

// traceID takes the trace's id out of what systems put around it: W3C's
// traceparent (version-trace-parent-flags), B3's single header, Jaeger's
// trace:span:parent:flags, Google's projects/P/traces/T, Amazon's Root=.
func traceID(b []byte) []byte {
	b = trimSpace(b)
	if len(b) <= 32 && allHex(b) {
		if isNoID(b) {
			return nil
		}
		return b
	}
	if len(b) == 55 && b[2] == '-' && b[35] == '-' && b[52] == '-' {
		b = b[3:35]
	} else if len(b) > 33 && b[32] == '-' && allHex(b[:32]) {
		b = b[:32]
	} else if i := bytes.IndexByte(b, ':'); i >= 16 && allHex(b[:i]) {
		b = b[:i]
	} else if i := bytes.LastIndex(b, []byte("/traces/")); i >= 0 {
		b = b[i+len("/traces/"):]
	} else if i := bytes.Index(b, []byte("Root=")); i >= 0 {
		b = b[i+len("Root="):]
		if end := bytes.IndexByte(b, ';'); end >= 0 {
			b = b[:end]
		}
	}
	if isNoID(b) {
		return nil
	}
	return b
}

func allHex(b []byte) bool {
	for _, c := range b {
		if !hexDigits[c] {
			return false
		}
	}
	return len(b) > 0
}

// trimSourceLine cuts the number of a source line, or of an event, off a
// logger's name, since it changes with every release, and returns it. What is
// in brackets may be a process, and is not the number of a line.
//
//	Travel2Controller#115  server/main.go:42  Program[14]
func trimSourceLine(b []byte) (name []byte, site uint32) {
	for range 2 { // main.go:42:7
		end := len(b)
		if end > 0 && b[end-1] == ']' {
			end--
		}
		i := end
		for i > 0 && isDigit(b[i-1]) {
			i--
		}
		if i == end || i < 2 {
			break
		}
		switch c := b[i-1]; {
		case (c == '#' || c == ':') && end == len(b):
			site = sourceLine(b[i:end])
		case c == '[' && end < len(b):
		default:
			return b, site
		}
		b = b[:i-1]
	}
	return b, site
}

// sourceLine reads the number of a source line, 0 if it is none: files of more
// than ten million lines are not written, actors and ports have such numbers.
func sourceLine(b []byte) uint32 {
	if len(b) == 0 || len(b) > 7 {
		return 0
	}
	n := uint32(0)
	for _, c := range b {
		if !isDigit(c) {
			return 0
		}
		n = n*10 + uint32(c-'0')
	}
	return n
}

// site returns the number of the source line that the fields give, beside that
// of the logger's name.
func (f *fields) site() uint32 {
	if _, n := trimSourceLine(f[callerField].raw); n > 0 {
		return n
	}
	v := f[siteField]
	if v.rank != log4jLocation {
		return sourceLine(v.raw)
	}
	if n := len(v.raw) - 1; n > 0 && v.raw[n] == ')' {
		return sourceLine(v.raw[bytes.LastIndexByte(v.raw, ':')+1 : n])
	}
	return 0
}
