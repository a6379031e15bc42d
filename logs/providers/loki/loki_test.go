package loki

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/sourcetest"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

var provider = logs.Provider{Name: "loki", Expand: Expand, Open: Open}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider:   provider,
		Query:      `{app="checkout"} |= "order"`,
		Answer:     body,
		Server:     server,
		PageLines:  pageLines,
		Refusal:    func(message string) []byte { return []byte(message) },
		LargeTries: 2, // 100 and 10 lines
		Endless: func() (head, piece []byte) {
			return []byte(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[`), []byte(`["1767323000000000000","order 17 placed"],`)
		},
		Credentials: []providertest.Credential{
			{
				Name: "bearer",
				Set:  func(s *metrics.Settings, v metrics.Secret) { s.Bearer = v },
				Sent: func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") },
			},
			{
				Name: "basic",
				Set:  func(s *metrics.Settings, v metrics.Secret) { s.BasicUser, s.BasicPassword = "user", v },
				Sent: func(r *http.Request) string { _, password, _ := r.BasicAuth(); return password },
			},
			{
				Name: "tenant",
				Set: func(s *metrics.Settings, v metrics.Secret) {
					s.Headers = map[string]metrics.Secret{"X-Scope-OrgID": v}
				},
				Sent: func(r *http.Request) string { return r.Header.Get("X-Scope-OrgID") },
			},
		},
		Templates: templates,
		Lacks:     []sourcetest.Feature{sourcetest.ManyAtOnce},
	})
}

// server answers as Loki does: lines from start on and before end, the oldest
// limit of them, grouped by stream.
func server(lines []sourcetest.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.ParseInt(r.FormValue("start"), 10, 64)
		end, _ := strconv.ParseInt(r.FormValue("end"), 10, 64)
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		if r.URL.Path != "/loki/api/v1/query_range" || r.FormValue("direction") != "forward" || limit < 1 || limit > 5000 {
			http.Error(w, "unexpected request "+r.URL.String(), http.StatusBadRequest)
			return
		}
		var page []sourcetest.Line
		for _, l := range lines {
			if at := l.Time.UnixNano(); at >= start && at < end && len(page) < limit {
				page = append(page, l)
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		_, _ = w.Write(body(page))
	})
}

// body writes lines as Loki does.
func body(lines []sourcetest.Line) []byte {
	type object = map[string]any
	streams := []object{}
	at := map[string]int{}
	for _, l := range lines {
		i, ok := at[l.Instance]
		if !ok {
			i = len(streams)
			at[l.Instance] = i
			streams = append(streams, object{"stream": object{"app": "checkout", "pod": l.Instance}, "values": []any{}})
		}
		own := object{"detected_level": cmp.Or(l.Level.String(), "unknown")}
		if l.Trace != "" {
			own["trace_id"] = l.Trace
		}
		value := []any{strconv.FormatInt(l.Time.UnixNano(), 10), l.Message, object{"structuredMetadata": own}}
		streams[i]["values"] = append(streams[i]["values"].([]any), value)
	}
	return mustJSON(object{
		"status": "success",
		"data":   object{"resultType": "streams", "encodingFlags": []string{"categorize-labels"}, "result": streams, "stats": object{}},
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("loki: ", err))
	}
	return b
}

var (
	start  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window = metrics.Window{Start: start, End: start.Add(time.Minute)}
)

// read collects what a source delivers, one text a line.
func read(t *testing.T, src logs.Source, expr string, w metrics.Window) ([]string, logs.Summary, error) {
	t.Helper()
	var got []string
	summary, err := src.Read(t.Context(), logs.Query{Expr: expr, Window: w}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s %s %s %s %s", rec.Time.UTC().Format("05.000000000"), rec.Level, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, summary, err
}

func open(t *testing.T, address string) logs.Source {
	t.Helper()
	src, err := Open(metrics.Settings{Name: "prod", URL: address, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

// page is an answer of one stream with a line of each message.
func page(labels, values string) *httpx.Answer {
	return &httpx.Answer{Status: http.StatusOK, Body: fmt.Appendf(nil, `{"status":"success","warnings":["a store was slow"],"data":{"resultType":"streams","result":[{"stream":%s,"values":[%s]}]}}`, labels, values)}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, labels, more, instance, level, trace string }{
		{"categorised", `{"pod":"p"}`, `,{"structuredMetadata":{"detected_level":"warn","trace_id":"t1"}}`, "p", "warn", "t1"},
		{"all in the stream", `{"instance":"i","level":"error","traceID":"t2"}`, "", "i", "error", "t2"},
		{"taken out of the line", `{"host":"h"}`, `,{"structuredMetadata":{"detected_level":"unknown"},"parsed":{"trace_id":"t3"}}`, "h", "unknown", "t3"},
		{"the pod tells more than the host", `{"host":"h","pod":"p"}`, ``, "p", "", ""},
		{"the line's own before the stream's", `{"trace_id":"of the stream"}`, `,{"structuredMetadata":{"trace_id":"own"}}`, "", "", "own"},
		{"nothing", `{}`, `,{}`, "", "", ""},
	}
	for _, test := range tests {
		a, err := decodeAnswer(page(test.labels, `["1767322801000000001","x"`+test.more+`]`))
		if err != nil || len(a.entries) != 1 || !slices.Equal(a.warnings, []string{"a store was slow"}) {
			t.Fatalf("%s: got %+v, %v", test.name, a, err)
		}
		e := a.entries[0]
		if e.label(instanceLabels) != test.instance || e.label(levelLabels) != test.level || e.label(traceLabels) != test.trace {
			t.Errorf("%s: got instance %q, level %q, trace %q", test.name, e.label(instanceLabels), e.label(levelLabels), e.label(traceLabels))
		}
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body   string
		reason metrics.Reason
		says   string
	}{
		{`{"status":"error"}`, metrics.BadAnswer, `status is "error"`},
		{`{"status":"success","data":{"resultType":"matrix","result":[]}}`, metrics.BadQuery, "computes numbers"},
		{`{"status":"success","data":{"resultType":"tables","result":[]}}`, metrics.BadAnswer, `holds "tables"`},
		{`{"status":"success","data":{"resultType":"streams","result":{}}}`, metrics.BadAnswer, "another shape"},
		{`{"status":"success","data":{"resultType":"streams","result":[{"values":[["1"]]}]}}`, metrics.BadAnswer, "a line of the answer is not [\"time"},
		{`{"status":"success","data":{"resultType":"streams","result":[{"values":[[1,"x"]]}]}}`, metrics.BadAnswer, "a line of the answer is not [\"time"},
		{`{"status":"success","data":{"resultType":"streams","result":[{"values":[["1.5","x"]]}]}}`, metrics.BadAnswer, `in nanoseconds, but at "1.5"`},
		{`{"status":"success","data":{"resultType":"streams","result":[{"values":[null]}]}}`, metrics.BadAnswer, "a line of the answer is not"},
		{`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}`, metrics.BadQuery, "a vector"},
		{`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, metrics.BadQuery, "a scalar"},
		{`{"status":"success","data":{"resultType":"streams","result":[{"values":[["1","x",{"parsed":{"a":1}}]]}]}}`, metrics.BadAnswer, "a line of the answer is not"},
	}
	for _, test := range tests {
		_, err := decodeAnswer(&httpx.Answer{Status: http.StatusOK, Body: []byte(test.body)})
		if reason, _ := metrics.ReasonOf(err); reason != test.reason || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s, %q", test.body, err, test.reason, test.says)
		}
	}
}

