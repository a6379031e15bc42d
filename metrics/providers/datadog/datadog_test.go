package datadog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Provider: metrics.Provider{Name: "datadog", Expand: Expand, Open: Open},
		Query:    "avg:trace.http.request.duration{service:checkout,version:v1.9.0} by {pod}",
		Lacks:    []providertest.Feature{providertest.Infinity, providertest.Histograms},
		Wire: &providertest.Wire{
			Answer:         func(a providertest.Answer) []byte { return mustJSON(answerOf(a)) },
			Refusal:        func(message string) []byte { return mustJSON(map[string]any{"errors": []string{message}}) },
			ErrorInSuccess: func(message string) []byte { return mustJSON(map[string]any{"status": "error", "error": message}) },
			Endless: func() (head, piece []byte) {
				return []byte(`{"status":"ok","series":[{"metric":"x","interval":60,"pointlist":[`), []byte(`[1767323000000.0,1.5],`)
			},
			Credentials: []providertest.Credential{
				{
					Name: "API key", Always: true,
					Set:  func(s *metrics.Settings, v metrics.Secret) { s.APIKey = v },
					Sent: func(r *http.Request) string { return r.Header.Get("Dd-Api-Key") },
				},
				{
					Name: "application key", Always: true,
					Set:  func(s *metrics.Settings, v metrics.Secret) { s.AppKey = v },
					Sent: func(r *http.Request) string { return r.Header.Get("Dd-Application-Key") },
				},
			},
		},
		Templates: []providertest.Template{
			filter("avg:x{version:${value}}"),
			filter("avg:x{service:a,version:${value}} by {pod}.rollup(avg, 60)"),
			filter("avg:x{service:a AND version IN (v0, ${value})}"),
			filter("avg:x{!version:${value}}"),
			filter("avg:x{${value}}", "version:v1.8.2", "canary"),
			filter("avg:x{*} by {${value}}", "pod", "pod_name"),
			filter("top(avg:x{a:b}, 10, '${value}', 'desc')", "mean"),
			outsideFilter("avg:${value}{*}", "trace.http.duration", "x_y"),
			outsideFilter("avg:x{*} * ${value}", "10", "0.5"),
			outsideFilter("avg:x{*}.rollup(avg, ${value})", "60"),
		},
	})
}

// filter is a template with the value between braces or in a string.
func filter(query string, accepts ...string) providertest.Template {
	return literally(query, "_.:/-", accepts)
}

// outsideFilter is a template with the value elsewhere.
func outsideFilter(query string, accepts ...string) providertest.Template {
	return literally(query, "_.", accepts)
}

func literally(query, marks string, accepts []string) providertest.Template {
	return providertest.Template{Query: query, Accepts: accepts, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want %s", want)
		}
		for _, r := range value {
			plain := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
			if !plain && !strings.ContainsRune(marks, r) {
				return fmt.Errorf("%q has a meaning in the query language", r)
			}
		}
		switch strings.ToUpper(value) {
		case "AND", "OR", "NOT", "IN", "BY", "":
			return errors.New("it is a word of the query language")
		}
		return nil
	}}
}

// answerOf writes an answer as Datadog does: a point's time is the beginning
// of its bucket, NaN is null.
func answerOf(a providertest.Answer) map[string]any {
	series := []any{}
	for i, s := range a.Series {
		tags := []string{}
		for name, value := range s.Labels {
			tags = append(tags, name+":"+value)
		}
		slices.Sort(tags)
		points := [][2]any{}
		for _, p := range s.Points {
			pair := [2]any{float64(p.Time.Add(-a.Grid.Step).UnixMilli()), p.Value}
			if math.IsNaN(p.Value) {
				pair[1] = nil
			}
			points = append(points, pair)
		}
		series = append(series, map[string]any{
			"metric": "trace.http.request.duration", "display_name": "trace.http.request.duration", "expression": fmt.Sprintf("avg:x{pod:%d}", i),
			"interval": int64(a.Grid.Step / time.Second), "tag_set": tags, "scope": strings.Join(tags, ","), "pointlist": points,
			"aggr": nil, "attributes": map[string]any{}, "query_index": 0, "unit": []any{map[string]any{"family": "time", "name": "second"}, nil},
		})
	}
	return map[string]any{
		"status": "ok", "res_type": "time_series", "resp_version": 1, "message": strings.Join(a.Warnings, "; "), "series": series,
		"from_date": 0, "to_date": 0, "query": "x", "group_by": []string{}, "times": []any{}, "values": []any{},
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("datadog: ", err))
	}
	return b
}

