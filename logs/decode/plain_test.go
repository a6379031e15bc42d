package decode

import (
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
)

// written is when the lines of these tests were written.
func written() time.Time { return time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC) }

type want struct {
	time                             string // RFC 3339; "" for none
	level                            logs.Level
	logger, instance, trace, message string
	site                             uint32
}

func decodeOne(tb testing.TB, line string) want {
	tb.Helper()
	all := decodeAll(tb, line, Options{Now: written})
	if len(all) != 1 {
		tb.Fatalf("%q: %d records, want 1", line, len(all))
	}
	return all[0]
}

func toWant(r *logs.Record) want {
	w := want{level: r.Level, logger: string(r.Logger), instance: string(r.Instance), trace: string(r.Trace), message: string(r.Message), site: r.Site}
	if !r.Time.IsZero() {
		w.time = r.Time.UTC().Format(time.RFC3339Nano)
	}
	return w
}

func TestPlain(t *testing.T) {
	for line, w := range map[string]want{
		// No header at all.
		"listening on :8080":           {message: "listening on :8080"},
		"error reading the file":       {message: "error reading the file"},
		"[query][Query trips] 42":      {message: "[query][Query trips] 42"},
		"main thread stopped":          {message: "main thread stopped"},
		"Information about orders":     {message: "Information about orders"},
		"ERROR: disk full":             {level: logs.Error, message: "disk full"},
		"WARN  disk is nearly full":    {level: logs.Warn, message: "disk is nearly full"},
		"[error] no such file":         {level: logs.Error, message: "no such file"},
		"INFO:root:started":            {level: logs.Info, message: "root:started"},
		"Error: connect ECONNREFUSED":  {message: "Error: connect ECONNREFUSED"},
		"2026 was a good year":         {message: "2026 was a good year"},
		"1.2.3.4 is not in the list":   {message: "1.2.3.4 is not in the list"},
		"Mar is a month, Sun a day":    {message: "Mar is a month, Sun a day"},
		"[main] INFO a.b.C - it began": {level: logs.Info, logger: "a.b.C", message: "it began"},

		// Java: log4j, logback, Spring.
		"2026-01-02 15:04:05,678 INFO [main] org.example.Master: Created master for 7": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, logger: "org.example.Master", message: "Created master for 7",
		},
		"2026-01-02 15:04:05.678 ERROR 17 --- [nio-8080-exec-1] o.e.shop.Orders            : no stock": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Error, logger: "o.e.shop.Orders", message: "no stock",
		},
		"2026-01-02 15:04:05.678  INFO [shop,4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7] 17 --- [nio-1] o.e.Orders : placed": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, logger: "o.e.Orders", trace: "4bf92f3577b34da6a3ce929d0e0e4736", message: "placed",
		},
		"2026-01-02T15:04:05.678+01:00  INFO 1 --- [shop] [main] [4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7] o.e.Orders : placed": {
			time: "2026-01-02T14:04:05.678Z", level: logs.Info, logger: "o.e.Orders", trace: "4bf92f3577b34da6a3ce929d0e0e4736", message: "placed",
		},
		"11:04:05.678 [main] DEBUG com.example.App - began": {
			time: "2026-03-14T11:04:05.678Z", level: logs.Debug, logger: "com.example.App", message: "began",
		},
		"18:04:05.678 [main] DEBUG com.example.App - yesterday": {
			time: "2026-03-13T18:04:05.678Z", level: logs.Debug, logger: "com.example.App", message: "yesterday",
		},
		"INFO  [2026-01-02 15:04:05,678] com.example.App: began": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, logger: "com.example.App", message: "began",
		},
		"[2026-01-02 15:04:05,678] WARN [Broker id=1] Offline partitions (kafka.server.Broker)": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Warn, message: "[Broker id=1] Offline partitions (kafka.server.Broker)",
		},
		"02-Jan-2026 15:04:05.678 INFO [main] org.apache.catalina.Startup.load Initialized in [7] ms": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, message: "org.apache.catalina.Startup.load Initialized in [7] ms",
		},
		"2026-01-02 15:04:05 worker ERROR it stopped": {
			time: "2026-01-02T15:04:05Z", level: logs.Error, message: "it stopped",
		},
		"17/06/09 20:10:40 INFO executor.Backend: Registered signal handlers for [TERM, HUP]": {
			time: "2017-06-09T20:10:40Z", level: logs.Info, logger: "executor.Backend", message: "Registered signal handlers for [TERM, HUP]",
		},
		"081109 203615 148 INFO dfs.DataNode$Responder: 1 for block 7": {
			time: "2008-11-09T20:36:15Z", level: logs.Info, logger: "dfs.DataNode$Responder", message: "1 for block 7",
		},

		// Python, Ruby, .NET, Node, Go, Rust.
		"2026-01-02 15:04:05,678 - shop.orders - WARNING - late": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Warn, logger: "shop.orders", message: "late",
		},
		"2026-01-02 15:04:05,678 - orders - WARNING - late": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Warn, logger: "orders", message: "late",
		},
		"I, [2026-01-02T15:04:05.123456 #42]  INFO -- : Started GET": {
			time: "2026-01-02T15:04:05.123456Z", level: logs.Info, message: "Started GET",
		},
		"2026-01-02T15:04:05.678Z info: listening": {time: "2026-01-02T15:04:05.678Z", level: logs.Info, message: "listening"},
		"2026-01-02T15:04:05.678Z error reading 7": {time: "2026-01-02T15:04:05.678Z", message: "error reading 7"},
		"2026-01-02T15:04:05.678Z\tINFO\tserver/main.go:42\tlistening\t{\"port\": 8080}": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, logger: "server/main.go", site: 42, message: "listening\t{\"port\": 8080}",
		},
		"2026/01/02 15:04:05 main.go:17: listening": {time: "2026-01-02T15:04:05Z", logger: "main.go", site: 17, message: "listening"},
		"2026/01/02 15:04:05.678901 listening":      {time: "2026-01-02T15:04:05.678901Z", message: "listening"},
		"2026-01-02T15:04:05.678Z  INFO shop::orders: placed": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Info, logger: "shop::orders", message: "placed",
		},

		// Servers.
		"[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok": {time: "2005-12-04T04:47:44Z", level: logs.Info, message: "workerEnv.init() ok"},
		"[Thu Jun 09 11:13:32.123456 2011] [core:error] [pid 35708:tid 43] [client 72.15.99.187] File does not exist": {
			time: "2011-06-09T11:13:32.123456Z", level: logs.Error, message: "File does not exist",
		},
		"2026/01/02 15:04:05 [error] 17#0: *1 open() failed": {time: "2026-01-02T15:04:05Z", level: logs.Error, message: "*1 open() failed"},
		"192.0.2.1 - - [02/Jan/2026:15:04:05 +0100] \"GET / HTTP/1.1\" 200 512": {
			time: "2026-01-02T14:04:05Z", message: "\"GET / HTTP/1.1\" 200 512",
		},
		"2026-01-02 15:04:05.678 UTC [42] LOG:  checkpoint starting": {time: "2026-01-02T15:04:05.678Z", level: logs.Info, message: "checkpoint starting"},
		"2026-01-02T15:04:05.678Z 0 [Warning] [MY-010068] [Server] CA is self signed": {
			time: "2026-01-02T15:04:05.678Z", level: logs.Warn, message: "[MY-010068] [Server] CA is self signed",
		},
		"I0102 15:04:05.067890    1234 server.go:42] it began": {
			time: "2026-01-02T15:04:05.06789Z", level: logs.Info, logger: "server.go", site: 42, message: "it began",
		},
		"E1224 15:04:05.067890    1234 server.go:42] last year": {
			time: "2025-12-24T15:04:05.06789Z", level: logs.Error, logger: "server.go", site: 42, message: "last year",
		},

		// syslog.
		"Jan  2 15:04:05 combo sshd(pam_unix)[19939]: authentication failure": {
			time: "2026-01-02T15:04:05Z", logger: "sshd(pam_unix)", instance: "combo", message: "authentication failure",
		},
		"Dec 24 15:04:05 combo su: for root": {time: "2025-12-24T15:04:05Z", logger: "su", instance: "combo", message: "for root"},
		"<34>Jan 02 15:04:05 combo su: for root": {
			time: "2026-01-02T15:04:05Z", level: logs.Critical, logger: "su", instance: "combo", message: "for root",
		},
		`<165>1 2026-01-02T15:04:05.003Z combo evntslog 17 ID47 [origin x="a\]b"] an event`: {
			time: "2026-01-02T15:04:05.003Z", level: logs.Info, logger: "evntslog", instance: "combo", message: "an event",
		},
		"2026-01-02T15:04:05.678901+00:00 node1 kubelet[17]: W0102 15:04:05.067890 17 pod.go:1] slow": {
			time: "2026-01-02T15:04:05.678901Z", logger: "kubelet", instance: "node1", message: "W0102 15:04:05.067890 17 pod.go:1] slow",
		},

		// Ids in the text; bytes that no person reads.
		"2026-01-02T15:04:05Z INFO placed trace_id=4bf92f3577b34da6a3ce929d0e0e4736": {
			time: "2026-01-02T15:04:05Z", level: logs.Info, trace: "4bf92f3577b34da6a3ce929d0e0e4736", message: "placed trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
		},
		`placed (traceId: "4bf92f35")`:        {trace: "4bf92f35", message: `placed (traceId: "4bf92f35")`},
		"placed request_id=req-42":            {trace: "req-42", message: "placed request_id=req-42"},
		"no trace_id=00000000000000000000":    {message: "no trace_id=00000000000000000000"},
		"\x1b[32mINFO\x1b[0m all \x1b[1mgood": {level: logs.Info, message: "all good"},
		"a\x00b\xffc\td\r":                    {message: "a b\ufffdc\td"},
	} {
		if got := decodeOne(t, line); got != w {
			t.Errorf("%q\n got %+v\nwant %+v", line, got, w)
		}
	}
}
