package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/internal/store"
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

// source answers the canary's query when it gets a permit, the baseline's at
// once.
type source chan struct{}

// open gives permits for all queries to come.
func (s source) open() { close(s) }

func (s source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	if strings.HasSuffix(q.Expr, "2") {
		select {
		case <-s:
		case <-ctx.Done():
			return metrics.Result{}, ctx.Err()
		}
	}
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: 100 + float64(i%5)})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

func (source) Close() error { return nil }

func sourcesWith(s source) *analysis.Sources {
	sources := analysis.NewSources()
	sources.Use("shop", provider, s)
	return sources
}

// judged is a server with one source, behind a proxy that a test can break.
type judged struct {
	url     string
	release source
	client  *client.Client
	watches atomic.Int32
	polls   atomic.Int32
	calls   atomic.Int32
}

// proxy may answer instead of the server; nil is a good proxy.
type proxy func(w http.ResponseWriter, r *http.Request, next http.Handler)

func start(t *testing.T, p proxy, opts ...client.Option) *judged {
	t.Helper()
	return startWith(t, server.Options{}, p, opts...)
}

func startWith(t *testing.T, o server.Options, p proxy, opts ...client.Option) *judged {
	t.Helper()
	j := &judged{release: make(source)}
	o.Sources, o.Grace = sourcesWith(j.release), 100*time.Millisecond
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.calls.Add(1)
		if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
			j.watches.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/GetAnalysis") {
			j.polls.Add(1)
		}
		if p != nil {
			p(w, r, s.Handler())
			return
		}
		s.Handler().ServeHTTP(w, r)
	}))
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Start()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.CloseClientConnections()
		web.Close()
	})
	j.url = web.URL
	c, err := client.New(web.URL+"/", opts...)
	if err != nil {
		t.Fatal(err)
	}
	j.client = c.Hurry()
	return j
}

// release is a moment whose schedules are over long ago, so that all looks are
// due at once.
var release = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// config takes a number of looks, all of them.
func config(name string, looks int) *judgedv1.CanaryConfig {
	return &judgedv1.CanaryConfig{
		Name: name, Application: "shop", Metrics: []*judgedv1.Metric{{Name: "latency", Source: "shop", Query: "latency"}},
		Scopes: &judgedv1.Scopes{
			Baseline: &judgedv1.Scope{Variables: map[string]string{"v": "1"}},
			Canary:   &judgedv1.Scope{Variables: map[string]string{"v": "2"}},
		},
		Schedule: &judgedv1.Schedule{
			Start: timestamppb.New(release), Duration: durationpb.New(time.Duration(looks) * 10 * time.Minute),
			LookEvery: durationpb.New(10 * time.Minute), Stop: judgedv1.Stop_AT_END,
		},
	}
}

func request(key string) *judgedv1.StartAnalysisRequest {
	return &judgedv1.StartAnalysisRequest{
		IdempotencyKey: key, Config: &judgedv1.StartAnalysisRequest_Inline{Inline: config("checkout", 1)},
	}
}

func (j *judged) begin(t *testing.T, looks int) string {
	t.Helper()
	a, err := j.client.StartAnalysis(t.Context(), &judgedv1.StartAnalysisRequest{
		Config: &judgedv1.StartAnalysisRequest_Inline{Inline: config("checkout", looks)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.GetId()
}

// process is a server that can be stopped and started again on its file and its
// address.
type process struct {
	file, address string
	release       source
	stop          func() error
}

func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{file: filepath.Join(t.TempDir(), "judged.db"), address: "127.0.0.1:0", release: make(source)}
	p.start(t)
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	data, err := store.Open(t.Context(), store.Options{URL: p.file, Replica: "only"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Store: data, Sources: sourcesWith(p.release), Grace: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	p.stop = func() error {
		cancel()
		p.stop = func() error { return nil }
		return errors.Join(<-served, data.Close())
	}
}

// follow checks that states come in order and that the last one has ended.
func follow(states []*judgedv1.Analysis, looks int) error {
	var version int64
	for i, a := range states {
		if a.GetVersion() <= version {
			return fmt.Errorf("version %d follows version %d", a.GetVersion(), version)
		}
		version = a.GetVersion()
		if end := a.GetState() == judgedv1.AnalysisState_COMPLETED; end != (i == len(states)-1) {
			return fmt.Errorf("state %d of %d is %v", i+1, len(states), a.GetState())
		}
	}
	if len(states) == 0 || int(states[len(states)-1].GetLooks()) != looks {
		return fmt.Errorf("%d states, the last is %v", len(states), states[max(len(states)-1, 0):])
	}
	return nil
}