// serve opens a source whose backend is handle.
func serve(t *testing.T, handle http.HandlerFunc) metrics.Source {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	src, err := Open(metrics.Settings{
		Name: "dd", URL: server.URL, APIKey: metrics.Secret{Value: "the-api-key"}, AppKey: metrics.Secret{Value: "the-app-key"}, Attempts: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func ask(t *testing.T, src metrics.Source, g metrics.Grid) (metrics.Result, error) {
	t.Helper()
	return src.Query(t.Context(), metrics.Query{Expr: "avg:x{*}", Grid: g})
}

// series is an answer with one series.
func series(interval string, points string) string {
	return `{"status":"ok","series":[{"metric":"x","tag_set":["pod:a","pod:b","zone:1","canary"]` + interval + `,"pointlist":` + points + `}]}`
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	const t0 = 1767322800 // start
	at := func(second int) int64 { return int64(t0+second) * 1000 }
	tests := []struct {
		name   string
		grid   metrics.Grid
		answer string
		want   map[string]float64 // by the end of the bucket, from start
		step   time.Duration
		warns  string
	}{
		{
			"buckets as wide as the step",
			metrics.Grid{Start: start, Step: time.Minute, N: 3},
			series(`,"interval":60`, fmt.Sprintf("[[%d,1],[%d,null],[%d.0,3]]", at(0), at(60), at(120))),
			map[string]float64{"1m0s": 1, "3m0s": 3},
			0, "",
		},
		{
			"finer buckets",
			metrics.Grid{Start: start, Step: time.Minute, N: 1},
			series(`,"interval":20`, fmt.Sprintf("[[%d,1],[%d,2],[%d,3]]", at(0), at(20), at(40))),
			map[string]float64{"20s": 1, "40s": 2, "1m0s": 3},
			0, "",
		},
		{
			"coarser buckets",
			metrics.Grid{Start: start, Step: time.Minute, N: 10},
			series(`,"interval":300`, fmt.Sprintf("[[%d,1],[%d,2]]", at(0), at(300))),
			map[string]float64{"5m0s": 1, "10m0s": 2},
			5 * time.Minute, "one point every 5m0s where one every 1m0s was asked for; add .rollup(avg, 60)",
		},
		{
			"the interval in milliseconds, as documented",
			metrics.Grid{Start: start, Step: time.Minute, N: 10},
			series(`,"interval":300000`, fmt.Sprintf("[[%d,1],[%d,2]]", at(0), at(300))),
			map[string]float64{"5m0s": 1, "10m0s": 2},
			5 * time.Minute, ".rollup(avg, 60)",
		},
		{
			"no interval",
			metrics.Grid{Start: start, Step: time.Minute, N: 10},
			series("", fmt.Sprintf("[[%d,1],[%d,2],[%d,3]]", at(0), at(240), at(120))),
			map[string]float64{"2m0s": 1, "6m0s": 2, "4m0s": 3},
			2 * time.Minute, ".rollup(avg, 60)",
		},
		{
			"no interval and one point",
			metrics.Grid{Start: start, Step: time.Minute, N: 1},
			series("", fmt.Sprintf("[[%d,1]]", at(0))),
			map[string]float64{"1m0s": 1},
			0, "",
		},
		{
			// A sparse metric: Datadog leaves empty buckets out.
			"points farther apart than the interval",
			metrics.Grid{Start: start, Step: time.Minute, N: 1},
			series(`,"interval":5`, fmt.Sprintf("[[%d,1],[%d,2],[%d,3]]", at(0), at(10), at(15))),
			map[string]float64{"5s": 1, "15s": 2, "20s": 3},
			0, "",
		},
		{
			// What was before the window must not count: it may be another version's.
			"buckets across the window's ends",
			metrics.Grid{Start: start.Add(30 * time.Second), Step: time.Minute, N: 2},
			series(`,"interval":60`, fmt.Sprintf("[[%d,1],[%d,2],[%d,3],[%d,4]]", at(0), at(60), at(120), at(180))),
			map[string]float64{"2m0s": 2},
			0, "2 points were left out, since their buckets reach beyond 2026-01-02T03:00:30Z to 2026-01-02T03:02:30Z",
		},
		{
			"buckets outside of the window",
			metrics.Grid{Start: start.Add(time.Minute), Step: time.Minute, N: 1},
			series(`,"interval":60`, fmt.Sprintf("[[%d,1],[%d,2],[%d,3]]", at(0), at(60), at(120))),
			map[string]float64{"2m0s": 2},
			0, "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked string
			src := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.RequestURI()
				fmt.Fprint(w, test.answer)
			})
			result, err := ask(t, src, test.grid)
			if err != nil {
				t.Fatal(err)
			}
			w := test.grid.Window()
			if want := fmt.Sprintf("/api/v1/query?from=%d&query=avg%%3Ax%%7B%%2A%%7D&to=%d", w.Start.Unix(), w.End.Unix()); asked != want {
				t.Errorf("asked %s, want %s", asked, want)
			}
			if len(result.Series) != 1 {
				t.Fatalf("%d series, want 1", len(result.Series))
			}
			if got, want := result.Series[0].Labels.String(), `{__name__="x", canary="", pod="a,b", zone="1"}`; got != want {
				t.Errorf("labels are %s, want %s", got, want)
			}
			if result.Step != test.step {
				t.Errorf("step is %s, want %s", result.Step, test.step)
			}
			if all := strings.Join(result.Warnings, "\n"); !strings.Contains(all, test.warns) || test.warns == "" && all != "" {
				t.Errorf("warnings are %q, want %q", all, test.warns)
			}
			got := map[string]float64{}
			for _, p := range result.Series[0].Points {
				got[p.Time.Sub(start).String()] = p.Value
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("points are %v, want %v", got, test.want)
			}
		})
	}
}

