package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
	"github.com/judged-dev/judged/metrics/providers/prometheus"
)

// exchange is one request at the faulty proxy.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
	// body is what the real Prometheus answered, with its status.
	body   []byte
	status int
	// n counts the requests of this query, from 1.
	n int64
}

// pass answers what the real Prometheus did.
func (x exchange) pass() { x.send(x.body) }

func (x exchange) send(body []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(x.status)
	_, _ = x.w.Write(body)
}

// hijack takes the connection away from net/http.
func (x exchange) hijack(use func(*net.TCPConn)) {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	tcp, _ := conn.(*net.TCPConn)
	use(tcp)
}

// points changes the points of the answer.
func (x exchange) points(change func([][2]any) [][2]any) {
	var answer map[string]any
	var data struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric map[string]string `json:"metric"`
			Values [][2]any          `json:"values"`
		} `json:"result"`
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(x.body, &answer) != nil || json.Unmarshal(x.body, &envelope) != nil || json.Unmarshal(envelope.Data, &data) != nil {
		http.Error(x.w, "the proxy cannot read this", http.StatusTeapot)
		return
	}
	for i := range data.Result {
		data.Result[i].Values = change(data.Result[i].Values)
	}
	answer["data"] = data
	body, _ := json.Marshal(answer)
	x.send(body)
}

// proxy stands between judged and the real Prometheus, and spoils its answers.
func proxy(t *testing.T, address string, spoil func(exchange)) *httptest.Server {
	t.Helper()
	var baseline, canary atomic.Int64
	p := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client hung up
		}
		n := &baseline
		if bytes.Contains(asked, []byte("v2")) {
			n = &canary
		}
		x := exchange{w: w, r: r, n: n.Add(1)}
		resp, err := http.Post(address+r.URL.Path, r.Header.Get("Content-Type"), bytes.NewReader(asked))
		if err == nil {
			defer resp.Body.Close()
			x.status = resp.StatusCode
			x.body, err = io.ReadAll(resp.Body)
		}
		if err != nil || x.status != http.StatusOK {
			t.Errorf("the real Prometheus: %d %s %v", x.status, x.body, err)
			http.Error(w, "no Prometheus", http.StatusBadGateway)
			return
		}
		spoil(x)
	}))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.Start()
	// Handlers that wait for their client to leave end with it.
	t.Cleanup(func() { p.CloseClientConnections(); p.Close() })
	return p
}

const maxBytes = 4 << 20

// analyse runs a whole analysis: latency through the proxy, saturation directly.
func analyse(t *testing.T, address, faulty string, settings metrics.Settings) *analysis.Result {
	t.Helper()
	provider := metrics.Provider{Name: "prometheus", Expand: promql.Expand, Open: prometheus.Open}
	sources := analysis.NewSources()
	defer sources.Close()
	open := func(s metrics.Settings) {
		source, err := prometheus.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		sources.Use(s.Name, provider, fetch.Share(source, fetch.Options{Name: s.Name}))
	}
	settings.Name, settings.URL = "faulty", faulty
	if settings.Attempts == 0 {
		settings.Attempts = 2
	}
	open(settings)
	open(metrics.Settings{Name: "direct", URL: address})
	metric := func(name, source string) analysis.Metric {
		return analysis.Metric{
			Signal: judge.Signal{Name: name, Direction: judge.Increase, Critical: true},
			Source: source, Query: name + `{version="${version}"}`,
		}
	}
	plan, err := analysis.NewPlan(analysis.Config{
		Name:     "faults",
		Scopes:   analysis.Scopes{Baseline: map[string]string{"version": "v1"}, Canary: map[string]string{"version": "v2"}},
		Schedule: analysis.Schedule{Start: start, Duration: minutes * time.Minute, Interval: time.Minute},
		Metrics:  []analysis.Metric{metric("latency_seconds", "faulty"), metric("saturation", "direct")},
	}, sources, metrics.Window{Start: start, End: start.Add(minutes * time.Minute)}, metrics.Window{})
	if err != nil {
		t.Fatal(err)
	}
	// The longest of the faults are two tries of half a second and a pause.
	ctx, cancel := context.WithTimeout(fetch.WithOwner(t.Context(), t.Name()), 30*time.Second)
	defer cancel()
	r, err := plan.Run(ctx, sources)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wait is how long a try may take where the fault is to take longer.
const wait = 500 * time.Millisecond

var shortly = metrics.Settings{Timeout: wait}

// cutAt ends the answer after half of it; reset decides how.
func cutAt(reset bool) func(exchange) {
	return func(x exchange) {
		x.hijack(func(conn *net.TCPConn) {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(x.body))
			_, _ = conn.Write(x.body[:len(x.body)/2])
			if reset {
				time.Sleep(20 * time.Millisecond) // a reset discards what was not read yet
				_ = conn.SetLinger(0)
			}
		})
	}
}

