package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// request is what a fake Prometheus was asked.
type request struct {
	method, path string
	form         url.Values
}

type fake struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

func newFake(t *testing.T, handle http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		f.requests = append(f.requests, request{r.Method, r.URL.Path, r.Form})
		f.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func open(t *testing.T, address string, change ...func(*metrics.Settings)) metrics.Source {
	t.Helper()
	s := metrics.Settings{Name: "prod", URL: address, Attempts: 1}
	for _, c := range change {
		c(&s)
	}
	src, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// body answers with a fixed body.
func body(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
}

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func ask(t *testing.T, src metrics.Source, g metrics.Grid) (metrics.Result, error) {
	t.Helper()
	return src.Query(t.Context(), metrics.Query{Expr: "up", Grid: g})
}

var smallGrid = metrics.Grid{Start: start, Step: time.Minute, N: 3}

func TestRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		base             string
		timeout          time.Duration
		grid             metrics.Grid
		path             string
		start, end, step string
		askedTimeout     string
	}{
		{"minutes", "", 0, smallGrid, "/api/v1/query_range", "1767322860", "1767322980", "60", "30s"},
		{"Mimir", "/prometheus/", 0, smallGrid, "/prometheus/api/v1/query_range", "1767322860", "1767322980", "60", "30s"},
		{"VictoriaMetrics", "/select/0/prometheus", 0, smallGrid, "/select/0/prometheus/api/v1/query_range", "1767322860", "1767322980", "60", "30s"},
		{"one interval", "", 0, metrics.Grid{Start: start, Step: time.Hour, N: 1}, "/api/v1/query_range", "1767326400", "1767326400", "3600", "30s"},
		{"below a second", "", 1500 * time.Millisecond, metrics.Grid{Start: start, Step: 250 * time.Millisecond, N: 5}, "/api/v1/query_range", "1767322800.25", "1767322801.25", "0.25", "2s"},
		// Rounded up, 0.0007 s would be evaluated after the interval's end.
		{"between milliseconds", "", 90 * time.Second, metrics.Grid{Start: start.Add(700 * time.Microsecond), Step: time.Second, N: 2}, "/api/v1/query_range", "1767322801", "1767322802", "1", "1m30s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, body(string(encode([]stream{}))))
			src := open(t, f.URL+test.base+"?extra_label=team%3Dshop", func(s *metrics.Settings) { s.Timeout = test.timeout })
			if _, err := ask(t, src, test.grid); err != nil {
				t.Fatal(err)
			}
			if len(f.requests) != 1 {
				t.Fatalf("%d requests, want 1", len(f.requests))
			}
			r := f.requests[0]
			if r.method != http.MethodPost || r.path != test.path {
				t.Errorf("asked %s %s, want POST %s", r.method, r.path, test.path)
			}
			want := map[string]string{
				"query": "up", "start": test.start, "end": test.end, "step": test.step, "timeout": test.askedTimeout, "limit": "1001",
				"partial_response": "false", "deny_partial_response": "1", "nocache": "1", "extra_label": "team=shop",
			}
			for name, value := range want {
				if got := r.form.Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestGetWherePostIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					http.Error(w, "", status)
					return
				}
				body(string(encode([]stream{})))(w, r)
			})
			if _, err := ask(t, open(t, f.URL, func(s *metrics.Settings) { s.Attempts = 3 }), smallGrid); err != nil {
				t.Fatal(err)
			}
			if len(f.requests) != 2 || f.requests[1].method != http.MethodGet || f.requests[1].form.Encode() != f.requests[0].form.Encode() {
				t.Errorf("got %v, want the same by POST and then by GET", f.requests)
			}
		})
	}
}

// counting answers a range query like Prometheus, with the second of each
// moment as its value.
func counting(metric map[string]string, limit int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.ParseFloat(r.Form.Get("start"), 64)
		to, _ := strconv.ParseFloat(r.Form.Get("end"), 64)
		step, _ := strconv.ParseFloat(r.Form.Get("step"), 64)
		if (to-from)/step > float64(limit) {
			http.Error(w, string(refusal("bad_data", "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")), http.StatusBadRequest)
			return
		}
		s := stream{Metric: metric}
		for t := from; t <= to; t += step {
			s.Values = append(s.Values, [2]any{t, strconv.FormatFloat(t, 'f', -1, 64)})
		}
		_, _ = w.Write(encode([]stream{s, {Metric: map[string]string{"part": r.Form.Get("start")}, Values: s.Values[:1]}}, "about "+r.Form.Get("query")))
	}
}