// TestSmallerPages: limits that Loki itself has for a page.
func TestSmallerPages(t *testing.T) {
	t.Parallel()
	lines := make([]sourcetest.Line, 3000)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Duration(i+1) * time.Millisecond), Instance: "a", Message: fmt.Sprint("order ", i)}
	}
	for _, says := range []struct {
		status int
		text   string
	}{
		{http.StatusBadRequest, "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 600)"},
		{http.StatusInternalServerError, "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5046170 vs. 4194304)"},
	} {
		var limits []string
		good := server(lines)
		src := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			limits = append(limits, r.FormValue("limit"))
			if limit, _ := strconv.Atoi(r.FormValue("limit")); limit > 600 {
				http.Error(w, says.text, says.status)
				return
			}
			good.ServeHTTP(w, r)
		}))
		got, _, err := read(t, src, `{app="checkout"}`, window)
		if err != nil || len(got) != len(lines) || !slices.Equal(limits[:3], []string{"100", "1000", "100"}) || slices.Contains(limits[3:], "1000") {
			t.Errorf("%s: got %d lines, %v with the limits %q, want all with none over 100 after the refusal", says.text, len(got), err, limits)
		}
	}
}

// TestPageSize: pages have at most 2 MiB, and about as much, however long lines are.
func TestPageSize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ length, lines, least, most int }{{100, 7000, 5000, 5000}, {4_000, 1500, 500, 524}, {30_000, 300, 66, 69}} {
		lines := make([]sourcetest.Line, test.lines)
		for i := range lines {
			lines[i] = sourcetest.Line{Time: start.Add(time.Duration(i+1) * time.Millisecond), Instance: "a", Message: strings.Repeat("x", test.length)}
		}
		third, requests := 0, 0
		good := server(lines)
		src := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			if requests++; requests == 3 {
				third, _ = strconv.Atoi(r.FormValue("limit"))
			}
			good.ServeHTTP(w, r)
		}))
		got, _, err := read(t, src, `{app="checkout"}`, window)
		if err != nil || len(got) != test.lines || third < test.least || third > test.most {
			t.Errorf("lines of %d bytes: got %d and %v; the third page has %d, want %d to %d", test.length, len(got), err, third, test.least, test.most)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for text, hint := range map[string]string{"no org id": "X-Scope-OrgID", "received message larger than max (9 vs. 4)": "grpc_server_max_recv_msg_size"} {
		src := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, http.StatusUnauthorized) }))
		_, _, err := read(t, src, `{app="checkout"}`, window)
		if err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: got %v, want a hint that says %q", text, err, hint)
		}
	}
}

