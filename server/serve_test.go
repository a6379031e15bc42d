package server_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

func TestHealth(t *testing.T) {
	i := start(t, server.Options{})
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, text := i.page(t, path); status != http.StatusOK || text != want {
			t.Errorf("%s: status %d: %q", path, status, text)
		}
	}
	for _, service := range []string{"", judgedv1connect.JudgeServiceName, judgedv1connect.AnalysisServiceName, judgedv1connect.ConfigServiceName} {
		status, answer, _ := i.call(t, http.MethodPost, "/grpc.health.v1.Health/Check", `{"service": "`+service+`"}`)
		if status != http.StatusOK || answer["status"] != "SERVING_STATUS_SERVING" {
			t.Errorf("health of %q: status %d: %v", service, status, answer)
		}
	}
	// Probes are not worth a line each at the usual level.
	if log := i.log.String(); !strings.Contains(log, `"level":"DEBUG","msg":"request"`) || strings.Contains(log, `"level":"INFO"`) {
		t.Errorf("the log of probes: %s", log)
	}
}

// A stopping server finishes what it has, says that it stops, and takes
// nothing new.
func TestGracefulStop(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	i := start(t, server.Options{
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(asked, release)}),
		Limits:  server.Limits{Workers: 1},
	})
	running := i.begin(t, inline(shopConfig("running"))).GetId()
	<-asked
	waiting := i.begin(t, inline(shopConfig("waiting"))).GetId()
	type end struct {
		last *judgedv1.Analysis
		err  error
	}
	ends := map[string]chan end{running: make(chan end, 1), waiting: make(chan end, 1)}
	watching := make(chan struct{})
	for id, result := range ends {
		client := judgedv1connect.NewAnalysisServiceClient(i.http, i.url) // HTTP/1.1: a connection each
		go func() {
			stream, err := client.WatchAnalysis(context.Background(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
			if err != nil {
				result <- end{err: err}
				return
			}
			var last *judgedv1.Analysis
			for stream.Receive() {
				if last == nil {
					watching <- struct{}{}
				}
				last = stream.Msg().GetAnalysis()
			}
			result <- end{last, stream.Err()}
		}()
	}
	<-watching
	<-watching
	stopped := make(chan error, 1)
	go func() { stopped <- i.stop() }()

	w := <-ends[waiting]
	if w.err != nil || w.last.GetState() != judgedv1.AnalysisState_CANCELED || !strings.Contains(w.last.GetCancelReason(), "the server stopped") {
		t.Errorf("the analysis that waited: %v, %v", w.last, w.err)
	}
	// The handler, reached without a connection, knows better than to start.
	if code := status(i, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", code)
	}
	eventually(t, "new connections are refused", func() bool {
		_, err := net.DialTimeout("tcp", strings.TrimPrefix(i.url, "http://"), time.Second)
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("it stopped before its work was done: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	r := <-ends[running]
	if r.err != nil || r.last.GetState() != judgedv1.AnalysisState_COMPLETED {
		t.Errorf("the analysis that ran: %v, %v", r.last, r.err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Work that takes longer than the grace is cut off, and whoever watches hears
// why.
func TestStopAfterGrace(t *testing.T) {
	asked := make(chan struct{}, 1)
	i := start(t, server.Options{
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(asked, nil)}),
		Grace:   50 * time.Millisecond,
	})
	id := i.begin(t, inline(shopConfig("running"))).GetId()
	<-asked
	stream, err := i.analyses.WatchAnalysis(t.Context(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
	if err != nil || !stream.Receive() {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := i.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	var last *judgedv1.Analysis
	for stream.Receive() {
		last = stream.Msg().GetAnalysis()
	}
	if stream.Err() != nil || last.GetState() != judgedv1.AnalysisState_CANCELED || !strings.Contains(last.GetCancelReason(), "while the analysis ran") {
		t.Errorf("the watcher saw %v, %v", last, stream.Err())
	}
}

// A server that is closed takes no analyses, with words for it.
func TestClosed(t *testing.T) {
	i := start(t, server.Options{})
	i.server.Close()
	_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(shopConfig("late"))))
	e := wantCode(t, err, connect.CodeUnavailable, "this server is stopping")
	if e.Meta().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	answer, err := i.judge.Judge(t.Context(), connect.NewRequest(samples(1, 20, 1)))
	if err != nil {
		t.Errorf("judging needs no analysis: %v, %v", answer, err)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	s, err := server.New(server.Options{Sources: analysis.NewSources()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := server.New(server.Options{}); err == nil || !strings.Contains(err.Error(), "no sources") {
		t.Errorf("no sources: %v", err)
	}
	if _, err := server.New(server.Options{Sources: analysis.NewSources(), Limits: server.Limits{Workers: -1}}); err == nil || !strings.Contains(err.Error(), "Workers") {
		t.Errorf("a negative limit: %v", err)
	}
}

// status asks the handler itself.
func status(i *instance, path string) int {
	w := &recorder{header: http.Header{}}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return 0
	}
	i.server.Handler().ServeHTTP(w, r)
	return w.code
}

// recorder is a ResponseWriter with nothing optional.
type recorder struct {
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
