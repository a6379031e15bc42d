package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

var provider = metrics.Provider{
	Name:   "client-test",
	Expand: func(query string, variables map[string]string) (string, error) { return query + variables["v"], nil },
	Open:   func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not openable") },
}

func TestMain(m *testing.M) {
	metrics.Register(provider)
	os.Exit(m.Run())
}

// source answers when it is released.
type source chan struct{}

func (s source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	select {
	case <-s:
	case <-ctx.Done():
		return metrics.Result{}, ctx.Err()
	}
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: 100 + float64(i%5)})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

func (source) Close() error { return nil }

// judged is a server behind a proxy that a test can break.
type judged struct {
	release source
	client  *client.Client
	watches atomic.Int32
	polls   atomic.Int32
	// proxy may answer instead of the server; nil is a good proxy.
	proxy func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func start(t *testing.T, proxy func(w http.ResponseWriter, r *http.Request, next http.Handler), opts ...client.Option) *judged {
	t.Helper()
	j := &judged{release: make(source), proxy: proxy}
	sources := analysis.NewSources()
	sources.Use("shop", provider, j.release)
	s, err := server.New(server.Options{Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
			j.watches.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/GetAnalysis") {
			j.polls.Add(1)
		}
		if j.proxy != nil {
			j.proxy(w, r, s.Handler())
			return
		}
		s.Handler().ServeHTTP(w, r)
	}))
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Start()
	t.Cleanup(func() { s.Close(); web.Close() })
	if j.client, err = client.New(web.URL+"/", opts...); err != nil {
		t.Fatal(err)
	}
	return j
}

func request(key string) *judgedv1.StartAnalysisRequest {
	return &judgedv1.StartAnalysisRequest{
		IdempotencyKey: key,
		Config: &judgedv1.StartAnalysisRequest_Inline{Inline: &judgedv1.CanaryConfig{
			Name: "checkout", Metrics: []*judgedv1.Metric{{Name: "latency", Source: "shop", Query: "latency"}},
			Scopes: &judgedv1.Scopes{
				Baseline: &judgedv1.Scope{Variables: map[string]string{"v": "1"}},
				Canary:   &judgedv1.Scope{Variables: map[string]string{"v": "2"}},
			},
		}},
	}
}

func TestWaitForVerdict(t *testing.T) {
	for name, options := range map[string][]client.Option{
		"default": nil, "h2c": {client.WithH2C()}, "JSON": {client.WithJSON()}, "own client": {client.WithHTTPClient(&http.Client{})},
	} {
		t.Run(name, func(t *testing.T) {
			j := start(t, nil, options...)
			a, err := j.client.StartAnalysis(t.Context(), request(""))
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(20*time.Millisecond, func() { close(j.release) })
			a, err = j.client.WaitForVerdict(t.Context(), a.GetId())
			if err != nil || a.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS {
				t.Errorf("%v, %v", a, err)
			}
			if j.watches.Load() != 1 || j.polls.Load() != 0 {
				t.Errorf("%d watches and %d polls, want one watch", j.watches.Load(), j.polls.Load())
			}
			again, err := j.client.GetAnalysis(t.Context(), a.GetId())
			if err != nil || again.GetVersion() != a.GetVersion() {
				t.Errorf("%v, %v", again, err)
			}
		})
	}
}

// A stream that breaks is resumed or replaced by polling, whatever breaks it.
func TestWaitSurvivesProxies(t *testing.T) {
	for name, proxy := range map[string]func(w http.ResponseWriter, r *http.Request, next http.Handler){
		"cuts streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
				defer cancel()
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		},
		"knows no streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		},
		"aborts streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := start(t, proxy)
			a, err := j.client.StartAnalysis(t.Context(), request(""))
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(200*time.Millisecond, func() { close(j.release) })
			a, err = j.client.WaitForVerdict(t.Context(), a.GetId())
			if err != nil || a.GetJudgment() == nil {
				t.Errorf("%v, %v", a, err)
			}
			if j.watches.Load()+j.polls.Load() < 2 {
				t.Errorf("%d watches, %d polls", j.watches.Load(), j.polls.Load())
			}
		})
	}
}

func TestWaitEndsWithoutAVerdict(t *testing.T) {
	j := start(t, nil)
	a, err := j.client.StartAnalysis(t.Context(), request(""))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := j.client.WaitForVerdict(ctx, a.GetId()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), a.GetId()) {
		t.Errorf("out of time: %v", err)
	}
	if _, err := j.client.CancelAnalysis(t.Context(), a.GetId(), "rolled back"); err != nil {
		t.Fatal(err)
	}
	got, err := j.client.WaitForVerdict(t.Context(), a.GetId())
	var canceled *client.CanceledError
	if !errors.As(err, &canceled) || canceled.Reason != "rolled back" || got.GetState() != judgedv1.AnalysisState_CANCELED {
		t.Errorf("cancelled: %v, %v", got, err)
	}
	_, err = j.client.WaitForVerdict(t.Context(), "nobody")
	var e *client.Error
	if !errors.As(err, &e) || e.Code != connect.CodeNotFound || j.polls.Load() != 0 {
		t.Errorf("unknown: %v", err)
	}
}

// A server that cannot be reached for a moment is asked again, but never
// twice to start without a key.
func TestRetries(t *testing.T) {
	var calls atomic.Int32
	j := start(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
	if _, err := j.client.StartAnalysis(t.Context(), request("")); err == nil || calls.Load() != 1 {
		t.Errorf("without a key: %v after %d calls", err, calls.Load())
	}
	calls.Store(0)
	a, err := j.client.StartAnalysis(t.Context(), request("release-7"))
	if err != nil || calls.Load() != 2 {
		t.Errorf("with a key: %v after %d calls", err, calls.Load())
	}
	b, err := j.client.StartAnalysis(t.Context(), request("release-7"))
	if err != nil || a.GetId() != b.GetId() {
		t.Errorf("the key again: %v, %v", b, err)
	}
	// What the server refuses is not asked again.
	calls.Store(1)
	if _, err := j.client.Judge(t.Context(), &judgedv1.JudgeRequest{}); err == nil || calls.Load() != 2 {
		t.Errorf("refused: %v after %d calls", err, calls.Load())
	}
}

func TestErrors(t *testing.T) {
	j := start(t, nil)
	r := request("")
	r.GetInline().Metrics[0].Judge = "coin"
	r.GetInline().Metrics = append(r.GetInline().Metrics, &judgedv1.Metric{Name: "b", Source: "shop", Query: "q", Judge: "dice"})
	_, err := j.client.StartAnalysis(t.Context(), r)
	var e *client.Error
	if !errors.As(err, &e) || e.Code != connect.CodeInvalidArgument || len(e.Problems) != 2 || e.RequestID == "" {
		t.Fatalf("%#v", err)
	}
	if !strings.HasPrefix(e.Error(), `start the analysis: config "checkout": metric "latency": there is no judge "coin"`) {
		t.Errorf("it reads %s", e)
	}
	for _, address := range []string{"", "judged:8080", "ftp://x", "http://"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
	c, err := client.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Judge(ctx, &judgedv1.JudgeRequest{}); !errors.As(err, &e) || e.Code != connect.CodeUnavailable {
		t.Errorf("nobody there: %v", err)
	}
}