func TestLongGrids(t *testing.T) {
	t.Parallel()
	for _, n := range []int{11_000, 11_001, 30_000} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, counting(map[string]string{"pod": "a"}, 11_000))
			g := metrics.Grid{Start: start, Step: time.Second, N: n}
			result, err := ask(t, open(t, f.URL), g)
			if err != nil {
				t.Fatal(err)
			}
			parts := (n + 10_999) / 11_000
			if len(f.requests) != parts || len(result.Series) != 1+parts {
				t.Errorf("%d requests and %d series, want %d and %d", len(f.requests), len(result.Series), parts, 1+parts)
			}
			a, err := metrics.Align(result.Series[0].Points, g, metrics.Mean)
			if err != nil || a.Missing+a.Outside+len(a.Warnings) > 0 {
				t.Fatalf("align: %v, %d missing, %d outside, %q", err, a.Missing, a.Outside, a.Warnings)
			}
			for i, v := range a.Values {
				if want := float64(g.Time(i).Unix()); v != want {
					t.Fatalf("interval %d has %v, want %v", i, v, want)
				}
			}
			if want := []string{"about up"}; !slices.Equal(result.Warnings, want) {
				t.Errorf("warnings are %q, want each once: %q", result.Warnings, want)
			}
		})
	}
	t.Run("one part fails", func(t *testing.T) {
		t.Parallel()
		good := counting(map[string]string{"pod": "a"}, 11_000)
		var f *fake
		f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Form.Get("start") != f.requests[0].form.Get("start") {
				http.Error(w, string(refusal("execution", "the store went away")), http.StatusUnprocessableEntity)
				return
			}
			good(w, r)
		})
		result, err := ask(t, open(t, f.URL), metrics.Grid{Start: start, Step: time.Second, N: 20_000})
		if err == nil || len(result.Series) > 0 || !strings.Contains(err.Error(), "the store went away") {
			t.Errorf("got %d series and %v, want an error and nothing else", len(result.Series), err)
		}
	})
}

