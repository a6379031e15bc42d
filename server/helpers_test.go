package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store/storetest"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// fake is a provider for tests; a query of "panic" makes it panic where it is
// expanded.
var fake = metrics.Provider{
	Name: "server-test",
	Expand: func(query string, variables map[string]string) (string, error) {
		if query == "panic" {
			panic("the provider is broken")
		}
		return metrics.ExpandTemplate(query, variables, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not openable") },
}

// harmless is fake without the panic, for the fuzzer would find it.
var harmless = metrics.Provider{
	Name: "server-fuzz",
	Expand: func(query string, variables map[string]string) (string, error) {
		return metrics.ExpandTemplate(query, variables, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: fake.Open,
}

func TestMain(m *testing.M) {
	metrics.Register(fake)
	metrics.Register(harmless)
	code := m.Run()
	storetest.StopShared()
	os.Exit(code)
}

// source answers with ask.
type source struct {
	ask func(ctx context.Context, q metrics.Query) (metrics.Result, error)
}

func (s source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	return s.ask(ctx, q)
}
func (source) Close() error { return nil }

// levels answers with a series around a level, which is the query.
func levels(_ context.Context, q metrics.Query) (metrics.Result, error) {
	level := 100.0
	if strings.Contains(q.Expr, "slow") {
		level = 300
	}
	random := rand.New(rand.NewPCG(uint64(len(q.Expr)), 7))
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: level * (1 + 0.02*random.NormFloat64())})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

// blocking answers when release is closed, or not at all if the caller gives
// up before.
func blocking(asked chan<- struct{}, release <-chan struct{}) source {
	return source{func(ctx context.Context, q metrics.Query) (metrics.Result, error) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-release:
			return levels(ctx, q)
		case <-ctx.Done():
			return metrics.Result{}, ctx.Err()
		}
	}}
}

func sourcesOf(named map[string]metrics.Source) *analysis.Sources {
	s := analysis.NewSources()
	for name, one := range named {
		s.Use(name, fake, one)
	}
	return s
}

// logBuffer is a log that a test can read while the server writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// instance is a server on a port of its own.
type instance struct {
	url    string
	http   *http.Client // HTTP/1.1
	h2c    *http.Client
	log    *logBuffer
	server *server.Server
	// stop stops it and returns what Serve did.
	stop func() error

	judge    judgedv1connect.JudgeServiceClient
	analyses judgedv1connect.AnalysisServiceClient
	configs  judgedv1connect.ConfigServiceClient
}

// start starts a server with one source, "shop", unless o brings others.
func start(t testing.TB, o server.Options) *instance {
	t.Helper()
	if o.Sources == nil {
		o.Sources = sourcesOf(map[string]metrics.Source{"shop": source{levels}})
	}
	i := &instance{log: &logBuffer{}}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewJSONHandler(i.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.Version == "" {
		o.Version = "test"
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	var once sync.Once
	var result error
	i.stop = func() error {
		once.Do(func() {
			cancel()
			result = <-served
		})
		return result
	}
	i.server = s
	i.url = "http://" + listener.Addr().String()
	h1, h2 := new(http.Protocols), new(http.Protocols)
	h1.SetHTTP1(true)
	h2.SetUnencryptedHTTP2(true)
	transport1 := &http.Transport{Protocols: h1, MaxIdleConnsPerHost: 64}
	transport2 := &http.Transport{Protocols: h2}
	i.http, i.h2c = &http.Client{Transport: transport1}, &http.Client{Transport: transport2}
	i.judge = judgedv1connect.NewJudgeServiceClient(i.h2c, i.url)
	i.analyses = judgedv1connect.NewAnalysisServiceClient(i.h2c, i.url)
	i.configs = judgedv1connect.NewConfigServiceClient(i.h2c, i.url)
	t.Cleanup(func() {
		transport1.CloseIdleConnections()
		transport2.CloseIdleConnections()
		if err := i.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return i
}

// call sends JSON to a path and returns the status and the decoded answer.
func (i *instance) call(t testing.TB, method, path, body string, headers ...string) (int, map[string]any, http.Header) {
	t.Helper()
	request, err := http.NewRequest(method, i.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := i.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		answer = map[string]any{"text": string(text)}
	}
	return response.StatusCode, answer, response.Header
}

// page returns a plain page.
func (i *instance) page(t testing.TB, path string) (int, string) {
	t.Helper()
	response, err := i.http.Get(i.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// samples are two sides of n values; the canary's are by factor higher.
func samples(signals, n int, factor float64) *judgedv1.JudgeRequest {
	random := rand.New(rand.NewPCG(1, 2))
	r := &judgedv1.JudgeRequest{Interval: durationpb.New(time.Minute)}
	for s := range signals {
		one := &judgedv1.SignalSamples{
			Name: fmt.Sprintf("latency-%d", s), Direction: judgedv1.Direction_INCREASE,
			Baseline: &judgedv1.Samples{}, Canary: &judgedv1.Samples{},
		}
		for range n {
			one.Baseline.Values = append(one.Baseline.Values, 100+random.NormFloat64())
			one.Canary.Values = append(one.Canary.Values, factor*(100+random.NormFloat64()))
		}
		r.Signals = append(r.Signals, one)
	}
	return r
}

// shopConfig compares one latency of the source "shop".
func shopConfig(name string) *judgedv1.CanaryConfig {
	return &judgedv1.CanaryConfig{
		Name: name,
		Scopes: &judgedv1.Scopes{
			Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v1"}},
			Canary:   &judgedv1.Scope{Variables: map[string]string{"version": "v2-slow"}},
		},
		Schedule: &judgedv1.Schedule{
			Start:    timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
			Duration: durationpb.New(30 * time.Minute),
		},
		Metrics: []*judgedv1.Metric{{
			Name: "latency", Source: "shop", Query: "latency of ${version}", Direction: judgedv1.Direction_INCREASE, Unit: "ms",
		}},
	}
}

func inline(c *judgedv1.CanaryConfig) *judgedv1.StartAnalysisRequest {
	return &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Inline{Inline: c}}
}

func (i *instance) begin(t testing.TB, r *judgedv1.StartAnalysisRequest) *judgedv1.Analysis {
	t.Helper()
	response, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(r))
	if err != nil {
		t.Fatal(err)
	}
	return response.Msg.GetAnalysis()
}

// wait watches an analysis to its end and returns the states it saw.
func (i *instance) wait(t testing.TB, id string, after int64) []*judgedv1.Analysis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := i.analyses.WatchAnalysis(ctx, connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id, AfterVersion: after}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var states []*judgedv1.Analysis
	for stream.Receive() {
		states = append(states, stream.Msg().GetAnalysis())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return states
}

// wantCode fails unless err has the code and its text all of the parts.
func wantCode(t testing.TB, err error, code connect.Code, parts ...string) *connect.Error {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want one with code %v", err, code)
	}
	if e.Code() != code {
		t.Errorf("got code %v (%s), want %v", e.Code(), e.Message(), code)
	}
	for _, part := range parts {
		if !strings.Contains(e.Message(), part) {
			t.Errorf("the message %q does not say %q", e.Message(), part)
		}
	}
	return e
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}
