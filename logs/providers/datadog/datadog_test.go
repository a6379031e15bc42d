package datadog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/sourcetest"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

// testBytes is the limit of an answer here, where the suite sets none and sends
// endless ones.
const testBytes = 8 << 20

var provider = logs.Provider{Name: "datadog", Expand: Expand, Open: func(s metrics.Settings) (logs.Source, error) {
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, testBytes)
	return Open(s)
}}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider:   provider,
		Query:      `service:checkout version:"v1.9.0"`,
		Answer:     func(lines []sourcetest.Line) []byte { return body(lines, "") },
		Server:     server,
		PageLines:  pageLogs,
		Resolution: time.Millisecond,
		Refusal:    func(message string) []byte { return mustJSON(map[string]any{"errors": []string{message}}) },
		LargeTries: 3, // 1000, 100 and 10 logs
		Endless: func() (head, piece []byte) {
			one := body([]sourcetest.Line{{Time: start, Instance: "a", Message: "counted 1"}}, "")
			log := one[len(`{"data":[`):]
			return []byte(`{"data":[`), append(log[:strings.Index(string(log), `],"meta"`)], ',')
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
		Templates: []providertest.Template{
			template(`service:checkout version:"${value}"`, `\*?"`),
			template(`(service:a OR "text ${value} text") -env:b`, `\*?"`),
			template(`service:checkout version:${value}`, "\\*?\" :/()[]{}<>=~!&|+,'#%@;$^`\n"),
		},
	})
}

// template checks that the value stands as it is, without what has a meaning.
func template(query, special string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want %s", want)
		}
		if strings.ContainsAny(value, special+"\x00\n\r\t") || value == "" {
			return fmt.Errorf("one of %q has a meaning in the query language", special)
		}
		if !strings.Contains(query, `"`) {
			switch strings.ToUpper(value) {
			case "AND", "OR", "NOT", "TO":
				return errors.New("it is an operator")
			}
			if value[0] == '-' {
				return errors.New("it would exclude")
			}
		}
		return nil
	}}
}