func TestValues(t *testing.T) {
	t.Parallel()
	f := newFake(t, body(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","pod":"a"},"values":[
		[1767322860,"NaN"],[1767322920.5,"+Inf"],[1767322980,"-Inf"],[1767323040,"-0.25"],[1767323100,"1e-300"]]}]},
		"warnings":["the disk is slow"],"infos":["metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (1:6)"]}`))
	result, err := ask(t, open(t, f.URL), metrics.Grid{Start: start, Step: 500 * time.Millisecond, N: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range result.Series[0].Points {
		got = append(got, fmt.Sprintf("%s=%v", p.Time.Sub(start), p.Value))
	}
	if want := []string{"1m0s=NaN", "2m0.5s=+Inf", "3m0s=-Inf", "4m0s=-0.25", "5m0s=1e-300"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := result.Series[0].Labels.String(), `{__name__="up", pod="a"}`; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
	want := []string{"the disk is slow", `info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)`}
	if !slices.Equal(result.Warnings, want) {
		t.Errorf("warnings are %q, want %q", result.Warnings, want)
	}
}

func TestOtherMoments(t *testing.T) {
	t.Parallel()
	f := newFake(t, body(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767322830,"1"],[1767322890,"2"]]}]}}`))
	result, err := ask(t, open(t, f.URL), smallGrid)
	if err != nil {
		t.Fatal(err)
	}
	want := "the server answered for 2026-01-02T03:00:30Z, which is not one of the moments asked for (2026-01-02T03:01:00Z and every 1m0s after): does a query frontend align queries with their step?"
	if !slices.Equal(result.Warnings, []string{want}) {
		t.Errorf("warnings are %q, want once %q", result.Warnings, want)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	success := func(data string) http.HandlerFunc { return body(`{"status":"success","data":` + data + `}`) }
	fail := func(status int, kind, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, string(refusal(kind, message)), status) }
	}
	const notPrometheus = "(is this the address of a Prometheus API?)"
	many := make([]stream, 1001)
	for i := range many {
		many[i] = stream{Metric: map[string]string{"pod": strconv.Itoa(i)}, Values: [][2]any{{1767322860, "1"}}}
	}
	tests := []struct {
		name   string
		grid   metrics.Grid
		handle http.HandlerFunc
		reason metrics.Reason
		want   string
	}{
		{"parse error", smallGrid, fail(400, "bad_data", `invalid parameter "query": 1:4: parse error: unexpected "}"`), metrics.BadQuery, `query prod: up: bad query: POST http://HOST/api/v1/query_range answered 400 Bad Request: invalid parameter "query": 1:4: parse error: unexpected "}"`},
		{"execution error", smallGrid, fail(422, "execution", "many-to-many matching not allowed"), metrics.BadQuery, "422 Unprocessable Entity: many-to-many matching not allowed"},
		{"server's query timeout", smallGrid, fail(503, "timeout", "query timed out in expression evaluation"), metrics.Unavailable, "query timed out in expression evaluation (the query is too expensive: record it with a recording rule, or select fewer series)"},
		{"overload", smallGrid, fail(503, "unavailable", "too many queries"), metrics.Unavailable, "503 Service Unavailable: too many queries"},
		{"error in 200", smallGrid, fail(200, "bad_data", "no"), metrics.BadQuery, "bad_data: no"},
		{"execution error in 200", smallGrid, fail(200, "execution", "no"), metrics.BadQuery, "execution: no"},
		{"timeout in 200", smallGrid, fail(200, "timeout", "no"), metrics.Unavailable, "timeout: no"},
		{"unknown error in 200", smallGrid, fail(200, "weather", "no"), metrics.BadAnswer, "weather: no"},
		{"scalar", smallGrid, success(`{"resultType":"scalar","result":[1767322860,"1"]}`), metrics.BadAnswer, "the answer to a range query is a scalar, not a matrix " + notPrometheus},
		{"vector", smallGrid, success(`{"resultType":"vector","result":[]}`), metrics.BadAnswer, "is a vector, not a matrix " + notPrometheus},
		{"string", smallGrid, success(`{"resultType":"string","result":[1767322860,"1"]}`), metrics.BadAnswer, "unexpected value type"},
		{"streams of Loki", smallGrid, success(`{"resultType":"streams","result":[]}`), metrics.BadAnswer, `unknown value type "streams" ` + notPrometheus},
		{"no data", smallGrid, body(`{"status":"success"}`), metrics.BadAnswer, "the answer to a range query is no result, not a matrix " + notPrometheus},
		{"null", smallGrid, success("null"), metrics.BadAnswer, "no result"},
		{"values that are no numbers", smallGrid, success(`{"resultType":"matrix","result":[{"metric":{},"values":[[1,"one"]]}]}`), metrics.BadAnswer, "bad_response"},
		{"another result", smallGrid, success(`{"resultType":"matrix","result":{"a":1}}`), metrics.BadAnswer, "bad_response"},
		{"partial", smallGrid, body(`{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}}`), metrics.Unavailable, "the answer is partial: not all stores could be read"},
		{"a bucket backwards", smallGrid, success(`{"resultType":"matrix","result":[{"metric":{"pod":"a"},"histograms":[[1767322860,{"count":"5","sum":"6","buckets":[[0,"1","0.5","5"]]}]]}]}`), metrics.BadAnswer, `the histogram of {pod="a"} at 2026-01-02T03:01:00Z: a bucket from 1 to 0.5`},
		{"buckets out of order", smallGrid, success(`{"resultType":"matrix","result":[{"metric":{},"histograms":[[1767322860,{"count":"5","sum":"6","buckets":[[0,"1","2","5"],[0,"0.5","1","5"]]}]]}]}`), metrics.BadAnswer, `the bucket from 0.5 to 1 begins before the end of the one before it, 2`},
		{"a negative count", smallGrid, success(`{"resultType":"matrix","result":[{"metric":{},"histograms":[[1767322860,{"count":"5","sum":"6","buckets":[[0,"1","2","-5"]]}]]}]}`), metrics.BadAnswer, `-5 observations from 1 to 2`},
		{"the same series twice", smallGrid, success(`{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[]},{"metric":{"a":"b"},"values":[]}]}`), metrics.BadAnswer, `two series of the answer have the same labels {a="b"}`},
		{"too many series", smallGrid, body(string(encode(many))), metrics.TooLarge, "more than 1000 series (aggregate it, e.g. with sum(...)"},
		{"step of microseconds", metrics.Grid{Start: start, Step: time.Microsecond, N: 3}, nil, metrics.BadQuery, "a step of 1µs (Prometheus counts in whole milliseconds)"},
		{"step with microseconds", metrics.Grid{Start: start, Step: time.Second + time.Microsecond, N: 3}, nil, metrics.BadQuery, "Prometheus counts in whole milliseconds"},
		{"a grid too long", metrics.Grid{Start: start, Step: time.Second, N: 1_000_001}, nil, metrics.TooLarge, "query prod: up: too large: 1000001 intervals of 1s (make the step coarser or the window shorter)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, test.handle)
			result, err := ask(t, open(t, f.URL, func(s *metrics.Settings) { s.Attempts = 2 }), test.grid)
			reason, _ := metrics.ReasonOf(err)
			want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(f.URL, "http://"))
			if err == nil || reason != test.reason || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "query prod: up: ") {
				t.Errorf("got  %v\nwant a %q error that says\n     %s", err, test.reason, want)
			}
			if len(result.Series) > 0 {
				t.Errorf("an error came with %d series", len(result.Series))
			}
			if test.name == "server's query timeout" && len(f.requests) != 1 {
				t.Errorf("asked %d times for what takes the server too long", len(f.requests))
			}
		})
	}
}

