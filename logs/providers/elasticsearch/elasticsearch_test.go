package elasticsearch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/sourcetest"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

var provider = logs.Provider{Name: "elasticsearch", Expand: Expand, Open: Open}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider: provider,
		Query:    `logs-*: service.name:"checkout" AND NOT message:"healthz"`,
		Answer:   func(lines []sourcetest.Line) []byte { return mustJSON(found(documents(lines), "")) },
		Server: func(lines []sourcetest.Line) http.Handler {
			return &cluster{product: "elasticsearch", documents: documents(lines), open: map[string]bool{}}
		},
		PageLines:  pageLines,
		Resolution: time.Millisecond,
		Refusal:    func(message string) []byte { return mustJSON(refusal("parse_exception", message)) },
		LargeTries: 3, // 5000, 500 and 50 lines
		Endless: func() (head, piece []byte) {
			return []byte(`{"took":1,"timed_out":false,"hits":{"hits":[`), []byte(`{"_index":"logs-1","_id":"1","_source":{"message":"order 17 placed"},"sort":[1767322800000,1]},`)
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
				Name: "API key",
				Set: func(s *metrics.Settings, v metrics.Secret) {
					s.Headers = map[string]metrics.Secret{"Authorization": v}
				},
				Sent: func(r *http.Request) string { return r.Header.Get("Authorization") },
			},
		},
		Templates: templates,
	})
}

// document is one of a cluster's.
type document struct {
	line  sourcetest.Line
	shard int
	doc   int64 // its number in the shard
}

// documents spreads lines over three shards, so that lines of one moment have the
// same number on several.
func documents(lines []sourcetest.Line) []document {
	const shards = 3
	out := make([]document, len(lines))
	for i, l := range lines {
		out[i] = document{line: l, shard: i % shards, doc: int64(i / shards)}
	}
	slices.SortStableFunc(out, func(a, b document) int {
		return cmp.Or(a.line.Time.Compare(b.line.Time), cmp.Compare(a.doc, b.doc), cmp.Compare(a.shard, b.shard))
	})
	return out
}

// after reports whether the document is behind the values of a search_after.
func (d document) after(values []json.Number) bool {
	at, _ := values[0].Int64()
	doc, _ := values[1].Int64()
	return cmp.Or(cmp.Compare(d.line.Time.UnixMilli(), at), cmp.Compare(d.doc, doc)) > 0
}

// found is an answer of these documents.
func found(documents []document, pit string) object {
	hits := []object{}
	for _, d := range documents {
		source := object{
			timestamp: d.line.Time.UnixMilli(), "message": d.line.Message, "log": object{"level": d.line.Level.String()},
			"kubernetes": object{"pod": object{"name": d.line.Instance}},
		}
		if d.line.Trace != "" {
			source["trace"] = object{"id": d.line.Trace}
		}
		hits = append(hits, object{
			"_index": fmt.Sprint("logs-", d.shard), "_id": fmt.Sprint("id", d.doc), "_score": nil, "_source": source,
			"fields": object{timestamp: []string{d.line.Time.UTC().Format("2006-01-02T15:04:05.000Z")}},
			"sort":   []int64{d.line.Time.UnixMilli(), d.doc},
		})
	}
	out := object{
		"took": 3, "timed_out": false, "_shards": object{"total": 3, "successful": 3, "skipped": 0, "failed": 0},
		"hits": object{"max_score": nil, "hits": hits},
	}
	if pit != "" {
		out["pit_id"] = pit
	}
	return out
}

func refusal(kind, reason string) object {
	c := object{"type": kind, "reason": reason}
	return object{"error": object{"root_cause": []object{c}, "type": kind, "reason": reason}, "status": 400}
}

// cluster answers as Elasticsearch and OpenSearch do.
type cluster struct {
	product   string
	documents []document

	mu   sync.Mutex
	open map[string]bool // points in time
	made int
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	status, answer := c.answer(r, text)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(answer))
}

