package decode

import (
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

const (
	at1 = "2026-01-02T15:04:05Z"
	tid = "4bf92f3577b34da6a3ce929d0e0e4736"
)

func TestJSON(t *testing.T) {
	for line, w := range map[string]want{
		// zap, zerolog, slog, logrus
		`{"level":"info","ts":1767366245.5,"caller":"server/main.go:42","msg":"listening","port":8080}`: {
			time: "2026-01-02T15:04:05.5Z", level: logs.Info, logger: "server/main.go", site: 42, message: "listening",
		},
		`{"level":"error","error":"connection refused","time":"2026-01-02T15:04:05Z","message":"no stock"}`: {
			time: at1, level: logs.Error, message: "no stock: connection refused",
		},
		`{"time":"2026-01-02T15:04:05Z","level":"INFO+2","source":{"function":"main.run","file":"/a/main.go","line":9},"msg":"placed","trace_id":"` + tid + `"}`: {
			time: at1, level: logs.Info, logger: "main.run", site: 9, trace: tid, message: "placed",
		},
		// bunyan, pino
		`{"name":"shop","hostname":"pod-1","pid":1,"level":50,"msg":"no","time":"2026-01-02T15:04:05Z","v":0,"req_id":"r1"}`: {
			time: at1, level: logs.Error, logger: "shop", instance: "pod-1", trace: "r1", message: "no",
		},
		`{"level":30,"time":1767366245000,"pid":1,"hostname":"pod-1","req":{"id":"r-7","method":"GET"},"msg":"done"}`: {
			time: at1, level: logs.Info, instance: "pod-1", trace: "r-7", message: "done",
		},
		`{"level":50,"time":1767366245000,"err":{"type":"Error","message":"boom","stack":"Error: boom\n    at f (/a.js:1:2)"},"msg":"failed"}`: {
			time: at1, level: logs.Error, message: "failed\nError: boom\n    at f (/a.js:1:2)",
		},
		// log4j2 and logback
		`{"@timestamp":"2026-01-02T15:04:05Z","@version":"1","message":"it failed","logger_name":"o.e.Orders","thread_name":"main","level":"ERROR","level_value":40000,"stack_trace":"o.e.Bad: x\n\tat o.e.A.f(A.java:1)\n"}`: {
			time: at1, level: logs.Error, logger: "o.e.Orders", message: "it failed\no.e.Bad: x\n\tat o.e.A.f(A.java:1)",
		},
		`{"instant":{"epochSecond":1767366245,"nanoOfSecond":1},"thread":"main","level":"WARN","loggerName":"o.e.Orders","message":"late","thrown":{"message":"m","extendedStackTrace":"o.e.Bad: m"},"contextMap":{"traceId":"` + tid + `"}}`: {
			time: at1, level: logs.Warn, logger: "o.e.Orders", trace: tid, message: "late\no.e.Bad: m",
		},
		// ECS, flat and nested
		`{"@timestamp":"2026-01-02T15:04:05Z","log.level":"ERROR","message":"x","trace.id":"` + tid + `","log.logger":"a.B","host.name":"h"}`: {
			time: at1, level: logs.Error, logger: "a.B", instance: "h", trace: tid, message: "x",
		},
		`{"@timestamp":"2026-01-02T15:04:05Z","log":{"level":"warn","logger":"a.B","origin":{"file":{"name":"B.java"}}},"message":"x","trace":{"id":"` + tid + `"},"error":{"type":"E","message":"m"}}`: {
			time: at1, level: logs.Warn, logger: "a.B", trace: tid, message: "x: m",
		},
		// Google, Datadog, journald, GELF, MongoDB, Serilog
		`{"severity":"DEFAULT","timestamp":{"seconds":1767366245,"nanos":5},"jsonPayload":{"message":"x"},"logging.googleapis.com/trace":"projects/p/traces/` + tid + `"}`: {
			time: at1, trace: tid, message: "x",
		},
		`{"dd.trace_id":"5577006791947779410","level":"info","message":"x","status":200}`: {
			level: logs.Info, trace: "5577006791947779410", message: "x",
		},
		`{"dd":{"trace_id":5577006791947779410},"status":"warn","message":"x"}`: {
			level: logs.Warn, trace: "5577006791947779410", message: "x",
		},
		`{"PRIORITY":"3","_HOSTNAME":"h","MESSAGE":"x","SYSLOG_IDENTIFIER":"su","__REALTIME_TIMESTAMP":"1767366245000000"}`: {
			time: at1, level: logs.Error, logger: "su", instance: "h", message: "x",
		},
		`{"version":"1.1","host":"h","short_message":"x","timestamp":1767366245,"level":4}`: {
			time: at1, level: logs.Warn, instance: "h", message: "x",
		},
		`{"t":{"$date":"2026-01-02T15:04:05.000+00:00"},"s":"W","c":"NETWORK","id":1,"ctx":"conn1","msg":"slow"}`: {
			time: at1, level: logs.Warn, logger: "NETWORK", message: "slow",
		},
		`{"@t":"2026-01-02T15:04:05Z","@mt":"order {Id}","@l":"Error","@tr":"` + tid + `","@x":"System.Bad: x\n   at A.F()","Id":1}`: {
			time: at1, level: logs.Error, trace: tid, message: "order {Id}\nSystem.Bad: x\n   at A.F()",
		},
		// Kubernetes' metadata; the recordings of evaluations
		`{"log":"plain text","kubernetes":{"pod_name":"shop-1","host":"node"},"stream":"elsewhere"}`: {instance: "shop-1", message: "plain text"},
		`{"t": -54.513, "svc": "travel", "level": "INFO", "logger": "t.c.Travel2Controller#115", "trace": "` + tid + `", "msg": "[query]"}`: {
			time: "1969-12-31T23:59:05.487Z", level: logs.Info, logger: "t.c.Travel2Controller", site: 115, instance: "travel", trace: tid, message: "[query]",
		},
		// ids
		`{"msg":"x","traceparent":"00-` + tid + `-00f067aa0ba902b7-01"}`:                     {trace: tid, message: "x"},
		`{"msg":"x","trace_id":"00000000000000000000000000000000","request_id":"r1"}`:        {trace: "r1", message: "x"},
		`{"msg":"x","request_id":"r1","trace_id":"` + tid + `"}`:                             {trace: tid, message: "x"},
		`{"msg":"x","x-amzn-trace-id":"Root=1-67891233-abcdef012345678912345678;Sampled=1"}`: {trace: "1-67891233-abcdef012345678912345678", message: "x"},
		`{"msg":"x","uber-trace-id":"` + tid + `:00f067aa0ba902b7:0:1"}`:                     {trace: tid, message: "x"},
		`{"msg":"x","b3":"` + tid + `-00f067aa0ba902b7-1"}`:                                  {trace: tid, message: "x"},
		// shapes
		`{"message":{"a":[1,"}"],"b":"\""},"level":"info"}`: {level: logs.Info, message: `{"a":[1,"}"],"b":"\""}`},
		`{"a":1,"b":"no message"}`:                          {message: `{"a":1,"b":"no message"}`},
		`{"error":"only this"}`:                             {message: "only this"},
		`{"msg":"","status":200}`:                           {message: `{"msg":"","status":200}`},
		`{}`:                                                {message: "{}"},
		` {"msg" : "spaces" , "level" : "info" } `:          {message: `{"msg" : "spaces" , "level" : "info" }`},
		`{"msg" : "spaces" , "level" : "info" } `:           {level: logs.Info, message: "spaces"},
		`{"msg":"element","level":"info"},`:                 {level: logs.Info, message: "element"},
		`{"msg":"tab\tquote\"back\\slash\/é\ud83d\ude00\ud83d\u001b[1m\u0000!"}`:                                      {message: "tab\tquote\"back\\slash/é😀\ufffd !"},
		`{"msg":"one\ntwo","backtrace":["f.rb:1","g.rb:2"]}`:                                                          {message: "one\ntwo\nf.rb:1\ng.rb:2"},
		`{"level":null,"msg":null,"text":"t"}`:                                                                        {message: "t"},
		`{"msg":"x","deep":` + strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat("}", 10000) + `,"level":"info"}`: {level: logs.Info, message: "x"},
		// not JSON
		`{"msg":"cut of`:     {message: `{"msg":"cut of`},
		`{"msg":"x"} behind`: {message: `{"msg":"x"} behind`},
		`{not json}`:         {message: `{not json}`},
	} {
		got := decodeOne(t, line)
		if got != w {
			t.Errorf("%.300s\n got %+v\nwant %+v", line, got, w)
		}
	}
}

func TestLogfmt(t *testing.T) {
	for line, w := range map[string]want{
		`time=2026-01-02T15:04:05Z level=info msg="order placed" order=17 trace_id=` + tid: {
			time: at1, level: logs.Info, trace: tid, message: "order placed",
		},
		`ts=2026-01-02T15:04:05.5Z caller=main.go:42 level=warn msg=slow err="a \"b\" c"`: {
			time: "2026-01-02T15:04:05.5Z", level: logs.Warn, logger: "main.go", site: 42, message: `slow: a "b" c`,
		},
		`at=info method=GET path=/ host=h request_id=r-1 level=info`: {
			level: logs.Info, instance: "h", trace: "r-1", message: `at=info method=GET path=/ host=h request_id=r-1 level=info`,
		},
		`level=info msg="never closed`:      {level: logs.Info, message: "never closed"},
		`level=info msg=x flag other = 3 ,`: {level: logs.Info, message: "x"},
		// Text that only looks like it.
		`x=1 means one`:        {message: `x=1 means one`},
		`a=b c=d`:              {message: "a=b c=d"},
		`level=high`:           {message: `level=high`},
		`uid=0 euid=0 tty=ssh`: {message: `uid=0 euid=0 tty=ssh`},
	} {
		if got := decodeOne(t, line); got != w {
			t.Errorf("%s\n got %+v\nwant %+v", line, got, w)
		}
	}
}
