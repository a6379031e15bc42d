package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/server"
)

// FuzzHandler sends anything to any path in any protocol. The handler never
// panics, never blames itself (5xx, or the gRPC codes that mean it), and
// answers within a bounded time. Documented are 501 (gRPC health cannot be
// watched) and 504 (the caller's own deadline).
func FuzzHandler(f *testing.F) {
	judgeJSON, err := protojson.Marshal(samples(1, 12, 1.5))
	if err != nil {
		f.Fatal(err)
	}
	judgeProto, err := proto.Marshal(samples(1, 12, 1.5))
	if err != nil {
		f.Fatal(err)
	}
	config, err := protojson.Marshal(shopConfig("c"))
	if err != nil {
		f.Fatal(err)
	}
	seed := func(method, path, contentType, header, body string) {
		f.Add(method, path, contentType, header, []byte(body))
	}
	for _, contentType := range []string{"application/json", "application/connect+json"} {
		seed("POST", "/judged.v1.JudgeService/Judge", contentType, "", string(judgeJSON))
	}
	for _, contentType := range []string{"application/proto", "application/grpc", "application/grpc-web", "application/connect+proto"} {
		seed("POST", "/judged.v1.JudgeService/Judge", contentType, "", string(judgeProto))
		seed("POST", "/judged.v1.JudgeService/Judge", contentType, "", "\x00\x00\x00\x00\xff"+string(judgeProto))
	}
	seed("POST", "/v1/judge", "application/json", "", failing)
	seed("POST", "/v1/judge", "application/json", "", strings.ReplaceAll(failing, "100", `"Infinity"`))
	seed("POST", "/v1/judge", "application/json", "", strings.ReplaceAll(failing, "100", "1e308"))
	seed("POST", "/v1/judge", "application/json", "", strings.ReplaceAll(failing, "100", "-0"))
	seed("POST", "/v1/judge", "application/json", "", strings.Replace(failing, `"direction"`, `"kind":"RATIO","direction"`, 1))
	seed("POST", "/v1/judge", "", "Content-Encoding: gzip", "\x1f\x8b")
	seed("POST", "/v1/judge", "application/json", "X-Server-Timeout: -1", failing)
	seed("POST", "/v1/judge?interval=1s", "application/json", "", failing)
	seed("POST", "/v1/analyses", "application/json", "", `{"inline": `+string(config)+`, "idempotencyKey": "k", "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}}`)
	seed("POST", "/v1/analyses", "application/json", "", `{"stored": "c", "configRevision": 1}`)
	seed("GET", "/v1/analyses?page_size=3&state=RUNNING", "", "", "")
	seed("GET", "/v1/analyses/x", "", "", "")
	seed("POST", "/v1/analyses/x:cancel", "application/json", "", `{}`)
	seed("POST", "/v1/configs", "application/json", "", `{"config": `+string(config)+`}`)
	seed("PUT", "/v1/configs/c", "application/json", "", `{"config": `+string(config)+`, "expectedRevision": "1"}`)
	seed("DELETE", "/v1/configs/c", "", "", "")
	seed("POST", "/v1/configs:validate", "application/json", "", fmt.Sprintf(`{"text": %q}`, shopYAML))
	seed("GET", "/v1/analyses/x?afterVersion=1&wait=0.1s", "", "", "")
	seed("GET", "/v1/analyses/x/events", "", "Last-Event-ID: 3", "")
	seed("GET", "/v1/analyses/%00%ff/events?afterVersion=-1", "", "", "")
	seed("GET", "/v1/analyses/x/looks?afterNumber=2&pageSize=3", "", "", "")
	seed("GET", "/v1/analyses/x/recording", "", "", "")
	seed("GET", "/v1/analyses?labels=%7B%7D&createdFrom=2026-01-01T00:00:00Z&application=a", "", "", "")
	seed("GET", "/v1/configs/c/revisions?pageSize=1", "", "", "")
	seed("GET", "/v1/configs/c:diff?from=1&to=2", "", "", "")
	seed("GET", "/v1/configs:export?names=c&names=d", "", "", "")
	seed("POST", "/v1/configs:import", "application/json", "", fmt.Sprintf(`{"texts": [%q, %q], "dryRun": true, "comment": "\u0000"}`, shopYAML, shopYAML))
	logging, err := protojson.Marshal(logsConfig("v2", nil))
	if err != nil {
		f.Fatal(err)
	}
	seed("POST", "/v1/analyses", "application/json", "", `{"inline": `+string(logging)+`}`)
	seed("POST", "/v1/configs", "application/json", "", `{"config": `+strings.Replace(string(logging), `"lines"`, `"/etc"`, 1)+`}`)
	seed("POST", "/v1/pins", "application/json", "", `{"application": "shop", "pin": {"template": "0123456789abcdef", "as": "SEVERITY_IGNORED", "until": "2999-12-01T00:00:00Z", "note": "\u0000"}, "rescoreDays": 90}`)
	seed("GET", "/v1/pins?application=shop", "", "", "")
	seed("DELETE", "/v1/pins/0123456789abcdef?application=shop&rescoreDays=1&pageToken=YWJj", "", "", "")
	seed("GET", "/v1/audit?caller=a&object=b&pageToken=YWJj", "", "", "")
	seed("GET", "/v1/deliveries?dead=true", "", "", "")
	seed("POST", "/v1/deliveries/a%2Fb:retry", "application/json", "", `{}`)
	seed("DELETE", "/v1/deliveries/a", "", "", "")
	seed("POST", "/judged.v1.AdminService/ListDeliveries", "application/json", "", `{"pageSize": 2147483647}`)
	seed("GET", "/judged.v1.AnalysisService/ListAnalyses?connect=v1&encoding=json&message=%7B%7D", "", "", "")
	seed("POST", "/judged.v1.AnalysisService/WatchAnalysis", "application/connect+json", "", "\x00\x00\x00\x00\x0a{\"id\":\"x\"}")
	seed("POST", "/grpc.health.v1.Health/Check", "application/json", "", `{}`)
	seed("POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "application/grpc", "", "\x00\x00\x00\x00\x02\x3a\x00")
	seed("GET", "/metrics", "", "", "")

	sources := analysis.NewSources()
	sources.Use("shop", harmless, source{levels})
	sources.UseLogs("lines", lines, mine.Reading(&written{}, analysis.MineOptions()))
	s, err := server.New(server.Options{Sources: sources, Limits: server.Limits{
		RequestBytes: 1 << 20, LiveAnalyses: 20, Looks: 2,
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, method, path, contentType, header string, body []byte) {
		r, err := http.NewRequest(method, "http://judged.test/", bytes.NewReader(body))
		if err != nil {
			return
		}
		if u, err := r.URL.Parse("/" + strings.TrimLeft(path, "/")); err == nil {
			r.URL = u
		}
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(name, value)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		begin := time.Now()
		s.Handler().ServeHTTP(w, r.WithContext(ctx))
		if took := time.Since(begin); took > 4*time.Second && !strings.HasSuffix(r.URL.Path, "/WatchAnalysis") && !strings.HasSuffix(r.URL.Path, "/events") {
			t.Errorf("%s %s took %v", method, path, took)
		}
		result := w.Result()
		if result.StatusCode >= 500 && result.StatusCode != http.StatusNotImplemented && result.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s %s (%s, %s): status %d: %s", method, path, contentType, header, result.StatusCode, w.Body)
		}
		for _, h := range []http.Header{result.Header, result.Trailer} {
			switch h.Get("Grpc-Status") {
			case "2", "13", "15":
				if strings.HasPrefix(h.Get("Grpc-Message"), "protocol error:") {
					continue // gRPC's word for a message that is cut off
				}
				t.Errorf("%s %s (%s, %s): gRPC status %s: %s", method, path, contentType, header, h.Get("Grpc-Status"), h.Get("Grpc-Message"))
			}
		}
	})
}
