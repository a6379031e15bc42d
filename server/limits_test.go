package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// protocols are the ways in, for tests of what must hold on each.
func protocols(i *instance) map[string]func(*http.Client) judgedv1connect.JudgeServiceClient {
	with := func(options ...connect.ClientOption) func(*http.Client) judgedv1connect.JudgeServiceClient {
		return func(c *http.Client) judgedv1connect.JudgeServiceClient {
			return judgedv1connect.NewJudgeServiceClient(c, i.url, options...)
		}
	}
	return map[string]func(*http.Client) judgedv1connect.JudgeServiceClient{
		"connect": with(), "JSON": with(connect.WithProtoJSON()), "gRPC": with(connect.WithGRPC()), "gRPC-Web": with(connect.WithGRPCWeb()),
		"gzip": with(connect.WithSendGzip()),
	}
}

func TestRequestTooLarge(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{RequestBytes: 64 << 10}})
	large := samples(1, 20_000, 1) // 320 kB
	for name, client := range protocols(i) {
		t.Run(name, func(t *testing.T) {
			_, err := client(i.h2c).Judge(t.Context(), connect.NewRequest(large))
			wantCode(t, err, connect.CodeResourceExhausted)
			if _, err := client(i.h2c).Judge(t.Context(), connect.NewRequest(samples(1, 20, 1))); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
	text, err := protojson.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("REST", func(t *testing.T) {
		for _, path := range []string{"/v1/judge", "/v1/judge?interval=60s"} {
			for _, length := range []bool{true, false} {
				var body io.Reader = bytes.NewReader(text)
				if !length {
					body = struct{ io.Reader }{body} // sent in chunks
				}
				if status, message := post(t, i, path, body, ""); status != http.StatusTooManyRequests {
					t.Errorf("%s, length known: %v: status %d: %s", path, length, status, message)
				}
			}
		}
	})
	t.Run("gzip bomb", func(t *testing.T) {
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		spaces := bytes.Repeat([]byte(" "), 1<<20)
		for range 8 {
			_, _ = z.Write(spaces)
		}
		_, _ = z.Write([]byte("{}"))
		_ = z.Close()
		if bomb.Len() >= 32<<10 {
			t.Fatalf("the bomb has %d bytes", bomb.Len())
		}
		small := bomb.Bytes()
		for _, path := range []string{"/v1/judge", "/v1/judge?interval=60s", judgedv1connect.JudgeServiceJudgeProcedure} {
			status, message := post(t, i, path, bytes.NewReader(small), "gzip")
			if status != http.StatusTooManyRequests || !strings.Contains(message, "larger") {
				t.Errorf("%s: status %d: %s", path, status, message)
			}
		}
	})
}

func post(t *testing.T, i *instance, path string, body io.Reader, encoding string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, i.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	response, err := i.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var answer struct{ Message string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Message == "" {
		t.Errorf("%s: status %d without a message: %q", path, response.StatusCode, text)
	}
	return response.StatusCode, answer.Message
}

// Few bytes that would become much memory.
func TestManyEmptyMessages(t *testing.T) {
	i := start(t, server.Options{})
	const n = 2_000_000
	for name, c := range map[string]struct{ path, contentType, body string }{
		"JSON":          {judgedv1connect.JudgeServiceJudgeProcedure, "application/json", `{"signals":[` + strings.Repeat("{},", n) + `{}]}`},
		"REST":          {"/v1/judge", "application/json", `{"signals":[` + strings.Repeat("{},", n) + `{}]}`},
		"REST, query":   {"/v1/judge?interval=60s", "application/json", `{"signals":[` + strings.Repeat("{},", n) + `{}]}`},
		"proto":         {judgedv1connect.JudgeServiceJudgeProcedure, "application/proto", strings.Repeat("\x0a\x00", n)},
		"proto, nested": {judgedv1connect.ConfigServiceCreateConfigProcedure, "application/proto", "\x0a\x80\x92\xf4\x01" + strings.Repeat("\x32\x00", n)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			status, answer, _ := i.call(t, http.MethodPost, c.path, c.body, "Content-Type", c.contentType)
			runtime.ReadMemStats(&after)
			message, _ := answer["message"].(string)
			if status != http.StatusBadRequest || !strings.Contains(message, "more than 100000 objects") {
				t.Errorf("status %d: %v", status, answer)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 100<<20 {
				t.Errorf("it took %d MiB", taken>>20)
			}
		})
	}
	// Braces in a string are text.
	text := strings.Repeat("{", 200_000)
	if status, answer, _ := i.call(t, http.MethodPost, "/v1/configs:validate", `{"text": "\"`+text+`"}`); status != http.StatusOK {
		t.Errorf("braces in a text: status %d: %v", status, answer)
	}
}

// The bodies of all calls together are bounded, too, over every protocol.
func TestBodiesTogether(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{BodyBytes: 64 << 10}})
	large := samples(1, 20_000, 1)
	for name, client := range protocols(i) {
		if name == "gzip" {
			continue // counted as it is sent
		}
		t.Run(name, func(t *testing.T) {
			_, err := client(i.h2c).Judge(t.Context(), connect.NewRequest(large))
			wantCode(t, err, connect.CodeResourceExhausted, "together", "try again")
			if _, err := client(i.h2c).Judge(t.Context(), connect.NewRequest(samples(1, 20, 1))); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
	text, err := protojson.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/judge", "/v1/judge?interval=60s"} {
		if status, message := post(t, i, path, bytes.NewReader(text), ""); status != http.StatusTooManyRequests || !strings.Contains(message, "together") {
			t.Errorf("%s: status %d: %s", path, status, message)
		}
	}
}

// A server with one place refuses the second call over every protocol before
// it reads the body, and says when to come back.
func TestTooManyRequests(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{Requests: 1, Watches: 1}})
	body, unblock := io.Pipe()
	first := make(chan error, 1)
	go func() {
		request, err := http.NewRequest(http.MethodPost, i.url+"/v1/judge", body)
		if err == nil {
			request.Header.Set("Content-Type", "application/json")
			var response *http.Response
			if response, err = i.http.Do(request); err == nil {
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					err = errors.New(response.Status)
				}
			}
		}
		first <- err
	}()
	if _, err := unblock.Write([]byte(failing[:10])); err != nil {
		t.Fatal(err)
	}
	for name, client := range protocols(i) {
		t.Run(name, func(t *testing.T) {
			var err error
			eventually(t, "the place is taken", func() bool {
				_, err = client(i.h2c).Judge(t.Context(), connect.NewRequest(samples(1, 20, 1)))
				return err != nil
			})
			e := wantCode(t, err, connect.CodeResourceExhausted, "1 requests at the same time")
			if e.Meta().Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", e.Meta().Get("Retry-After"))
			}
		})
	}
	status, answer, header := i.call(t, http.MethodPost, "/v1/judge", failing)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "1" || answer["code"] != 8.0 {
		t.Errorf("REST: status %d, Retry-After %q: %v", status, header.Get("Retry-After"), answer)
	}
	// Probes and watches have places of their own.
	if status, _ := i.page(t, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d", status)
	}
	stream, err := i.analyses.WatchAnalysis(t.Context(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: "nobody"}))
	if err == nil {
		for stream.Receive() {
		}
		err = stream.Err()
	}
	wantCode(t, err, connect.CodeNotFound)

	if _, err := unblock.Write([]byte(failing[10:])); err != nil {
		t.Fatal(err)
	}
	unblock.Close()
	if err := <-first; err != nil {
		t.Errorf("the first request: %v", err)
	}
	if _, page := i.page(t, "/metrics"); !strings.Contains(page, `judged_requests_refused_total{limit="requests"}`) {
		t.Error("the refusals are not counted")
	}
}

