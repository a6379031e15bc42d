package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store"
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

// opened is a store in a file that outlives its servers.
func opened(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: path, Replica: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A stopping server finishes the looks it takes, says that it stops, takes
// nothing new, and the next one goes on where it stopped.
func TestGracefulStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "judged.db")
	asked, release := make(chan struct{}, 1), make(chan struct{})
	sources := sourcesOf(map[string]metrics.Source{"shop": blocking(asked, release)})
	first := opened(t, path)
	i := start(t, server.Options{Store: first, Sources: sources, Limits: server.Limits{Looks: 1}})
	running := i.begin(t, inline(shopConfig("running"))).GetId()
	<-asked
	waiting := i.begin(t, inline(shopConfig("waiting"))).GetId()
	watched := make(chan error, 2)
	watching := make(chan struct{})
	for _, id := range []string{running, waiting} {
		client := judgedv1connect.NewAnalysisServiceClient(i.http, i.url) // HTTP/1.1: a connection each
		go func() {
			stream, err := client.WatchAnalysis(context.Background(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
			if err != nil {
				watched <- err
				return
			}
			for first := true; stream.Receive(); first = false {
				if first {
					watching <- struct{}{}
				}
			}
			watched <- stream.Err()
		}()
	}
	<-watching
	<-watching
	stopped := make(chan error, 1)
	go func() { stopped <- i.stop() }()
	for range 2 {
		wantCode(t, <-watched, connect.CodeUnavailable, "this server is stopping")
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
	if err := errors.Join(<-stopped, first.Close()); err != nil {
		t.Errorf("Serve: %v", err)
	}
	second := opened(t, path)
	t.Cleanup(func() { _ = second.Close() })
	if a, err := second.Analysis(t.Context(), "", running); err != nil || a.Looks != 1 {
		t.Errorf("the look that was being taken is not there: %+v, %v", a, err)
	}
	i = start(t, server.Options{Store: second, Sources: sources})
	if states := i.wait(t, waiting, 0); states[len(states)-1].GetState() != judgedv1.AnalysisState_COMPLETED {
		t.Errorf("the analysis that waited: %v", states)
	}
}

// A look that takes longer than the grace is cut off, and taken by the next
// server.
func TestStopAfterGrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "judged.db")
	asked, release := make(chan struct{}, 1), make(chan struct{})
	sources := sourcesOf(map[string]metrics.Source{"shop": blocking(asked, release)})
	first := opened(t, path)
	i := start(t, server.Options{Store: first, Sources: sources, Grace: 50 * time.Millisecond})
	id := i.begin(t, inline(shopConfig("running"))).GetId()
	<-asked
	if err := errors.Join(i.stop(), first.Close()); err != nil {
		t.Errorf("Serve: %v", err)
	}
	close(release)
	second := opened(t, path)
	t.Cleanup(func() { _ = second.Close() })
	i = start(t, server.Options{Store: second, Sources: sources})
	states := i.wait(t, id, 0)
	if last := states[len(states)-1]; last.GetState() != judgedv1.AnalysisState_COMPLETED || last.GetLooks() != 1 || last.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL {
		t.Errorf("%v", last)
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
	if _, err := server.New(server.Options{Sources: analysis.NewSources(), Limits: server.Limits{Looks: -1}}); err == nil || !strings.Contains(err.Error(), "Looks") {
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