// endless answers valid JSON without end.
func endless(w io.Writer, gone context.Context) { //nolint:revive // the context is the client's, not ours
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[`)
	piece := bytes.Repeat([]byte(`[1767323000,"1"],`), 4096)
	for gone.Err() == nil {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

func matrix(result string) []byte {
	return []byte(`{"status":"success","data":{"resultType":"matrix","result":[` + result + `]}}`)
}

func refuse(x exchange, status int, text string) { http.Error(x.w, text, status) }

// fault is what can be wrong with a source, and what its finding says then.
type fault struct {
	name     string
	spoil    func(exchange)
	settings metrics.Settings
	// want is the classification of the faulty signal's finding.
	want judge.Classification
	// says are parts of its reason, or of its warnings if the data are good.
	says []string
	// most is how many requests each query may cost.
	most int64
}

var faults = []fault{
	{name: "none", spoil: exchange.pass, want: judge.Similar, most: 1},
	{name: "slow", spoil: func(x exchange) { time.Sleep(100 * time.Millisecond); x.pass() }, want: judge.Similar, most: 1},
	{
		name: "hanging", spoil: func(x exchange) { <-x.r.Context().Done() }, settings: shortly,
		want: judge.Failed, says: []string{"unavailable", "did not answer within 500ms (tried 2 times)"}, most: 2,
	},
	{
		name: "hanging in the body", settings: shortly,
		spoil: func(x exchange) {
			_, _ = x.w.Write(x.body[:100])
			_ = http.NewResponseController(x.w).Flush()
			<-x.r.Context().Done()
		},
		want: judge.Failed, says: []string{"unavailable", "had sent only 100 bytes within 500ms (tried 2 times)"}, most: 2,
	},
	{
		name: "trickling", settings: shortly,
		spoil: func(x exchange) {
			for i := 0; i < len(x.body) && x.r.Context().Err() == nil; i++ {
				_, _ = x.w.Write(x.body[i : i+1])
				_ = http.NewResponseController(x.w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
		want: judge.Failed, says: []string{"unavailable", "had sent only", "within 500ms (tried 2 times)"}, most: 2,
	},
	{
		name:  "429",
		spoil: func(x exchange) { refuse(x, http.StatusTooManyRequests, "slow down") },
		want:  judge.Failed, says: []string{"throttled", "429 Too Many Requests: slow down (tried 2 times)", "ask less often"}, most: 2,
	},
	{
		name: "429 for an hour",
		spoil: func(x exchange) {
			x.w.Header().Set("Retry-After", "3600")
			refuse(x, http.StatusTooManyRequests, "quota")
		},
		want: judge.Failed, says: []string{"throttled", "429 Too Many Requests: quota (the server asks to wait for 1h0m0s)"}, most: 1,
	},
	{
		name: "429 for a moment, then fine",
		spoil: func(x exchange) {
			if x.n == 1 {
				x.w.Header().Set("Retry-After", "1")
				refuse(x, http.StatusTooManyRequests, "quota")
				return
			}
			x.pass()
		},
		want: judge.Similar, most: 2,
	},
	{
		name:  "500",
		spoil: func(x exchange) { refuse(x, http.StatusInternalServerError, "disk on fire") },
		want:  judge.Failed, says: []string{"unavailable", "500 Internal Server Error: disk on fire (tried 2 times)"}, most: 2,
	},
	{
		name: "503 then fine",
		spoil: func(x exchange) {
			if x.n == 1 {
				refuse(x, http.StatusServiceUnavailable, "starting")
				return
			}
			x.pass()
		},
		want: judge.Similar, most: 2,
	},
	{
		name: "500 for one side only",
		spoil: func(x exchange) {
			if x.n > 0 && bytes.Contains(x.body, []byte(`"v2"`)) {
				refuse(x, http.StatusInternalServerError, "shard down")
				return
			}
			x.pass()
		},
		want: judge.Failed, says: []string{`latency_seconds{version="v2"}`, "500 Internal Server Error: shard down"}, most: 2,
	},
	{
		name: "cut off by the connection", spoil: cutAt(false),
		want: judge.Failed, says: []string{"bad answer", "the answer breaks off after", "of the promised", "unexpected EOF (tried 2 times)"}, most: 2,
	},
	{
		name: "reset in the body", spoil: cutAt(true),
		want: judge.Failed, says: []string{"bad answer", "the answer breaks off after", "connection reset by peer (tried 2 times)"}, most: 2,
	},
	{
		name:  "cut off and sent as whole",
		spoil: func(x exchange) { x.send(x.body[:len(x.body)/2]) },
		want:  judge.Failed, says: []string{"bad answer", "that are not JSON (unexpected end of JSON input", "the answer is cut off: does a proxy limit its length?"}, most: 1,
	},
	{name: "empty", spoil: func(x exchange) { x.send(nil) }, want: judge.Failed, says: []string{"bad answer", "answered 200 OK with nothing"}, most: 1},
	{
		name:  "a login page",
		spoil: func(x exchange) { x.send([]byte("<!DOCTYPE html><title>Sign in</title>")) },
		want:  judge.Failed, says: []string{"bad answer", `an HTML page, "Sign in" (is this the address of a login page or proxy?)`}, most: 1,
	},
	{
		name: "another content type",
		spoil: func(x exchange) {
			x.w.Header().Set("Content-Type", "text/plain")
			_, _ = x.w.Write(x.body)
		},
		want: judge.Similar, most: 1,
	},
	{
		name:  "a vector",
		spoil: func(x exchange) { x.send([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`)) },
		want:  judge.Failed, says: []string{"bad answer", "the answer to a range query is a vector, not a matrix"}, most: 1,
	},
	{
		name:  "a list",
		spoil: func(x exchange) { x.send([]byte(`[1,2,3]`)) },
		want:  judge.Failed, says: []string{"bad answer"}, most: 1,
	},
	{
		name:  "null",
		spoil: func(x exchange) { x.send([]byte(`null`)) },
		want:  judge.Failed, says: []string{"bad answer"}, most: 1,
	},
	{
		name:  "success without data",
		spoil: func(x exchange) { x.send([]byte(`{"status":"success"}`)) },
		want:  judge.Failed, says: []string{"bad answer"}, most: 1,
	},
	{
		name:  "numbers that are none",
		spoil: func(x exchange) { x.send(matrix(`{"metric":{},"values":[[1767322860,"many"]]}`)) },
		want:  judge.Failed, says: []string{"bad answer", "many"}, most: 1,
	},
	{
		name:  "an error in a success",
		spoil: func(x exchange) { x.send([]byte(`{"status":"error","errorType":"execution","error":"out of memory"}`)) },
		want:  judge.Failed, says: []string{"bad query", "out of memory"}, most: 1,
	},
	{
		name: "a partial answer",
		spoil: func(x exchange) {
			x.send(bytes.Replace(x.body, []byte(`"status":"success",`), []byte(`"status":"success","isPartial":true,`), 1))
		},
		want: judge.Failed, says: []string{"unavailable", "the answer is partial: not all stores could be read"}, most: 1,
	},
	{
		name:  "a clock three hours ahead",
		spoil: func(x exchange) { x.points(shift(3 * time.Hour)) },
		want:  judge.Failed, says: []string{"bad answer", "the server answered for 2026-01-02T06:01:00Z, which is outside of the time asked for (2026-01-02T03:01:00Z to 2026-01-02T03:40:00Z)"}, most: 1,
	},
	{
		name: "one point of another day",
		spoil: func(x exchange) {
			x.points(func(p [][2]any) [][2]any { return append(p, [2]any{1767322860 - 86400, "1"}) })
		},
		want: judge.Failed, says: []string{"bad answer", "outside of the time asked for"}, most: 1,
	},
	{
		name:  "no series",
		spoil: func(x exchange) { x.send(matrix("")) },
		want:  judge.NoData, says: []string{"no data"}, most: 1,
	},
	{
		name:  "a clock three hours behind",
		spoil: func(x exchange) { x.points(shift(-3 * time.Hour)) },
		want:  judge.Failed, says: []string{"bad answer", "the server answered for 2026-01-02T00:01:00Z, which is outside of the time asked for"}, most: 1,
	},
	{
		name: "every point twice",
		spoil: func(x exchange) {
			x.points(func(p [][2]any) (out [][2]any) {
				for _, one := range p {
					out = append(out, one, one)
				}
				return out
			})
		},
		want: judge.Similar, says: []string{"40 points came twice and were counted once"}, most: 1,
	},
	{
		name: "points out of order",
		spoil: func(x exchange) {
			x.points(func(p [][2]any) [][2]any {
				rand.New(rand.NewPCG(1, 1)).Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
				return p
			})
		},
		want: judge.Similar, says: []string{"points came out of order and were sorted"}, most: 1,
	},
	{
		name: "two values for one moment",
		spoil: func(x exchange) {
			x.points(func(p [][2]any) [][2]any { return append(p, [2]any{p[7][0], "123"}) })
		},
		want: judge.Failed, says: []string{"bad answer", "two values for 2026-01-02T03:08:00Z", "and 123"}, most: 1,
	},
	{
		name: "one series twice",
		spoil: func(x exchange) {
			x.send(matrix(`{"metric":{"a":"b"},"values":[[1767322860,"1"]]},{"metric":{"a":"b"},"values":[[1767322860,"1"]]}`))
		},
		want: judge.Failed, says: []string{"bad answer", `two series of the answer have the same labels {a="b"}`}, most: 1,
	},
	{
		name:  "several series",
		spoil: func(x exchange) { x.send(matrix(`{"metric":{"a":"b"},"values":[]},{"metric":{"a":"c"},"values":[]}`)) },
		want:  judge.Failed, says: []string{"the query gave 2 series"}, most: 1,
	},
	{
		name: "garbage in place of HTTP",
		spoil: func(x exchange) {
			x.hijack(func(conn *net.TCPConn) {
				_, _ = conn.Write([]byte("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03\xa1\xb2\xc3\xd4\n\n"))
			})
		},
		want: judge.Failed, says: []string{"bad answer", "what answers there does not speak HTTP: is it https:// or another port?"}, most: 1,
	},
	{
		name: "not the gzip it says",
		spoil: func(x exchange) {
			x.w.Header().Set("Content-Encoding", "gzip")
			x.send(x.body)
		},
		want: judge.Failed, says: []string{"bad answer", "the compressed answer is corrupt"}, most: 2,
	},
	{
		name: "gzip that breaks off",
		spoil: func(x exchange) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(x.body)
			_ = z.Close()
			x.w.Header().Set("Content-Encoding", "gzip")
			x.send(b.Bytes()[:b.Len()/2])
		},
		want: judge.Failed, says: []string{"bad answer", "breaks off after"}, most: 2,
	},
	{
		name:  "our own budget is spent",
		spoil: exchange.pass, settings: metrics.Settings{RequestsPerDay: 1},
		want: judge.Failed, says: []string{"throttled", "the budget of 1 requests a day is spent; there is room again at"}, most: 1,
	},
}