func (c *cluster) answer(r *http.Request, text []byte) (int, object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pitPath, idName := "/_pit", "id"
	version := object{"number": "9.2.1", "build_flavor": "default"}
	if c.product == "opensearch" {
		pitPath, idName = "/_search/point_in_time", "pit_id"
		version = object{"distribution": "opensearch", "number": "2.19.1"}
	}
	const index = "/logs-*"
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		return http.StatusOK, object{"name": "node-1", "cluster_name": "c", "version": version}
	case "POST " + index + pitPath:
		if r.FormValue("keep_alive") == "" {
			return http.StatusBadRequest, refusal("action_request_validation_exception", "[keep_alive] is not specified")
		}
		c.made++
		id := fmt.Sprint("pit-", c.made)
		c.open[id] = true
		return http.StatusOK, object{idName: id, "_shards": object{"total": 3, "successful": 3, "skipped": 0, "failed": 0}}
	case "DELETE " + pitPath:
		var body map[string]json.RawMessage
		_ = json.Unmarshal(text, &body)
		ids := []string{""}
		if json.Unmarshal(body[idName], &ids[0]) != nil {
			_ = json.Unmarshal(body[idName], &ids)
		}
		for _, id := range ids {
			delete(c.open, id)
		}
		return http.StatusOK, object{"succeeded": true, "num_freed": len(ids)}
	case "POST /_search", "POST " + index + "/_search":
		return c.search(r, text)
	default:
		return http.StatusBadRequest, object{"error": "no handler found for uri [" + r.URL.Path + "] and method [" + r.Method + "]", "status": 400}
	}
}

func (c *cluster) search(r *http.Request, text []byte) (int, object) {
	var ask struct {
		Size  int
		Query struct {
			Bool struct{ Filter []map[string]json.RawMessage }
		}
		Sort []map[string]json.RawMessage
		PIT  *struct {
			ID        string
			KeepAlive string `json:"keep_alive"`
		}
		SearchAfter []json.Number `json:"search_after"`
	}
	if err := json.Unmarshal(text, &ask); err != nil || len(ask.Query.Bool.Filter) != 2 || len(ask.Sort) != 2 || r.FormValue("allow_partial_search_results") != "false" {
		return http.StatusBadRequest, refusal("parsing_exception", fmt.Sprintf("unexpected search %s: %v", text, err))
	}
	var window map[string]struct {
		GTE, LTE time.Time
		Format   string
	}
	if err := json.Unmarshal(ask.Query.Bool.Filter[0]["range"], &window); err != nil || window[timestamp].Format != nanos || window[timestamp].GTE.IsZero() || window[timestamp].LTE.IsZero() {
		return http.StatusBadRequest, refusal("parsing_exception", fmt.Sprintf("unexpected range %s: %v", text, err))
	}
	pit := ""
	switch inPath := r.URL.Path != "/_search"; {
	case ask.Size > 10_000:
		return http.StatusBadRequest, refusal("illegal_argument_exception", "Result window is too large")
	case ask.PIT == nil && (!inPath || ask.SearchAfter != nil), ask.PIT != nil && inPath:
		return http.StatusBadRequest, refusal("action_request_validation_exception", "[indices] cannot be used with point in time")
	case ask.PIT != nil && !c.open[ask.PIT.ID]:
		return http.StatusNotFound, refusal("search_context_missing_exception", "No search context found for id [7]")
	case ask.PIT != nil:
		pit = ask.PIT.ID
	}
	var page []document
	for _, d := range c.documents {
		at := d.line.Time.Truncate(time.Millisecond)
		inside := !at.Before(window[timestamp].GTE.Truncate(time.Millisecond)) && !at.After(window[timestamp].LTE)
		if inside && len(page) < ask.Size && (ask.SearchAfter == nil || d.after(ask.SearchAfter)) {
			page = append(page, d)
		}
	}
	return http.StatusOK, found(page, pit)
}

