package deploy_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
	_ "github.com/judged-dev/judged/metrics/providers/all" // the Prometheus provider
	"github.com/judged-dev/judged/policy"
	"github.com/judged-dev/judged/server"
)

// busy is a real server to which everything has happened that its metrics count: a judgment, an analysis whose one source answers
// and whose other fails, a message that was taken and one that was refused, a caller who was refused.
type busy struct {
	url   string
	store *store.Store
}

func newBusy(t *testing.T) *busy {
	t.Helper()
	backend, broken := httptest.NewServer(http.HandlerFunc(queryRange)), httptest.NewServer(http.NotFoundHandler())
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, s := range []*httptest.Server{backend, broken, sink} {
		t.Cleanup(s.Close)
	}
	sources := analysis.NewSources(
		metrics.Settings{Name: "prod", Provider: "prometheus", URL: backend.URL, RequestsPerDay: 1000},
		metrics.Settings{Name: "broken", Provider: "prometheus", URL: broken.URL, Attempts: 1},
	)
	t.Cleanup(func() { _ = sources.Close() }) // idle connections
	_, hash := auth.NewToken()
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(tokens, []byte("tokens: [{name: ci, sha256: "+hash+"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	authenticator, err := auth.New(t.Context(), auth.Options{TokensFile: tokens, Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	route, err := policy.CompileRoute("all", "")
	if err != nil {
		t.Fatal(err)
	}
	channels := map[string]notify.Channel{}
	for name, address := range map[string]string{"taken": sink.URL, "refused": broken.URL} {
		hook := &notify.Webhook{URL: metrics.Secret{Value: address}, Secrets: []metrics.Secret{{Value: base64.StdEncoding.EncodeToString(make([]byte, 32))}}}
		if channels[name], err = notify.Open(notify.Settings{Name: name, Webhook: hook}); err != nil {
			t.Fatal(err)
		}
	}
	b := &busy{}
	if b.store, err = store.Open(t.Context(), store.Options{URL: "memory:", Replica: "test"}); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{
		Store: b.store, Replica: "test", Authenticator: authenticator, Sources: sources, Version: "v1.2.3",
		Notifications: server.Notifications{
			Channels: channels, Routes: []server.NotificationRoute{{Name: "all", When: route, Channels: []string{"taken", "refused"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	s.Start()
	t.Cleanup(func() {
		web.Close()
		if err := errors.Join(s.Close(), b.store.Close()); err != nil { // the store may be closed: that is no error
			t.Error(err)
		}
	})
	b.url = web.URL
	b.work(t)
	return b
}

// queryRange answers like Prometheus, always with the same wave.
func queryRange(w http.ResponseWriter, r *http.Request) {
	number := func(name string) float64 {
		v, _ := strconv.ParseFloat(r.FormValue(name), 64) // 0 gives an empty answer, which fails the test
		return v
	}
	var values []string
	if step := number("step"); step > 0 {
		for at := number("start"); at <= number("end"); at += step {
			values = append(values, fmt.Sprintf(`[%f,"%f"]`, at, 100+math.Sin(at)))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(values, ","))
}

func (b *busy) work(t *testing.T) {
	t.Helper()
	const signal = `{"name": "p99", "direction": "INCREASE", "baseline": {"values": [1, 2, 1, 2, 1, 2]}, "canary": {"values": [1, 2, 1, 2, 1, 2]}}`
	b.call(t, http.MethodPost, "/v1/judge", `{"signals": [`+signal+`]}`, nil)
	if status := b.status(t, http.MethodGet, "/v1/analyses", "Bearer nonsense"); status != http.StatusUnauthorized {
		t.Fatalf("a token that is no good: status %d", status)
	}
	if status := b.status(t, http.MethodGet, "/v1/analyses/unknown", ""); status != http.StatusNotFound {
		t.Fatalf("an analysis that does not exist: status %d", status)
	}
	var started struct {
		Analysis struct{ ID string }
	}
	b.call(t, http.MethodPost, "/v1/analyses", `{"inline": {
		"name": "checkout",
		"scopes": {"baseline": {"variables": {"version": "v1"}}, "canary": {"variables": {"version": "v2"}}},
		"schedule": {"start": "2026-03-01T12:00:00Z", "duration": "1800s"},
		"metrics": [
			{"name": "latency", "source": "prod", "query": "latency{version=\"${version}\"}", "direction": "INCREASE"},
			{"name": "errors", "source": "broken", "query": "errors{version=\"${version}\"}", "direction": "INCREASE"}
		]
	}}`, &started)
	var got struct {
		Analysis struct {
			State    string
			Judgment struct{ Summary string }
		}
	}
	b.until(t, "the analysis has ended", func() bool {
		b.call(t, http.MethodGet, "/v1/analyses/"+started.Analysis.ID, "", &got)
		return got.Analysis.State == "COMPLETED"
	})
	b.until(t, "both messages of both events were tried", func() bool {
		backlogs, err := b.store.Backlogs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range backlogs {
			if l.Kind == "notify" {
				return l.Dead == 2 && l.Due == 0 && l.Waiting == 0
			}
		}
		return false
	})
}

// until waits for something that takes milliseconds, for as long as a slow machine may need.
func (b *busy) until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (b *busy) do(t *testing.T, method, path, body, authorization string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func (b *busy) status(t *testing.T, method, path, authorization string) int {
	t.Helper()
	return b.do(t, method, path, "", authorization).StatusCode
}

func (b *busy) call(t *testing.T, method, path, body string, into any) {
	t.Helper()
	answer := b.do(t, method, path, body, "")
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

// scrape returns the series of /metrics.
func (b *busy) scrape(t *testing.T) []labels.Labels {
	t.Helper()
	text, err := io.ReadAll(b.do(t, http.MethodGet, "/metrics", "", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	promQL := parser.NewParser(parser.Options{})
	var series []labels.Labels
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		l, err := promQL.ParseMetric(line[:strings.LastIndexByte(line, ' ')])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		series = append(series, l)
	}
	return series
}