// FuzzDecode: whatever comes as JSON, the answer is lines in the order of time or
// an error.
func FuzzDecode(f *testing.F) {
	f.Add(body([]sourcetest.Line{{Time: start, Instance: "a", Message: "x", Trace: "t"}, {Time: start, Instance: "b", Message: "y"}}))
	f.Add([]byte(`{"status":"success","data":{"resultType":"streams","result":[{"values":[["-1","x",{}],["9223372036854775807","",{"parsed":null}]]},{}]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"streams","result":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := decodeAnswer(&httpx.Answer{Status: http.StatusOK, Body: body})
		if err != nil {
			if _, ok := metrics.ReasonOf(err); !ok {
				t.Errorf("%v has no reason", err)
			}
			return
		}
		if !slices.IsSortedFunc(a.entries, func(x, y entry) int { return cmp.Compare(x.at, y.at) }) {
			t.Error("the lines are not in order")
		}
		for i := range a.entries {
			e := &a.entries[i]
			e.label(instanceLabels)
			if len(e.id()) != 16 {
				t.Errorf("the id %x has %d bytes", e.id(), len(e.id()))
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	lines := make([]sourcetest.Line, pageLines)
	for i := range lines {
		lines[i] = sourcetest.Line{
			Time: start.Add(time.Duration(i) * time.Millisecond), Level: logs.Info, Instance: fmt.Sprint("checkout-7d4f9c6b5-", i%10),
			Trace:   fmt.Sprintf("4bf92f3577b34da6a3ce929d%08x", i),
			Message: fmt.Sprintf(`{"level":"info","ts":"2026-01-02T03:04:05.678Z","msg":"order %d placed","user":"u-%d","total":12.5}`, i, i%97),
		}
	}
	answer := &httpx.Answer{Status: http.StatusOK, Body: body(lines)}
	b.SetBytes(int64(len(answer.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAnswer(answer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(pageLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// serve returns the address of a server.
func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}