var (
	start  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window = metrics.Window{Start: start, End: start.Add(10 * time.Minute)}
)

const everything = "logs-*: *"

// many are lines of more than a page.
func many(n int) []sourcetest.Line {
	lines := make([]sourcetest.Line, n)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Duration(i/3+1) * time.Millisecond), Level: logs.Info, Instance: "a", Message: fmt.Sprint("order ", i, " placed")}
	}
	return lines
}

// read returns what a source delivers, one text a line.
func read(t *testing.T, handler http.Handler, expr string) ([]string, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	src, err := Open(metrics.Settings{Name: "prod", URL: server.URL, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	var got []string
	_, err = src.Read(t.Context(), logs.Query{Expr: expr, Window: window}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", rec.Level, rec.Logger, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, err
}

func TestPointsInTimeAreClosed(t *testing.T) {
	t.Parallel()
	for _, product := range []string{"elasticsearch", "opensearch"} {
		c := &cluster{product: product, documents: documents(many(2*pageLines + 1)), open: map[string]bool{}}
		got, err := read(t, c, everything)
		if err != nil || len(got) != 2*pageLines+1 {
			t.Errorf("%s: got %d lines and %v", product, len(got), err)
		}
		if c.made != 1 || len(c.open) != 0 {
			t.Errorf("%s: %d points in time were opened and %v are left, want one and none", product, c.made, c.open)
		}
		c = &cluster{product: product, documents: documents(many(pageLines - 1)), open: map[string]bool{}}
		if got, err = read(t, c, everything); err != nil || len(got) != pageLines-1 || c.made != 0 {
			t.Errorf("%s: got %d lines and %v with %d points in time, want none for one page", product, len(got), err, c.made)
		}
	}
}

// TestLostPointInTime: the cluster forgets, and the read goes on from another.
func TestLostPointInTime(t *testing.T) {
	t.Parallel()
	c := &cluster{product: "elasticsearch", documents: documents(many(4 * pageLines)), open: map[string]bool{}}
	searches := 0
	got, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			if searches++; searches == 3 {
				c.mu.Lock()
				clear(c.open)
				c.mu.Unlock()
			}
		}
		c.ServeHTTP(w, r)
	}), everything)
	if err != nil || len(got) != 4*pageLines || c.made != 2 {
		t.Fatalf("got %d lines and %v with %d points in time, want %d lines with 2", len(got), err, c.made, 4*pageLines)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(got)))); n != len(got) {
		t.Errorf("%d of %d lines are different", n, len(got))
	}
}

// TestWhichProduct: credentials that may read indices, and not ask for the version.
func TestWhichProduct(t *testing.T) {
	t.Parallel()
	for _, product := range []string{"elasticsearch", "opensearch"} {
		c := &cluster{product: product, documents: documents(many(pageLines + 1)), open: map[string]bool{}}
		got, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if product == "elasticsearch" {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
			}
			if r.URL.Path == "/" {
				http.Error(w, "action [cluster:monitor/main] is unauthorized", http.StatusForbidden)
				return
			}
			c.ServeHTTP(w, r)
		}), everything)
		if err != nil || len(got) != pageLines+1 {
			t.Errorf("%s: got %d lines and %v", product, len(got), err)
		}
	}
}

func TestPointInTimeIsDenied(t *testing.T) {
	t.Parallel()
	c := &cluster{product: "opensearch", documents: documents(many(pageLines + 1)), open: map[string]bool{}}
	_, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/point_in_time") {
			http.Error(w, "no permissions", http.StatusForbidden)
			return
		}
		c.ServeHTTP(w, r)
	}), everything)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Denied || !strings.Contains(err.Error(), "indices:data/read/point_in_time/create") {
		t.Errorf("got %v, want a Denied error that names the permission", err)
	}
}