// The window of a fraction of a second is asked for in whole seconds around it.
func TestFractionsOfSeconds(t *testing.T) {
	t.Parallel()
	var from, to string
	src := serve(t, func(w http.ResponseWriter, r *http.Request) {
		from, to = r.FormValue("from"), r.FormValue("to")
		fmt.Fprint(w, `{"status":"ok","series":[]}`)
	})
	g := metrics.Grid{Start: time.Unix(100, 500), Step: 700 * time.Millisecond, N: 3}
	if _, err := ask(t, src, g); err != nil {
		t.Fatal(err)
	}
	if from != "100" || to != "103" {
		t.Errorf("asked from %s to %s, want 100 to 103", from, to)
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	many := `{"status":"ok","series":[` + strings.Repeat(`{"metric":"x","pointlist":[]},`, 1000) + `{"metric":"x","pointlist":[]}]}`
	tests := []struct {
		name, answer, want string
		reason             metrics.Reason
	}{
		{"another shape", `{"status":["ok"]}`, "another shape", metrics.BadAnswer},
		{"another shape of a series", `{"status":"ok","series":[{"metric":"x","pointlist":[["2026",1]]}]}`, "series 0 of the answer has another shape", metrics.BadAnswer},
		{"text for a number", series("", `[[1767322800000,"1"]]`), "another shape", metrics.BadAnswer},
		{"a time alone", series("", `[[1767322800000]]`), "point 0 of the answer is not a pair", metrics.BadAnswer},
		{"no time", series("", `[[null,1]]`), "not a pair", metrics.BadAnswer},
		{"no such time", series("", `[[1e300,1]]`), "not a pair", metrics.BadAnswer},
		{"no status", `{"series":[]}`, `status is ""`, metrics.BadAnswer},
		{"an error", `{"status":"error","error":"Error parsing query: unable to parse \"avg:x{\""}`, `unable to parse "avg:x{"`, metrics.BadQuery},
		{"an error beside ok", `{"status":"ok","error":"partial data","series":[]}`, "partial data", metrics.BadQuery},
		{"a timeout", `{"status":"error","error":"Query timed out"}`, "timed out", metrics.Unavailable},
		{"the same series twice", `{"status":"ok","series":[{"metric":"x","pointlist":[]},{"metric":"x","pointlist":[]},{"metric":"x","pointlist":[]}]}`, "same labels", metrics.BadAnswer},
		{"too many series", many, "1001 series, more than 1000 (group by fewer tags)", metrics.TooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			src := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.answer) })
			_, err := ask(t, src, metrics.Grid{Start: start, Step: time.Minute, N: 3})
			reason, _ := metrics.ReasonOf(err)
			if err == nil || reason != test.reason || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a %q error that says %q", err, test.reason, test.want)
			}
		})
	}
}

