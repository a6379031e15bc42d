package argo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/argo"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// provider fills a query in without quoting; the source below reads the words.
var provider = metrics.Provider{
	Name: "argo-test",
	Expand: func(query string, variables map[string]string) (string, error) {
		return metrics.ExpandTemplate(query, variables, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not openable") },
}

func TestMain(m *testing.M) {
	metrics.Register(provider)
	os.Exit(m.Run())
}

// source answers with a level that the query names; of "stuck" not before release
// is closed.
type source struct{ release chan struct{} }

func (source) Close() error { return nil }

func (s source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	level := 100.0
	switch {
	case strings.Contains(q.Expr, "slow"):
		level = 300
	case strings.Contains(q.Expr, "unclear"):
		level = 105
	case strings.Contains(q.Expr, "broken"):
		return metrics.Result{}, &metrics.Error{Source: "prod", Query: q.Expr, Reason: metrics.BadQuery, Err: errors.New("the query is broken")}
	case strings.Contains(q.Expr, "stuck"):
		select {
		case <-s.release:
		case <-ctx.Done():
			return metrics.Result{}, ctx.Err()
		}
	}
	random := rand.New(rand.NewPCG(uint64(len(q.Expr)), 7))
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: level * (1 + 0.02*random.NormFloat64())})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

// clock is the time of server and handler.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// instance is the handler over a server.
type instance struct {
	url     string
	api     string
	clock   *clock
	source  source
	service judgedv1connect.AnalysisServiceClient
}

func start(t testing.TB) *instance {
	t.Helper()
	i := &instance{clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, source: source{release: make(chan struct{})}}
	sources := analysis.NewSources()
	sources.Use("prod", provider, i.source)
	s, err := server.New(server.Options{Sources: sources, Now: i.clock.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	api := httptest.NewServer(s.Handler())
	i.service = judgedv1connect.NewAnalysisServiceClient(api.Client(), api.URL)
	configs := judgedv1connect.NewConfigServiceClient(api.Client(), api.URL)
	web := httptest.NewServer(argo.New(argo.Options{
		Service: i.service, Configs: configs, Now: i.clock.Now, Link: func(id string) string { return "https://judged.example.com/analyses/" + id },
	}))
	i.url, i.api = web.URL, api.URL
	t.Cleanup(func() {
		web.Close()
		api.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// told is the answer as JSON, number by number.
type told struct {
	status  int
	text    string
	Verdict *string  `json:"verdict"`
	Score   *float64 `json:"score"`
	Summary string   `json:"summary"`
	Report  string   `json:"reportUrl"`
	State   string   `json:"state"`
	Final   bool     `json:"final"`
	Look    int      `json:"look"`
	Looks   int      `json:"looks"`
	ID      string   `json:"analysis"`
}

func (i *instance) post(t testing.TB, body string) told {
	t.Helper()
	return i.send(t, http.MethodPost, argo.Path, body)
}

func (i *instance) send(t testing.TB, method, path, body string) told {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response.StatusCode, response.Header, text)
}

// read checks what every answer has to have.
func read(t testing.TB, status int, header http.Header, text []byte) told {
	t.Helper()
	out := told{status: status, text: string(text)}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%d and no JSON, which the provider takes for a success: %q: %v", status, text, err)
	}
	if header.Get("Content-Type") != "application/json" || status == http.StatusNoContent {
		t.Errorf("status %d, content type %q", status, header.Get("Content-Type"))
	}
	if out.Verdict == nil || out.Score == nil {
		t.Fatalf("no verdict or no score: %s", text)
	}
	switch *out.Verdict {
	case "PASS", "FAIL", "INCONCLUSIVE", "ERROR":
	default:
		t.Errorf("the verdict is %q", *out.Verdict)
	}
	return out
}

// checkout is one latency that is compared over 30 minutes.
const checkout = `{"name": "checkout", "metrics": [{"name": "latency", "source": "prod", "query": "latency of ${version}", "direction": "increase", "margin": "5%", "tolerance": "5%"}]}`

// body asks for a comparison with a version; more is put into the object.
func body(version, more string) string {
	return fmt.Sprintf(`{"config": %s, "baseline": {"version": "v1"}, "canary": {"version": %q}%s}`, checkout, version, more)
}

func TestOneShot(t *testing.T) {
	i := start(t)
	for version, want := range map[string]string{"v2": "PASS", "v2-slow": "FAIL", "v2-unclear": "INCONCLUSIVE", "v2-broken": "ERROR"} {
		got := i.post(t, body(version, ""))
		if got.status != http.StatusOK || *got.Verdict != want || !got.Final || got.State != "COMPLETED" || got.Look != 1 || got.Looks != 1 {
			t.Errorf("%s: %d %s, want %s", version, got.status, got.text, want)
		}
		if got.ID == "" || got.Report != "https://judged.example.com/analyses/"+got.ID || !strings.HasPrefix(got.Summary, want) {
			t.Errorf("%s: %s", version, got.text)
		}
	}
}

// The order of the keys is part of the answer: whoever asks with curl reads it from
// the left.
func TestOrderOfKeys(t *testing.T) {
	i := start(t)
	text := i.post(t, body("v2-slow", "")).text
	at := -1
	for _, key := range []string{"verdict", "score", "summary", "reportUrl", "state", "final", "look", "looks", "analysis"} {
		n := strings.Index(text, `"`+key+`":`)
		if n <= at {
			t.Errorf("%s stands at %d, after %d: %s", key, n, at, text)
		}
		at = n
	}
	if !strings.HasPrefix(text, `{"verdict":"FAIL","score":0,`) {
		t.Errorf("a score of 0 is not there: %s", text)
	}
}

func TestWindow(t *testing.T) {
	i := start(t)
	for more, want := range map[string]time.Duration{"": 30 * time.Minute, `, "window": "45m"`: 45 * time.Minute} {
		got := i.post(t, body("v2", more))
		response, err := i.service.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: got.ID}))
		if err != nil {
			t.Fatal(err)
		}
		w := response.Msg.GetAnalysis().GetWindow()
		// It ends 10 s before now, for data that come late.
		if end := i.clock.Now().Add(-10 * time.Second); !w.GetEnd().AsTime().Equal(end) || w.GetEnd().AsTime().Sub(w.GetStart().AsTime()) != want {
			t.Errorf("window%s: %v to %v, want %v to %v", more, w.GetStart().AsTime(), w.GetEnd().AsTime(), want, end)
		}
	}
}

// The schedule of a stored config is asked for, and its revision kept.
func TestStoredConfig(t *testing.T) {
	i := start(t)
	stored := strings.Replace(checkout, `{"name"`, `{"schedule": {"duration": "1200s"}, "name"`, 1)
	stored = strings.NewReplacer(`"increase"`, `"INCREASE"`, `"margin": "5%"`, `"margin": {"relative": 0.05}`, `"tolerance": "5%"`, `"tolerance": {"relative": 0.05}`).Replace(stored)
	response, err := http.Post(i.api+"/v1/configs", "application/json", strings.NewReader(`{"config": `+stored+`}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	scopes := `"baseline": {"version": "v1"}, "canary": {"version": "v2-slow"}`
	for _, revision := range []string{``, `, "revision": 1`, `, "revision": "1"`, `, "revision": ""`} {
		got := i.post(t, `{"config": "checkout", `+scopes+revision+`}`)
		if *got.Verdict != "FAIL" {
			t.Fatalf("revision%s: %s", revision, got.text)
		}
		response, err := i.service.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: got.ID}))
		if err != nil {
			t.Fatal(err)
		}
		a := response.Msg.GetAnalysis()
		if a.GetConfigRevision() != 1 || a.GetWindow().GetEnd().AsTime().Sub(a.GetWindow().GetStart().AsTime()) != 20*time.Minute {
			t.Errorf("revision%s: %v", revision, a)
		}
	}
	if got := i.post(t, `{"config": "checkout", "revision": 7, `+scopes+`}`); got.status != http.StatusOK || *got.Verdict != "ERROR" || !strings.Contains(got.Summary, "revision") {
		t.Errorf("a revision that is not there: %d %s", got.status, got.text)
	}
}

// What takes longer than the caller waits is no verdict, and goes on.
func TestSlowSource(t *testing.T) {
	i := start(t)
	got := i.post(t, body("v2-stuck", `, "wait": "0s"`))
	if got.status != http.StatusOK || *got.Verdict != "INCONCLUSIVE" || got.Final || !strings.Contains(got.Summary, "not judged within 0s") || got.ID == "" {
		t.Errorf("%d %s", got.status, got.text)
	}
	close(i.source.release)
}

func TestKey(t *testing.T) {
	i := start(t)
	// Live: the schedule begins at the first call.
	more := `, "key": "step-1", "wait": "0s"`
	first := i.post(t, body("v2-slow", more))
	if first.status != http.StatusOK || *first.Verdict != "INCONCLUSIVE" || first.Final || first.Look != 0 || !strings.Contains(first.Summary, "the first look is due at 2026-03-01T12:01:10Z") {
		t.Fatalf("the first call: %d %s", first.status, first.text)
	}
	if again := i.post(t, body("v2-slow", more)); again.ID != first.ID {
		t.Errorf("the second call has %s, want %s", again.ID, first.ID)
	}
	// Another word, or the same word for another release, is another analysis.
	for _, other := range []string{body("v2-slow", `, "key": "step-2"`), body("v3-slow", more)} {
		if got := i.post(t, other); got.ID == first.ID || *got.Verdict != "INCONCLUSIVE" {
			t.Errorf("%s: %s", other, got.text)
		}
	}
	// It says FAIL when it knows, which is before the end.
	i.clock.pass(20 * time.Minute)
	var failed told
	for range 100 { // a server that looks for work polls once a second at most
		if failed = i.post(t, body("v2-slow", `, "key": "step-1", "wait": "1s"`)); *failed.Verdict == "FAIL" {
			break
		}
	}
	if *failed.Verdict != "FAIL" || failed.ID != first.ID || !failed.Final || failed.Look >= failed.Looks {
		t.Fatalf("20 minutes later: %s", failed.text)
	}
	// A lost answer is asked for again, a rollout is tried again later.
	i.clock.pass(9 * time.Minute)
	if got := i.post(t, body("v2-slow", more)); got.ID != first.ID || *got.Verdict != "FAIL" {
		t.Errorf("within the time it is kept: %s", got.text)
	}
	if got := i.post(t, body("v2-slow", `, "key": "step-1", "keep": "5m"`)); got.ID == first.ID || *got.Verdict != "INCONCLUSIVE" {
		t.Errorf("kept for 5m, after 9: %s", got.text)
	}
	if got := i.post(t, body("v2-slow", more)); got.ID == first.ID {
		t.Errorf("the old analysis came back: %s", got.text)
	}
}

func TestStart(t *testing.T) {
	i := start(t)
	got := i.post(t, body("v2", `, "key": "k", "start": "2026-03-01T11:00:00Z", "wait": "5s"`))
	if *got.Verdict != "PASS" || got.State != "COMPLETED" {
		t.Errorf("a release of an hour ago: %s", got.text)
	}
}

// What a person has to mend is said where a person looks; the rest is for Argo to
// try again.
func TestMistakes(t *testing.T) {
	i := start(t)
	for sent, want := range map[string]string{
		"":                              "the body is empty",
		"null":                          "config is missing",
		"[]":                            "a array cannot stand here",
		"{":                             "no JSON object",
		`{"config": "a"} x`:             "goes on after its JSON object",
		`{"cofnig": "a"}`:               `unknown field "cofnig": the fields are baseline, canary, config, keep, key, labels, revision, start, wait, window`,
		`{"config": 7}`:                 "neither the name",
		`{"config": ""}`:                "config is missing",
		`{"config": "nope"}`:            `"nope"`,
		`{"config": "a", "canary": {}}`: "give both",
		`{"config": "a", "baseline": {"v": 1}, "canary": {"v": "2"}}`: "baseline",
		body("v2", `, "revision": "x"`):                               "no whole number",
		body("v2", `, "revision": 3`):                                 "inline config has no revisions",
		body("v2", `, "window": "1 hour"`):                            "1h30m",
		body("v2", `, "window": "-1h"`):                               "window must be",
		body("v2", `, "window": "800h"`):                              "31 days",
		body("v2", `, "wait": "90s"`):                                 "between 0s and 60s",
		body("v2", `, "key": ""`):                                     "key is empty",
		body("v2", `, "key": "k", "window": "5m"`):                    "key and window",
		body("v2", `, "key": "k", "keep": "-5m"`):                     "keep must be",
		body("v2", `, "keep": "5m"`):                                  "they need a key",
		body("v2", `, "start": "2026-03-01T11:00:00Z"`):               "they need a key",
		body("v2", `, "key": "k", "start": "noon"`):                   "noon",
		body("v2", `, "labels": {"a b": "c"}`):                        "label",
		body("", ""):                                                  "a scope value is 1 to 253",
		`{"config": {"name": "c", "metrics": [{"name": "l"}]}}`:       "config: ",
		`{"config": {"name": "c", "metrix": []}}`:                     "metrix",
		strings.Replace(body("v2", ""), `"prod"`, `"other"`, 1):       "other",
		strings.Replace(body("v2", ""), `"prod"`, `"http://x/"`, 1):   "no source's name",
		strings.Repeat(" ", 2<<20) + `{}`:                             "store the config and name it",
	} {
		got := i.post(t, sent)
		if got.status != http.StatusOK || *got.Verdict != "ERROR" || !got.Final || !strings.Contains(got.Summary, want) || !strings.HasPrefix(got.Summary, "ERROR: ") {
			t.Errorf("%.80s: %d %s, want %q", sent, got.status, got.text, want)
		}
		if strings.Contains(got.Summary, "\n") {
			t.Errorf("%.80s: the summary has lines: %s", sent, got.text)
		}
	}
	if got := i.send(t, http.MethodGet, argo.Path, ""); got.status != http.StatusMethodNotAllowed || !strings.Contains(got.Summary, "method: POST") {
		t.Errorf("GET: %d %s", got.status, got.text)
	}
	if got := i.send(t, http.MethodPost, "/argo/mesure", "{}"); got.status != http.StatusNotFound || !strings.Contains(got.Summary, argo.Path) {
		t.Errorf("a wrong path: %d %s", got.status, got.text)
	}
}

// Characters that JSON writes as two escapes must reach the config whole.
func TestInlineConfigIsJSON(t *testing.T) {
	i := start(t)
	sent := strings.Replace(body("v2", ""), `"name": "checkout"`, `"name": "checkout", "description": "\ud83d\ude00 \u003c \/"`, 1)
	got := i.post(t, sent)
	response, err := i.service.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: got.ID}))
	if err != nil {
		t.Fatalf("%s: %v", got.text, err)
	}
	if d := response.Msg.GetAnalysis().GetConfig().GetDescription(); d != "😀 < /" {
		t.Errorf("the description is %q", d)
	}
}

func TestWriteError(t *testing.T) {
	retry := connect.NewError(connect.CodeResourceExhausted, errors.New("too many calls"))
	retry.Meta().Set("Retry-After", "3")
	for _, c := range []struct {
		err  *connect.Error
		want int
	}{
		{connect.NewError(connect.CodeUnauthenticated, errors.New("who are you?")), http.StatusUnauthorized},
		{connect.NewError(connect.CodePermissionDenied, errors.New("you may not")), http.StatusOK},
		{connect.NewError(connect.CodeInvalidArgument, errors.New("that is wrong")), http.StatusOK},
		{connect.NewError(connect.CodeFailedPrecondition, errors.New("not now")), http.StatusOK},
		{connect.NewError(connect.CodeAlreadyExists, errors.New("the key is taken")), http.StatusOK},
		{connect.NewError(connect.CodeResourceExhausted, errors.New("too large")), http.StatusOK},
		{retry, http.StatusTooManyRequests},
		{connect.NewError(connect.CodeUnavailable, errors.New("no database")), http.StatusServiceUnavailable},
		{connect.NewError(connect.CodeDeadlineExceeded, errors.New("too slow")), http.StatusGatewayTimeout},
		{connect.NewError(connect.CodeInternal, errors.New("broken "+strings.Repeat("é", 2000))), http.StatusInternalServerError},
	} {
		w := httptest.NewRecorder()
		argo.WriteError(w, c.err)
		got := read(t, w.Code, w.Header(), w.Body.Bytes())
		if got.status != c.want || *got.Verdict != "ERROR" || *got.Score != 0 || !strings.HasPrefix(got.Summary, "ERROR: "+c.err.Message()[:6]) || len(got.Summary) > 1100 {
			t.Errorf("%v: %d %s, want %d", c.err, got.status, got.text, c.want)
		}
		if got.Final != (c.want == http.StatusOK) {
			t.Errorf("%v: final is %v", c.err, got.Final)
		}
		if after := w.Header().Get("Retry-After"); after != c.err.Meta().Get("Retry-After") {
			t.Errorf("%v: Retry-After is %q", c.err, after)
		}
	}
}

// down is a service that is not there.
type down struct {
	judgedv1connect.UnimplementedAnalysisServiceHandler

	err error
}

func (d down) StartAnalysis(context.Context, *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	return nil, d.err
}

func (d down) ListAnalyses(context.Context, *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	return nil, d.err
}

func TestServiceErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{connect.NewError(connect.CodeUnavailable, errors.New("no database")), http.StatusServiceUnavailable},
		{fmt.Errorf("wrapped: %w", connect.NewError(connect.CodePermissionDenied, errors.New("no"))), http.StatusOK},
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
		{context.Canceled, http.StatusServiceUnavailable},
		{errors.New("a surprise"), http.StatusInternalServerError},
	} {
		h := argo.New(argo.Options{Service: down{err: c.err}})
		for _, more := range []string{"", `, "key": "k"`} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, argo.Path, strings.NewReader(body("v2", more))))
			if got := read(t, w.Code, w.Header(), w.Body.Bytes()); got.status != c.want || *got.Verdict != "ERROR" {
				t.Errorf("%v%s: %d %s, want %d", c.err, more, got.status, got.text, c.want)
			}
		}
	}
}

// Whatever is sent, the answer is JSON with a verdict, and nothing but a request
// that was understood reaches the service.
func FuzzMeasure(f *testing.F) {
	f.Add([]byte(body("v2", "")))
	f.Add([]byte(body("v2", `, "key": "k", "keep": "1m", "wait": "1s", "labels": {"a": "b"}`)))
	f.Add([]byte(`{"config": "checkout", "revision": "3", "window": "30m"}`))
	f.Add([]byte(`{"config": {"name": "\ud800", "metrics": []}}`))
	h := argo.New(argo.Options{
		Service: down{err: connect.NewError(connect.CodeUnavailable, errors.New("down"))}, Configs: noConfigs{},
		Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	f.Fuzz(func(t *testing.T, sent []byte) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, argo.Path, bytes.NewReader(sent)))
		got := read(t, w.Code, w.Header(), w.Body.Bytes())
		if *got.Verdict != "ERROR" || got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", got.status, got.text)
		}
		if !json.Valid(sent) && got.status != http.StatusOK {
			t.Errorf("what is no JSON reached the service: %q", sent)
		}
	})
}

type noConfigs struct{}

func (noConfigs) GetConfig(context.Context, *connect.Request[judgedv1.GetConfigRequest]) (*connect.Response[judgedv1.GetConfigResponse], error) {
	return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such config"))
}