func TestSmallResultWindow(t *testing.T) {
	t.Parallel()
	c := &cluster{product: "elasticsearch", documents: documents(many(700)), open: map[string]bool{}}
	got, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if strings.Contains(string(text), `"size":5000`) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(mustJSON(refusal("illegal_argument_exception", "Result window is too large, from + size must be less than or equal to: [1000] but was [5000]")))
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		c.ServeHTTP(w, r)
	}), everything)
	if err != nil || len(got) != 700 {
		t.Errorf("got %d lines and %v, want 700", len(got), err)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{"", "logs-*", "logs-*:", `service.name:"checkout"`, "a/b: *", "..: *", "logs?x: *", `logs "x": *`, ": *"} {
		_, err := read(t, http.NotFoundHandler(), expr)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.BadQuery || !strings.Contains(err.Error(), "INDICES: QUERY") {
			t.Errorf("%q: got %v, want a BadQuery error that says how to write it", expr, err)
		}
	}
	indices, query, err := split(`eu:logs-*,-logs-old: a:"x: y"`)
	if err != nil || indices != "eu:logs-*,-logs-old" || query != `a:"x: y"` {
		t.Errorf("got %q, %q, %v", indices, query, err)
	}
}

// answering is a handler that always answers with these documents.
func answering(sources ...string) http.HandlerFunc {
	hits := []string{}
	for i, source := range sources {
		hits = append(hits, fmt.Sprintf(`{"_index":"logs","_id":"%d","_source":%s,"fields":{"@timestamp":["2026-01-02T03:00:0%d.123456789Z"]},"sort":[1,%d]}`, i, source, i+1, i))
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"took":1,"timed_out":false,"hits":{"hits":[%s]}}`, strings.Join(hits, ","))
	}
}

// TestDocuments: what shippers write.
func TestDocuments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, source, want string }{
		{"ECS", `{"@timestamp":"x","message":"refused","log":{"level":"WARN","logger":"c.s.Pay"},"host":{"name":"h"},"trace":{"id":"4bf92f"}}`, "warn|c.s.Pay|h|4bf92f|refused"},
		{"ECS with dots", `{"message":"refused","log.level":"error","kubernetes":{"pod":{"name":"p"}},"host":{"name":"h"},"trace.id":"4bf92f"}`, "error||p|4bf92f|refused"},
		{"OpenTelemetry", `{"body":{"text":"refused"},"severity_text":"ERROR","resource":{"attributes":{"k8s.pod.name":"p"}},"trace_id":"4bf92f"}`, "error||p|4bf92f|refused"},
		{"Filebeat with a line of JSON", `{"message":"{\"level\":\"error\",\"msg\":\"refused\",\"trace_id\":\"4bf92f\"}","kubernetes":{"pod":{"name":"p"}}}`, "error||p|4bf92f|refused"},
		{"Fluent Bit", `{"log":"refused","stream":"stderr","time":"2026-01-02T03:00:01Z","kubernetes":{"pod_name":"p","labels":{"app":"x"}}}`, "||p||refused"},
		{"Fluent Bit with a line break", `{"log":"level=error msg=refused\n","stream":"stderr","kubernetes":{"pod_name":"p"}}`, "error||p||refused"},
		{"no text", `{"order":17,"level":"info"}`, `info||||{"order":17,"level":"info"}`},
		{"deep", `{"message":"refused","x":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000) + `}`, "||||refused"},
	}
	for _, test := range tests {
		got, err := read(t, answering(test.source), everything)
		if err != nil || !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
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
		{`{"hits":{}}`, metrics.BadAnswer, "no list of documents"},
		{`{"timed_out":true,"hits":{"hits":[]}}`, metrics.Unavailable, "ran out of its time"},
		{`{"_shards":{"failed":2,"failures":[{"reason":{"type":"circuit_breaking_exception","reason":"too large"}}]},"hits":{"hits":[]}}`, metrics.Unavailable, "2 shards did not answer, so lines may be missing: circuit_breaking_exception: too large"},
		{`{"_clusters":{"skipped":1},"hits":{"hits":[]}}`, metrics.Unavailable, "1 remote clusters"},
		{`{"hits":{"hits":[{"_id":"1","_source":{},"sort":[1,1]}]}}`, metrics.BadAnswer, "no @timestamp"},
		{`{"hits":{"hits":[{"_id":"1","_source":{},"sort":[1,1],"fields":{"@timestamp":["yesterday"]}}]}}`, metrics.BadAnswer, "no @timestamp"},
		{`{"hits":{"hits":[{"_id":"1","sort":[1,1],"fields":{"@timestamp":["2026-01-02T03:00:00Z"]}}]}}`, metrics.BadAnswer, "no _source"},
		{`{"hits":{"hits":[{"_id":"1","_source":{},"fields":{"@timestamp":["2026-01-02T03:00:00Z"]}}]}}`, metrics.BadAnswer, "how it was sorted"},
		{`{"hits":{"hits":[{"_id":"1","_source":{},"sort":[1,1.5],"fields":{"@timestamp":["2026-01-02T03:00:00Z"]}}]}}`, metrics.BadAnswer, "not numbered"},
	}
	for _, test := range tests {
		_, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) }), everything)
		if reason, _ := metrics.ReasonOf(err); reason != test.reason || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s, %q", test.body, err, test.reason, test.says)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		string(mustJSON(refusal("index_not_found_exception", "no such index [logs]"))):                                                              "index_not_found_exception: no such index [logs]",
		`{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[{"reason":{"type":"x","reason":"y"}}]}}`: "x: y",
		`{"error":"no handler found for uri [/x] and method [POST]","status":400}`:                                                                  "no handler found for uri [/x] and method [POST]",
		`{"error":[1]}`: "",
		`Unauthorized`:  "",
	} {
		if got := explain(400, []byte(body)).Message; got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// TestDocumented reads answers in the documented formats of both products.
func TestDocumented(t *testing.T) {
	t.Parallel()
	for _, product := range []string{"elasticsearch", "opensearch"} {
		text, err := os.ReadFile("../../../testdata/fixtures/elasticsearch/" + product + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }), everything)
		want := []string{"info|c.s.Checkout|checkout-7d4f9c6b5-x2x9z|4bf92f3577b34da6a3ce929d0e0e4736|order 17 placed", "error||checkout-7d4f9c6b5-x2x9z||payment refused: card expired"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", product, got, err, want)
		}
	}
}

// FuzzDecode: whatever comes as JSON, the answer is documents or an error.
func FuzzDecode(f *testing.F) {
	f.Add(mustJSON(found(documents(many(3)), "pit")))
	f.Add([]byte(`{"hits":{"hits":[{"_source":{"message":{"a":1}},"sort":[null,9223372036854775807],"fields":{"@timestamp":["2026-01-02T03:00:00.1Z"]}}]}}`))
	f.Add([]byte(`{"error":{"type":1,"root_cause":[{}]},"hits":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		explain(http.StatusBadRequest, body)
		hits, _, err := decodeAnswer(&httpx.Answer{Status: http.StatusOK, Body: body})
		if _, ok := metrics.ReasonOf(err); err != nil && !ok {
			t.Errorf("%v has no reason", err)
		}
		for _, h := range hits {
			if h.id == "" || h.time.IsZero() || len(h.source) == 0 {
				t.Errorf("a document without id, time or source: %+v", h)
			}
			podOf(h.source)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	answer := &httpx.Answer{Status: http.StatusOK, Body: mustJSON(found(documents(many(pageLines)), "pit"))}
	b.SetBytes(int64(len(answer.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decodeAnswer(answer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(pageLines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("elasticsearch: ", err))
	}
	return b
}