func FuzzExpand(f *testing.F) {
	f.Add(`version:"${v}" a`, "v1.9.0")
	f.Add(`version:${v}`, `" OR *`)
	f.Add(`\${v}`, "n")
	f.Fuzz(func(t *testing.T, query, value string) {
		out, err := Expand(query, map[string]string{"v": value})
		if err != nil || !strings.Contains(query, "${v}") || strings.Contains(query, "$${") {
			return
		}
		// The same query with an ordinary word has its strings at the same places.
		plain, err := Expand(query, map[string]string{"v": "x"})
		if err != nil {
			t.Fatalf("%q is refused where %q is not: %v", "x", value, err)
		}
		if strings.Count(out, `"`) != strings.Count(plain, `"`) || strings.Count(out, `\`) != strings.Count(plain, `\`) || strings.Count(out, `*`) != strings.Count(plain, `*`) {
			t.Errorf("the value %q changes the shape of %q: %q", value, query, out)
		}
	})
}

// server answers as Datadog does: sorted by time, a cursor for the next page
// while there are more.
func server(lines []sourcetest.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask request
		err := json.NewDecoder(r.Body).Decode(&ask)
		from, fromErr := strconv.ParseInt(ask.Filter.From, 10, 64)
		to, toErr := strconv.ParseInt(ask.Filter.To, 10, 64)
		if r.Method != http.MethodPost || r.URL.Path != "/api/v2/logs/events/search" || ask.Sort != "timestamp" || ask.Page.Limit < 1 || ask.Page.Limit > 1000 ||
			errors.Join(err, fromErr, toErr) != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(mustJSON(map[string]any{"errors": []string{"unexpected request"}}))
			return
		}
		var found []sourcetest.Line
		for _, l := range lines {
			if at := l.Time.UnixMilli(); at >= from && at < to {
				found = append(found, l)
			}
		}
		first := 0
		if ask.Page.Cursor != "" {
			if first, err = strconv.Atoi(strings.TrimPrefix(ask.Page.Cursor, "after-")); err != nil || first > len(found) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write(mustJSON(map[string]any{"errors": []any{map[string]string{"title": "Bad Request", "detail": "invalid cursor"}}}))
				return
			}
		}
		end, next := min(first+ask.Page.Limit, len(found)), ""
		if end < len(found) {
			next = "after-" + strconv.Itoa(end)
		}
		write(w, found[first:end], next)
	})
}

func body(lines []sourcetest.Line, next string) []byte {
	var b bytes.Buffer
	write(&b, lines, next)
	return b.Bytes()
}

// write writes logs as Datadog does, one after the other.
func write(w io.Writer, lines []sourcetest.Line, next string) {
	type object = map[string]any
	fmt.Fprint(w, `{"data":[`)
	for i, l := range lines {
		attributes := object{}
		if l.Trace != "" {
			attributes["dd"] = object{"trace_id": l.Trace, "service": "checkout"}
		}
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		_, err := w.Write(mustJSON(object{
			"id": fmt.Sprintf("AAAAAW%d-%s-%s", l.Time.UnixNano(), l.Instance, l.Message[:min(len(l.Message), 40)]), "type": "log",
			"attributes": object{
				"timestamp": l.Time.UTC().Format("2006-01-02T15:04:05.000Z"), "status": l.Level.String(), "message": l.Message,
				"service": "checkout", "host": "i-0123456789", "tags": []string{"env:prod", "pod_name:" + l.Instance}, "attributes": attributes,
			},
		}))
		if err != nil {
			return // the client has gone
		}
	}
	meta := object{"elapsed": 132, "request_id": "MWlFUjVaWGZTTTZPYzM0VXp1OXU2d3xLSVpEMjZKQ0VKUTI0dEYtM3RSOFVR", "status": "done"}
	if next != "" {
		meta["page"] = object{"after": next}
	}
	fmt.Fprintf(w, `],"meta":%s}`, mustJSON(meta))
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("datadog: ", err))
	}
	return b
}

var (
	start  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window = metrics.Window{Start: start, End: start.Add(time.Minute)}
)

func open(t *testing.T, handler http.Handler) logs.Source {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	src, err := Open(metrics.Settings{
		Name: "dd", URL: backend.URL, APIKey: metrics.Secret{Value: "the-api-key"}, AppKey: metrics.Secret{Value: "the-app-key"}, Attempts: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func answers(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}
}

func read(t *testing.T, src logs.Source) ([]string, logs.Summary, error) {
	t.Helper()
	var got []string
	summary, err := src.Read(t.Context(), logs.Query{Expr: "service:checkout", Window: window}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s", rec.Time.UTC().Format("05.000"), rec.Level, rec.Logger, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, summary, err
}

func TestRecords(t *testing.T) {
	t.Parallel()
	log := func(attributes string) string {
		return fmt.Sprintf(`{"id":"A","type":"log","attributes":{"timestamp":"2026-01-02T03:00:01.5Z",%s}}`, attributes)
	}
	tests := []struct{ attributes, want string }{
		{`"message":"order 17 placed","status":"info","host":"h"`, "01.500|info||h||order 17 placed"},
		{`"message":"m","status":"OK","host":"h","tags":["a:b","pod:p","kube_pod_name:k"]`, "01.500|info||k||m"},
		{`"message":"m","status":"emergency","attributes":{}`, "01.500|critical||||m"},
		{
			`"message":"payment \"refused\"","status":"error","host":"h","attributes":{"logger":{"name":"shop.Pay"},"dd":{"trace_id":1234567890123456789},"error":{"stack":"Refused\n  at pay"}}`,
			"01.500|error|shop.Pay|h|1234567890123456789|payment \"refused\"\nRefused\n  at pay",
		},
		{`"message":"m","status":"warn","host":"h","attributes":{"logger":"x","dd":"y","error":[1],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`, "01.500|warn||h|4bf92f3577b34da6a3ce929d0e0e4736|m"},
		{`"message":"2026-01-02 03:04:05,678 ERROR [main] shop.Pay - refused","status":"info","host":"h"`, "01.500|error|shop.Pay|h||refused"},
		{`"message":"{\"msg\":\"inner\",\"level\":\"warn\"}","status":"info","host":"h","attributes":{"a":1}`, "01.500|warn||h||inner"},
	}
	for _, test := range tests {
		got, summary, err := read(t, open(t, answers(200, `{"data":[`+log(test.attributes)+`],"meta":{"status":"done","warnings":[{"code":"unknown_index","title":"no such index","detail":"indexes: foo"}]}}`)))
		if err != nil || !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s:\n got %q and %v\nwant %q", test.attributes, got, err, test.want)
		}
		if want := []string{"no such index: indexes: foo"}; !slices.Equal(summary.Warnings, want) {
			t.Errorf("the warnings are %q, want %q", summary.Warnings, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		handle   http.HandlerFunc
		reason   metrics.Reason
		contains string
	}{
		{"a search that was too slow", answers(200, `{"data":[],"meta":{"status":"timeout"}}`), metrics.Unavailable, "only part"},
		{"no list", answers(200, `{"meta":{}}`), metrics.BadAnswer, "no list of logs"},
		{"no id", answers(200, `{"data":[{"attributes":{"timestamp":"2026-01-02T03:00:01.5Z"}}]}`), metrics.BadAnswer, "log 0 has no id"},
		{"another type", answers(200, `{"data":{}}`), metrics.BadAnswer, "not a page of logs"},
		{"errors as objects", answers(400, `{"errors":[{"title":"Bad","detail":"query"},{"title":"x"}]}`), metrics.BadQuery, "Bad: query; x"},
		{"forbidden", answers(403, `{"errors":["Forbidden"]}`), metrics.Denied, "logs_read_data"},
		{"a rate limit of an hour", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-RateLimit-Reset", "1800")
			answers(429, `{"errors":["Too many requests"]}`)(w, r)
		}, metrics.Throttled, "30m"},
		{"the same cursor for ever", answers(200, `{"data":[],"meta":{"page":{"after":"x"}}}`), metrics.BadAnswer, "never end"},
	}
	for _, test := range tests {
		got, _, err := read(t, open(t, test.handle))
		e, ok := errors.AsType[*metrics.Error](err)
		if !ok || e.Reason != test.reason || !strings.Contains(err.Error(), test.contains) || e.Source != "dd" || len(got) > 0 {
			t.Errorf("%s: got %q and %v, want %s and %q", test.name, got, err, test.reason, test.contains)
		}
	}
}

// TestExpiredCursors forgets every cursor the first time that it comes, in a
// flood of logs of one millisecond.
func TestExpiredCursors(t *testing.T) {
	t.Parallel()
	lines := make([]sourcetest.Line, 3500)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Duration(1+i/1700) * time.Second), Message: fmt.Sprint("line ", i)}
	}
	ids := map[string]bool{}
	good, asked := server(lines), atomic.Int64{}
	got, summary, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%3 == 0 {
			answers(400, `{"errors":["Cursor has expired"]}`)(w, r)
			return
		}
		good.ServeHTTP(w, r)
	})))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got {
		ids[g] = true
	}
	if len(got) != len(lines) || len(ids) != len(lines) || summary.Lines != int64(len(lines)) {
		t.Errorf("%d lines, %d different ones, want %d", len(got), len(ids), len(lines))
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	key := metrics.Secret{Value: "hunter2"}
	for _, s := range []metrics.Settings{
		{}, {APIKey: key}, {AppKey: key}, {APIKey: key, AppKey: key, URL: "https://app.datadoghq.eu"}, {APIKey: key, AppKey: key, URL: "https://api.datadoghq.eu?x=1"},
	} {
		_, err := Open(s)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: got %v, want Misconfigured", s, err)
		}
	}
	if _, err := Open(metrics.Settings{APIKey: key, AppKey: key}); err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"data":[{"id":"1","attributes":{"timestamp":"2026-01-02T03:00:01Z","message":"m","attributes":{"dd":1}}}]}`)
	f.Add(400, `{"data":[],"meta":{"page":{"after":"x"}}}`)
	type answer struct {
		status int
		text   string
	}
	var next atomic.Pointer[answer]
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers(next.Load().status, next.Load().text)(w, r) }))
	f.Cleanup(backend.Close)
	f.Fuzz(func(t *testing.T, status int, text string) {
		next.Store(&answer{200 + max(0, status)%400, text})
		src, err := Open(metrics.Settings{URL: backend.URL, APIKey: metrics.Secret{Value: "a"}, AppKey: metrics.Secret{Value: "b"}, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		summary, err := src.Read(t.Context(), logs.Query{Expr: "a", Window: window}, func(rec *logs.Record) error {
			if got++; !rec.Time.After(window.Start) || rec.Time.After(window.End) {
				t.Errorf("a line of %s", rec.Time)
			}
			return nil
		})
		if _, ok := metrics.ReasonOf(err); err != nil && !ok || summary.Lines != got {
			t.Errorf("%d lines, the summary tells %d, and %v", got, summary.Lines, err)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := body(benchLines(pageLogs), "")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer backend.Close()
	src, err := provider.Open(metrics.Settings{URL: backend.URL, APIKey: metrics.Secret{Value: "a"}, AppKey: metrics.Secret{Value: "b"}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		summary, err := src.Read(b.Context(), logs.Query{Expr: "x", Window: window}, func(*logs.Record) error { return nil })
		if err != nil || summary.Lines != pageLogs {
			b.Fatalf("%d lines and %v", summary.Lines, err)
		}
	}
}

func benchLines(n int) []sourcetest.Line {
	lines := make([]sourcetest.Line, n)
	for i := range lines {
		lines[i] = sourcetest.Line{
			Time: start.Add(time.Duration(i+1) * time.Millisecond), Level: logs.Info, Instance: "checkout-7d4f9c6b5-x2x9z", Trace: "4bf92f3577b34da6a3ce929d0e0e4736",
			Message: fmt.Sprintf("order %d placed by customer %d in 17 ms", i, i*7),
		}
	}
	return lines
}