// large are the faults that cost memory if nobody looks.
var large = []fault{
	{
		name: "an endless answer", settings: metrics.Settings{MaxResponseBytes: maxBytes},
		spoil: func(x exchange) { endless(x.w, x.r.Context()) },
		want:  judge.Failed, says: []string{"too large", "answered with more than 4 MiB", "max_response_bytes"}, most: 1,
	},
	{
		name: "a gzip bomb", settings: metrics.Settings{MaxResponseBytes: maxBytes},
		spoil: func(x exchange) {
			x.w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(x.w, gzip.BestSpeed)
			endless(z, x.r.Context())
		},
		want: judge.Failed, says: []string{"too large", "answered with more than 4 MiB", "max_response_bytes"}, most: 1,
	},
	{
		name:  "a million series",
		spoil: func(x exchange) { x.send(millionSeries()) },
		want:  judge.Failed, says: []string{"too large", "the query returns more than 1000 series", "aggregate it"}, most: 1,
	},
}

// millionSeries is made once: it is large itself.
var millionSeries = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	for i := range aMillion {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"metric":{"p":"%d"},"values":[[1767322860,"1"]]}`, i)
	}
	return matrix(b.String())
})

func shift(d time.Duration) func([][2]any) [][2]any {
	return func(p [][2]any) [][2]any {
		for i := range p {
			at, _ := p[i][0].(float64)
			p[i][0] = at + d.Seconds()
		}
		return p
	}
}

func TestFaults(t *testing.T) {
	address := realPrometheus(t)
	healthy := analyse(t, address, address, metrics.Settings{})
	if healthy.Verdict != judge.Pass {
		t.Fatalf("without a fault: %s", healthy.Summary)
	}
	t.Run("small", func(t *testing.T) {
		for _, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				f.check(t, address, healthy)
			})
		}
		t.Run("plain HTTP at a TLS address", func(t *testing.T) {
			t.Parallel()
			p := proxy(t, address, exchange.pass)
			f := fault{want: judge.Failed, says: []string{"misconfigured", "the server does not speak TLS there: is it http:// or another port?"}}
			f.judged(t, analyse(t, address, strings.Replace(p.URL, "http:", "https:", 1), metrics.Settings{}), healthy)
		})
		t.Run("nobody there", func(t *testing.T) {
			t.Parallel()
			gone := httptest.NewServer(nil)
			gone.Close()
			f := fault{want: judge.Failed, says: []string{"unavailable", "connection refused (tried 2 times) (is it running, and are host and port of the source's url right?)"}}
			f.judged(t, analyse(t, address, gone.URL, metrics.Settings{}), healthy)
		})
	})
	// These look at what the whole process allocates: one after the other. Both
	// sides are asked, and each may hold an answer of the limit in pieces and
	// joined; the proxy's own part, and the rest of the analysis, come on top.
	for _, f := range large {
		t.Run(f.name, func(t *testing.T) {
			limit, own := uint64(maxBytes), uint64(16<<20)
			if f.settings.MaxResponseBytes == 0 {
				limit = uint64(len(millionSeries()))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f.check(t, address, healthy)
			runtime.ReadMemStats(&after)
			if used, most := after.TotalAlloc-before.TotalAlloc, 2*3*limit+own; used > most {
				t.Errorf("allocated %d MiB, want at most %d", used>>20, most>>20)
			}
		})
	}
}

func (f fault) check(t *testing.T, address string, healthy *analysis.Result) {
	t.Helper()
	var most atomic.Int64
	p := proxy(t, address, func(x exchange) {
		for n := most.Load(); x.n > n && !most.CompareAndSwap(n, x.n); n = most.Load() {
			continue
		}
		f.spoil(x)
	})
	f.judged(t, analyse(t, address, p.URL, f.settings), healthy)
	if n := most.Load(); n > f.most {
		t.Errorf("a query cost %d requests, want at most %d", n, f.most)
	}
}

// judged checks the whole judgment.
func (f fault) judged(t *testing.T, r, healthy *analysis.Result) {
	t.Helper()
	finding, other := byName(r, "latency_seconds"), byName(r, "saturation")
	if finding.Classification != f.want {
		t.Errorf("classified as %v, want %v: %s", finding.Classification, f.want, finding.Reason)
	}
	for _, text := range f.says {
		if all := finding.Reason + "\n" + strings.Join(finding.Warnings, "\n"); !strings.Contains(all, text) {
			t.Errorf("the finding does not say %q: %s", text, all)
		}
	}
	want := byName(healthy, "latency_seconds")
	sample := r.Samples["latency_seconds"]
	switch f.want {
	case judge.Similar:
		// Good data are all used, and used as they are.
		if r.Verdict != judge.Pass || finding.Effect != want.Effect || finding.Baseline != want.Baseline || finding.Canary != want.Canary {
			t.Errorf("judged %v, %+v, want as without a fault: %+v", r.Verdict, finding.Effect, want.Effect)
		}
	case judge.NoData:
		if r.Verdict == judge.Pass || finding.Verdict != judge.Inconclusive {
			t.Errorf("judged %v, the signal %v, want no PASS", r.Verdict, finding.Verdict)
		}
	default:
		if r.Verdict != judge.Error || finding.Verdict != judge.Error {
			t.Errorf("judged %v, the signal %v, want ERROR", r.Verdict, finding.Verdict)
		}
	}
	if f.want != judge.Similar {
		all := slices.Concat(sample.Baseline.Values, sample.Canary.Values)
		if n := len(all) - count(all, math.IsNaN); n > 0 || !math.IsNaN(finding.Effect.Estimate) {
			t.Errorf("%d values of a bad answer reached the judge, who says %v", n, finding.Effect.Estimate)
		}
	}
	// The other signal's data and effect are those without a fault. Its interval
	// may be narrower: it does not share the error with what could not be judged.
	was := byName(healthy, "saturation")
	if other.Classification != was.Classification || other.Verdict != was.Verdict || other.Baseline != was.Baseline ||
		other.Canary != was.Canary || other.Effect.Estimate != was.Effect.Estimate || len(other.Warnings) > len(was.Warnings) {
		t.Errorf("the other signal suffers: %+v\nwas %+v", other, was)
	}
}

func byName(r *analysis.Result, name string) judge.Finding {
	for _, f := range r.Findings {
		if f.Signal.Name == name {
			return f
		}
	}
	return judge.Finding{}
}

func count(values []float64, is func(float64) bool) (n int) {
	for _, v := range values {
		if is(v) {
			n++
		}
	}
	return n
}