func TestSeveralQueries(t *testing.T) {
	t.Parallel()
	src := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"ok","series":[{"metric":"x","expression":"avg:x{*}","query_index":0,"pointlist":[]},{"metric":"x","expression":"max:x{*}","query_index":1,"pointlist":[]}]}`)
	})
	result, err := ask(t, src, metrics.Grid{Start: start, Step: time.Minute, N: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := result.Series[1].Labels.String(), `{__name__="x", query="1: max:x{*}"}`; got != want {
		t.Errorf("the second series has the labels %s, want %s", got, want)
	}
}

func TestWhichKeyIsDenied(t *testing.T) {
	t.Parallel()
	forbidden := func(w http.ResponseWriter) { http.Error(w, `{"errors":["Forbidden"]}`, http.StatusForbidden) }
	tests := []struct {
		name     string
		validate func(http.ResponseWriter)
		want     string
	}{
		{"application key", func(w http.ResponseWriter) { fmt.Fprint(w, `{"valid":true}`) }, "accepts the API key (given), so it is the application key (given) that is wrong"},
		{"API key", forbidden, "refuses the API key (given): is it of this site, 127.0.0.1:"},
		{"API key, said otherwise", func(w http.ResponseWriter) { fmt.Fprint(w, `{"valid":false}`) }, "refuses the API key (given): is it"},
		{"unknown", func(w http.ResponseWriter) { http.Error(w, "", http.StatusInternalServerError) }, "which one could not be found out"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			src := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/validate" {
					test.validate(w)
					return
				}
				forbidden(w)
			})
			_, err := ask(t, src, metrics.Grid{Start: start, Step: time.Minute, N: 3})
			if reason, _ := metrics.ReasonOf(err); reason != metrics.Denied || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "403 Forbidden: Forbidden") {
				t.Errorf("got %v, want a denied error that says %q", err, test.want)
			}
		})
	}
}

func TestRateLimitReset(t *testing.T) {
	t.Parallel()
	requests := 0
	src := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests == 1 {
			w.Header().Set("X-Ratelimit-Reset", "1")
			http.Error(w, `{"errors":["Rate limit of 100 requests in 10 seconds reached"]}`, http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"status":"ok","series":[]}`)
	})
	began := time.Now()
	if _, err := ask(t, src, metrics.Grid{Start: start, Step: time.Minute, N: 3}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("came back after %s, want after X-RateLimit-Reset", took)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	key := metrics.Secret{Value: "hunter2"}
	tests := []struct {
		settings metrics.Settings
		want     string
	}{
		{metrics.Settings{}, "neither api_key nor app_key is set"},
		{metrics.Settings{APIKey: key}, "app_key is not set"},
		{metrics.Settings{AppKey: key}, "api_key is not set"},
		{metrics.Settings{APIKey: key, AppKey: key, URL: "https://app.datadoghq.eu"}, "use the site's API, https://api.datadoghq.eu"},
		{metrics.Settings{APIKey: key, AppKey: key, URL: "https://api.datadoghq.eu?api_key=hunter2"}, "has a query"},
		{metrics.Settings{APIKey: key, AppKey: metrics.Secret{File: "/no/such/file"}}, "the header Dd-Application-Key cannot be read: stat /no/such/file"},
	}
	for _, test := range tests {
		test.settings.Name = "dd"
		_, err := Open(test.settings)
		if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Misconfigured || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want a Misconfigured error that says %q", err, test.want)
		}
	}
	src, err := Open(metrics.Settings{APIKey: key, AppKey: key})
	if err != nil {
		t.Fatal(err)
	}
	if got := src.(*source).http.URL("", nil).String(); got != "https://api.datadoghq.com" {
		t.Errorf("the default address is %s", got)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, value, want, refused string }{
		{"avg:x{version:${v}}", "v1.8.2", "avg:x{version:v1.8.2}", ""},
		{"avg:x{image:${v}}", "registry.io/shop:v1", "avg:x{image:registry.io/shop:v1}", ""},
		{"avg:x{version:${v}}", "-1", "avg:x{version:-1}", ""},
		{"avg:x{${v}}", "-version:v1", "", "cannot begin a filter's term"},
		{"avg:x{version:${v}}", "v1+build5", "", `the value "v1+build5" of "v" cannot stand in a Datadog filter: tags have letters, digits and _ . : / - only`},
		{"avg:x{version:${v}}", "v1*", "", "cannot stand in a Datadog filter"},
		{"avg:x{version:${v}}", "Or", "", "is a word of the query language"},
		{"avg:x{version:${v}}", "", "", "is empty"},
		{"avg:x{version:${v}}", strings.Repeat("a", 201), "", "201 characters; a tag has at most 200"},
		{"avg:${v}{*}", "x:y", "", "put ${v} into the filter, {v:${v}}"},
		{"avg:x{*}/${v}", "a/b", "", "cannot stand outside braces"},
		{"avg:x{*}/${v}", "1000", "avg:x{*}/1000", ""},
		{"a{x:'}'${v}}", "a b", "", "cannot stand in a Datadog filter"},
	}
	for _, test := range tests {
		got, err := Expand(test.query, map[string]string{"v": test.value})
		if test.refused == "" && (err != nil || got != test.want) {
			t.Errorf("%s with %q: got %s, %v, want %s", test.query, test.value, got, err, test.want)
		}
		if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
			t.Errorf("%s with %q: got %v, want an error that says %q", test.query, test.value, err, test.refused)
		}
	}
}