// stub answers every request with the same bytes.
type stub struct{ body []byte }

func (s stub) URL(string, map[string]string) *url.URL { return &url.URL{Scheme: "http", Host: "prod"} }

func (s stub) Do(context.Context, *http.Request) (*http.Response, []byte, error) {
	return &http.Response{StatusCode: http.StatusOK}, s.body, nil
}

// FuzzAnswer: whatever a server sends, there is a whole result or an error,
// never a panic, and values are those of the answer.
func FuzzAnswer(f *testing.F) {
	f.Add(encode(matrix([]metrics.Series{{Labels: metrics.Labels{"a": "b"}, Points: []metrics.Point{{Time: start, Value: math.Inf(1)}}}}), "w"))
	f.Add(refusal("bad_data", "no"))
	f.Add([]byte(`{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[{"histograms":[[1,{"count":"1","buckets":[[0,"1","2","3"]]}]]}]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"histograms":[[1,{"count":"1","buckets":[[1,"-2","-1","3"],[3,"-1","1","3"],[0,"0.5","+Inf","3"]]}]]}]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"histograms":[[1,null]]},{"metric":{"a":"b"},"histograms":[[1,{"buckets":[null]}]]}]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":null,"values":null}]}}`))
	client, err := httpx.New(metrics.Settings{Name: "prod", URL: "http://prod"}, httpx.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		isPartial(answer)
		explain(503, answer)
		src := &source{http: client, api: v1.NewAPI(stub{answer})}
		result, err := src.Query(t.Context(), metrics.Query{Expr: "up", Grid: smallGrid})
		if err != nil {
			if _, ok := metrics.ReasonOf(err); !ok || len(result.Series) > 0 {
				t.Errorf("%d series and the error %v", len(result.Series), err)
			}
			return
		}
		if !json.Valid(answer) {
			t.Errorf("a result came from what is no JSON: %q", answer)
		}
		for _, s := range result.Series {
			if _, err := metrics.Align(s.Points, smallGrid, metrics.Mean); err != nil {
				continue // contradictory points are for the alignment to find
			}
		}
	})
}