func TestTooManyWatches(t *testing.T) {
	release := make(chan struct{})
	i := start(t, server.Options{
		Limits:  server.Limits{Watches: 1},
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(nil, release)}),
	})
	id := i.begin(t, inline(shopConfig("a"))).GetId()
	ctx, cancel := context.WithCancel(t.Context())
	first, err := i.analyses.WatchAnalysis(ctx, connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
	if err != nil || !first.Receive() {
		t.Fatal(err, first.Err())
	}
	second := func() error {
		stream, err := i.analyses.WatchAnalysis(t.Context(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
		if err != nil {
			return err
		}
		defer stream.Close()
		for stream.Receive() {
		}
		return stream.Err()
	}
	wantCode(t, second(), connect.CodeResourceExhausted, "1 watches")
	cancel() // the place is free again when its client has gone
	close(release)
	eventually(t, "a second watch", func() bool { return second() == nil })
}

// A body that never comes does not hold its place for ever.
func TestStalledBody(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{RequestTimeout: 200 * time.Millisecond}})
	for name, client := range map[string]*http.Client{"HTTP/1.1": i.http, "h2c": i.h2c} {
		t.Run(name, func(t *testing.T) {
			body, stalled := io.Pipe()
			defer stalled.Close()
			request, err := http.NewRequest(http.MethodPost, i.url+"/v1/judge", body)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			begin := time.Now()
			response, err := client.Do(request)
			if err == nil {
				response.Body.Close()
				if response.StatusCode < 400 {
					t.Errorf("status %d", response.StatusCode)
				}
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A watch is quiet for longer than any call may take.
func TestQuietWatch(t *testing.T) {
	release := make(chan struct{})
	i := start(t, server.Options{
		Limits:  server.Limits{RequestTimeout: 100 * time.Millisecond},
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(nil, release)}),
	})
	time.AfterFunc(time.Second, func() { close(release) })
	id := i.begin(t, inline(shopConfig("a"))).GetId()
	var wg sync.WaitGroup
	for name, client := range map[string]judgedv1connect.AnalysisServiceClient{
		"connect, HTTP/1.1":  judgedv1connect.NewAnalysisServiceClient(i.http, i.url),
		"gRPC-Web, HTTP/1.1": judgedv1connect.NewAnalysisServiceClient(i.http, i.url, connect.WithGRPCWeb()),
		"connect, h2c":       judgedv1connect.NewAnalysisServiceClient(i.h2c, i.url),
		"gRPC":               judgedv1connect.NewAnalysisServiceClient(i.h2c, i.url, connect.WithGRPC()),
	} {
		wg.Go(func() {
			stream, err := client.WatchAnalysis(t.Context(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
			if err != nil {
				t.Error(name, err)
				return
			}
			defer stream.Close()
			var last *judgedv1.Analysis
			for stream.Receive() {
				last = stream.Msg().GetAnalysis()
			}
			if stream.Err() != nil || last.GetState() != judgedv1.AnalysisState_COMPLETED {
				t.Errorf("%s: %v after %v", name, stream.Err(), last.GetState())
			}
		})
	}
	wg.Wait()
}

// A client that does not take its answer does not hold its place for ever.
func TestUnreadAnswer(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{RequestTimeout: 500 * time.Millisecond, Requests: 1}})
	text, err := protojson.Marshal(samples(10_000, 2, 1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := fmt.Fprintf(c, "POST /v1/judge HTTP/1.1\r\nHost: judged\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the place is free", func() bool {
		_, err := i.judge.Judge(t.Context(), connect.NewRequest(samples(1, 20, 1)))
		return err == nil && strings.Contains(i.log.String(), `"path":"/v1/judge"`)
	})
}

func TestPanicTakesOnlyItsRequest(t *testing.T) {
	i := start(t, server.Options{})
	c := shopConfig("broken")
	c.Metrics[0].Query = "panic"
	request := connect.NewRequest(inline(c))
	request.Header().Set(server.RequestIDHeader, "the-bad-one")
	_, err := i.analyses.StartAnalysis(t.Context(), request)
	e := wantCode(t, err, connect.CodeInternal, "id the-bad-one")
	if strings.Contains(e.Message(), "provider is broken") {
		t.Errorf("the panic's text went to the caller: %s", e.Message())
	}
	log := i.log.String()
	for _, part := range []string{`"request_id":"the-bad-one"`, "the provider is broken", "helpers_test.go"} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not say %s:\n%s", part, log)
		}
	}
	status, answer, _ := i.call(t, http.MethodPost, "/v1/configs:validate", `{"text": "name: x\nmetrics: [{name: a, source: shop, query: panic}]"}`)
	if status != http.StatusInternalServerError || answer["code"] != 13.0 {
		t.Errorf("REST: status %d: %v", status, answer)
	}
	if _, err := i.judge.Judge(t.Context(), connect.NewRequest(samples(1, 20, 1))); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// The errors of one request are bounded: gRPC sends them as trailers.
func TestManyViolations(t *testing.T) {
	i := start(t, server.Options{})
	r := samples(2000, 1, 1)
	for n, s := range r.Signals {
		s.Weight = -1
		s.Name = strings.Repeat("x", 200) + s.GetName()
		_ = n
	}
	client := judgedv1connect.NewJudgeServiceClient(i.h2c, i.url, connect.WithGRPC())
	_, err := client.Judge(t.Context(), connect.NewRequest(r))
	e := wantCode(t, err, connect.CodeInvalidArgument, "signals[0].weight: a weight is a number between 0 and 1000000", "and 1990 more")
	if len(e.Message()) > 5<<10 {
		t.Errorf("the message has %d bytes", len(e.Message()))
	}
}

// Another site's page cannot make a browser judge, start or delete.
func TestCrossOrigin(t *testing.T) {
	i := start(t, server.Options{})
	for _, path := range []string{"/v1/judge", judgedv1connect.JudgeServiceJudgeProcedure} {
		status, answer, _ := i.call(t, http.MethodPost, path, failing, "Sec-Fetch-Site", "cross-site")
		if status != http.StatusForbidden || answer["message"] == nil {
			t.Errorf("%s: status %d: %v", path, status, answer)
		}
		status, _, _ = i.call(t, http.MethodPost, path, failing, "Sec-Fetch-Site", "same-origin")
		if status != http.StatusOK {
			t.Errorf("%s of the same origin: status %d", path, status)
		}
	}
}

func TestAccessLog(t *testing.T) {
	i := start(t, server.Options{})
	request := connect.NewRequest(samples(1, 20, 1))
	request.Msg.Signals[0].Baseline.Values[0] = 123456.789
	request.Header().Set(server.RequestIDHeader, "mine-1")
	response, err := i.judge.Judge(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header().Get(server.RequestIDHeader); got != "mine-1" {
		t.Errorf("the request id is %q, want the caller's", got)
	}
	_, _, header := i.call(t, http.MethodPost, "/v1/judge", `{}`, server.RequestIDHeader, "no good id")
	if got := header.Get(server.RequestIDHeader); len(got) != 36 {
		t.Errorf("the request id is %q, want a new one", got)
	}
	log := i.log.String()
	if strings.Contains(log, "123456") {
		t.Error("the log has a sample")
	}
	for _, part := range []string{`"request_id":"mine-1"`, `"procedure":"/judged.v1.JudgeService/Judge"`, `"protocol":"connect"`, `"code":"ok"`, `"code":"invalid_argument"`, `"bytes_in":`, `"duration":`} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not say %s:\n%s", part, log)
		}
	}
}