// FuzzDecode: whatever comes as JSON, the answer is a result on the grid or an
// error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(series(`,"interval":60`, "[[1767322800000,1],[1767322860000,null]]")))
	f.Add([]byte(series(`,"interval":-1`, "[[1e15,1],[-1e15,null],[0,0]]")))
	f.Add([]byte(`{"status":"ok","series":[null,{},{"tag_set":[":","a:","a"]}]}`))
	f.Add([]byte(`{"errors":["x"]}`))
	g := metrics.Grid{Start: start, Step: time.Minute, N: 3}
	f.Fuzz(func(t *testing.T, body []byte) {
		explain(403, body)
		var answer datadogV1.MetricsQueryResponse
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		result, err := decode(answer, g)
		if err != nil {
			return
		}
		for _, s := range result.Series {
			for _, p := range s.Points {
				if !p.Time.After(g.Start) || p.Time.After(g.Window().End) {
					t.Errorf("%s is outside of %s", p.Time, g.Window())
				}
			}
		}
	})
}

// FuzzExpand: what is accepted is literally the value.
func FuzzExpand(f *testing.F) {
	f.Add("avg:x{version:${value}}", "v1")
	f.Add("top(avg:x{a:b}, 10, '${value}', 'desc')", "a'b")
	f.Add("avg:${value}{*}", "a,b")
	f.Fuzz(func(t *testing.T, query, value string) {
		expanded, err := Expand(query, map[string]string{"value": value})
		if err != nil || strings.Contains(query, "$$") || !strings.Contains(query, "${value}") {
			return
		}
		if err := filter(query).Check(value, expanded); err != nil {
			t.Errorf("%q in %q: %v", value, query, err)
		}
	})
}

// BenchmarkDecode shows what the SDK's decoding allocates for an answer, the
// reason for defaultMaxResponseBytes.
func BenchmarkDecode(b *testing.B) {
	a := providertest.Answer{Grid: metrics.Grid{Start: start, Step: time.Minute, N: 300}}
	for i := range 100 {
		s := metrics.Series{Labels: metrics.Labels{"pod": fmt.Sprint("shop-7d4f9c6b5-", i)}}
		for n := range a.Grid.N {
			s.Points = append(s.Points, metrics.Point{Time: a.Grid.Time(n), Value: float64(i*n) / 7})
		}
		a.Series = append(a.Series, s)
	}
	body := mustJSON(answerOf(a))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var answer datadogV1.MetricsQueryResponse
		if err := json.Unmarshal(body, &answer); err != nil {
			b.Fatal(err)
		}
		if _, err := decode(answer, a.Grid); err != nil {
			b.Fatal(err)
		}
	}
}
