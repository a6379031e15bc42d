package prometheus_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/prometheus"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// source answers with a series whose level follows from the query.
type source struct{}

func (source) Close() error { return nil }

func (source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	level := 100.0
	switch {
	case strings.Contains(q.Expr, "bad"):
		level = 300
	case strings.Contains(q.Expr, "unclear"):
		level = 105
	case strings.Contains(q.Expr, "broken"):
		return metrics.Result{}, &metrics.Error{Source: "prod", Reason: metrics.BadQuery, Err: errors.New("this query is broken")}
	case strings.Contains(q.Expr, "hangs"):
		<-ctx.Done()
		return metrics.Result{}, ctx.Err()
	}
	random := rand.New(rand.NewPCG(uint64(len(q.Expr)), 7))
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: level * (1 + 0.02*random.NormFloat64())})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

var provider = metrics.Provider{
	Name: "prometheus-facade-test",
	Expand: func(query string, variables map[string]string) (string, error) {
		return metrics.ExpandTemplate(query, variables, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not openable") },
}

func TestMain(m *testing.M) {
	metrics.Register(provider)
	os.Exit(m.Run())
}

// peers are judged, the facade over its API, and Prometheus' own client of that.
type peers struct {
	analyses judgedv1connect.AnalysisServiceClient
	url      string
	api      v1.API
}

func start(t *testing.T) peers {
	t.Helper()
	sources := analysis.NewSources()
	sources.Use("prod", provider, source{})
	s, err := server.New(server.Options{Sources: sources, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := peers{analyses: judgedv1connect.NewAnalysisServiceClient(web.Client(), web.URL)}
	configs := judgedv1connect.NewConfigServiceClient(web.Client(), web.URL)
	if _, err := configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: &judgedv1.CanaryConfig{
		Name: "shop", Schedule: &judgedv1.Schedule{Duration: durationpb.New(30 * time.Minute)},
		Metrics: []*judgedv1.Metric{{
			Name: "latency", Source: "prod", Query: "latency of ${version}", Direction: judgedv1.Direction_INCREASE,
			Margin: &judgedv1.Margin{Relative: new(0.05)}, Tolerance: &judgedv1.Margin{Relative: new(0.05)},
		}},
	}})); err != nil {
		t.Fatal(err)
	}
	facade := httptest.NewServer(prometheus.New(prometheus.Options{
		Service: p.analyses, Link: func(id string) string { return "https://judged.example.com/analyses/" + id },
	}))
	t.Cleanup(facade.Close)
	p.url = facade.URL
	client, err := api.NewClient(api.Config{Address: facade.URL + "/prometheus"})
	if err != nil {
		t.Fatal(err)
	}
	p.api = v1.NewAPI(client)
	return p
}

// ask asks with Prometheus' client and returns the one sample.
func (p peers) ask(t *testing.T, query string) (float64, v1.Warnings, error) {
	t.Helper()
	v, warnings, _, err := p.api.Query(t.Context(), query, time.Now())
	if err != nil {
		return 0, warnings, err
	}
	vector, ok := v.(model.Vector)
	if !ok || len(vector) != 1 {
		t.Fatalf("%s: %T of %v, want one sample", query, v, v)
	}
	return float64(vector[0].Value), warnings, nil
}

func TestOneShot(t *testing.T) {
	p := start(t)
	for version, want := range map[string]struct {
		verdict    float64
		word, fail string
	}{
		"good":    {verdict: 1, word: "PASS"},
		"bad":     {verdict: 0, word: "FAIL"},
		"unclear": {verdict: 0.5, word: "INCONCLUSIVE"},
		"broken":  {fail: "this query is broken"},
	} {
		selector := `{config="shop",window="30m",baseline_version="v1",canary_version="` + version + `"}`
		got, warnings, err := p.ask(t, "judged_verdict"+selector)
		if want.fail != "" {
			if err == nil || !strings.Contains(err.Error(), want.fail) || !strings.HasPrefix(err.Error(), "execution: ERROR") {
				t.Errorf("%s: %v, want the reason %q", version, err, want.fail)
			}
			continue
		}
		if err != nil || got != want.verdict || len(warnings) != 1 || !strings.HasPrefix(warnings[0], want.word) || !strings.Contains(warnings[0], " https://judged.example.com/analyses/") {
			t.Errorf("%s: %v %q %v", version, got, warnings, err)
		}
		score, _, err := p.ask(t, "judged_score"+selector)
		if err != nil || score < 0 || score > 100 {
			t.Errorf("%s: score %v %v", version, score, err)
		}
	}
	// Each was judged once, though asked twice.
	list, err := p.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(list.Msg.GetAnalyses()); n != 4 {
		t.Errorf("%d analyses, want 4", n)
	}
}

func TestKey(t *testing.T) {
	p := start(t)
	const verdict, score = `judged_verdict{key="flagger/test/podinfo"}`, `judged_score{key="flagger/test/podinfo"}`
	if _, _, err := p.ask(t, verdict); err == nil || !strings.Contains(err.Error(), `no analysis has the key "flagger/test/podinfo"`) {
		t.Errorf("before it began: %v", err)
	}
	begin := func(version string, at time.Time) {
		t.Helper()
		if _, err := p.analyses.StartAnalysis(t.Context(), connect.NewRequest(&judgedv1.StartAnalysisRequest{
			Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "shop"}, Start: timestamppb.New(at), Labels: map[string]string{"judged.dev/key": "flagger/test/podinfo"},
			Scopes: &judgedv1.Scopes{
				Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v1"}}, Canary: &judgedv1.Scope{Variables: map[string]string{"version": version}},
			},
		})); err != nil {
			t.Fatal(err)
		}
	}
	begin("good", time.Now())
	if got, warnings, err := p.ask(t, verdict); err != nil || got != 0.5 || len(warnings) != 1 || !strings.Contains(warnings[0], "the first look is due at") {
		t.Errorf("before the first look: %v %q %v", got, warnings, err)
	}
	if got, _, err := p.ask(t, score); err != nil || !math.IsNaN(got) {
		t.Errorf("the score before the first look is %v %v, want NaN", got, err)
	}
	begin("bad", time.Now().Add(-time.Hour)) // the newest counts
	for range 200 {
		if got, _, err := p.ask(t, verdict); err != nil {
			t.Fatal(err)
		} else if got == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("no FAIL within 4 s")
}

func TestRefusals(t *testing.T) {
	p := start(t)
	now := time.Now()
	seconds := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		form   url.Values
		status int
		kind   string
		want   string
	}{
		"no query":     {url.Values{}, 400, "bad_data", "cannot read the query"},
		"operator":     {url.Values{"query": {`judged_score{key="a"} > 5`}}, 400, "bad_data", "no operators"},
		"the past":     {url.Values{"query": {"vector(1)"}, "time": {seconds(now.Add(-time.Hour))}}, 400, "bad_data", "judged says what holds now"},
		"no moment":    {url.Values{"query": {"vector(1)"}, "time": {"now"}}, 400, "bad_data", "no moment"},
		"no time-out":  {url.Values{"query": {"vector(1)"}, "timeout": {"soon"}}, 400, "bad_data", "no time span"},
		"negative":     {url.Values{"query": {"vector(1)"}, "timeout": {"-1"}}, 400, "bad_data", "no time span"},
		"no config":    {url.Values{"query": {`judged_score{config="none",window="5m"}`}}, 422, "not_found", `"none"`},
		"a bad scope":  {url.Values{"query": {`judged_score{config="shop",window="30m",baseline_version="v1",canary_version="{}"}`}}, 400, "bad_data", "a scope value is"},
		"slow sources": {url.Values{"query": {`judged_score{config="shop",window="30m",baseline_version="v1",canary_version="hangs"}`}, "timeout": {"0.2"}}, 422, "timeout", "its sources are slow"},
		"a long form":  {url.Values{"query": {"vector(1)"}, "x": {strings.Repeat("x", 64<<10)}}, 400, "bad_data", "too large"},
	} {
		response, err := http.PostForm(p.url+"/prometheus/api/v1/query", c.form)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Status, ErrorType, Error string }
		err = json.NewDecoder(response.Body).Decode(&got)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || got.Status != "error" || got.ErrorType != c.kind || !strings.Contains(got.Error, c.want) {
			t.Errorf("%s: %d %+v %v, want %d %s %q", name, response.StatusCode, got, err, c.status, c.kind, c.want)
		}
	}
	if _, _, _, err := p.api.QueryRange(t.Context(), "vector(1)", v1.Range{Start: now, End: now, Step: time.Minute}); err == nil {
		t.Error("a range was answered")
	}
}

// GET, with the query in the URL, is what Flagger sends.
func TestGet(t *testing.T) {
	p := start(t)
	response, err := http.Get(p.url + "/prometheus/api/v1/query?query=vector(1)&time=" + time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct {
		Status string
		Data   struct {
			ResultType string
			Result     []struct{ Value []any }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Status != "success" || got.Data.ResultType != "vector" || len(got.Data.Result) != 1 || got.Data.Result[0].Value[1] != "1" {
		t.Errorf("%+v", got)
	}
}

func TestWriteError(t *testing.T) {
	want := map[connect.Code]int{
		connect.CodeUnauthenticated: 401, connect.CodePermissionDenied: 403, connect.CodeInvalidArgument: 400,
	}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		w := httptest.NewRecorder()
		prometheus.WriteError(w, connect.NewError(code, errors.New("why")))
		status := want[code]
		if status == 0 {
			status = 422
		}
		var got struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != status || got.Status != "error" || got.ErrorType == "" || got.Error != "why" {
			t.Errorf("%v: %d %s %v, want %d", code, w.Code, w.Body, err, status)
		}
	}
}
