package gcp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
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

// provider opens sources of a project, wherever the suite's server is, as
// quickly as they go.
var provider = logs.Provider{Name: "gcp", Expand: Expand, Open: func(s metrics.Settings) (logs.Source, error) {
	if s.URL != "" && !strings.Contains(s.URL, "#") {
		s.URL = strings.TrimSuffix(s.URL, "/") + "/projects/shop"
	}
	s.RequestsPerSecond = 1e6
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, testBytes)
	return Open(s)
}}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider:  provider,
		Query:     `resource.type="k8s_container" labels."k8s-pod/version"="v1.9.0"`,
		Answer:    func(lines []sourcetest.Line) []byte { return body(lines, "") },
		Server:    server,
		PageLines: pageEntries,
		Refusal: func(message string) []byte {
			return mustJSON(map[string]any{"error": map[string]any{"code": 400, "status": "INVALID_ARGUMENT", "message": message}})
		},
		Lacks:      []sourcetest.Feature{sourcetest.EmptyObject}, // its answer if there are no entries
		LargeTries: 3,                                            // 1000, 100 and 10 entries
		Endless: func() (head, piece []byte) {
			one := mustJSON(entryOf(sourcetest.Line{Time: start, Instance: "a", Message: "counted 1"}))
			return []byte(`{"entries":[`), append(one, ',')
		},
		Credentials: []providertest.Credential{{
			Name: "bearer", Always: true,
			Set:  func(s *metrics.Settings, v metrics.Secret) { s.Bearer = v },
			Sent: func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") },
		}},
		Templates: []providertest.Template{
			inString(`labels.version="${value}" severity>=WARNING`),
			inString(`resource.labels.pod_name='${value}'`),
			inString("-- don't \" mind\nlabels.version:\"${value}\""),
			inRegexp(`labels.version=~"^${value}$"`),
			bareWord(`labels.version=${value} AND severity>=WARNING`),
			bareWord("-- \"it's\nlabels.version=${value}"),
		},
	})
}

// inString checks that the language's own string holds the value.
func inString(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error {
		before, after, _ := strings.Cut(query, "${value}")
		text, ok := strings.CutSuffix(strings.TrimPrefix(expanded, before), after)
		if !ok || !strings.HasPrefix(expanded, before) {
			return fmt.Errorf("want %s", query)
		}
		var plain strings.Builder
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"' || c == '\'' || c < ' ':
				return fmt.Errorf("%q ends the string", c)
			case c == '\\' && i+1 < len(text):
				i++
				plain.WriteByte(text[i])
			case c == '\\':
				return errors.New("the string's end is escaped")
			default:
				plain.WriteByte(c)
			}
		}
		if plain.String() != value {
			return fmt.Errorf("the string is %q", plain.String())
		}
		return nil
	}}
}

func inRegexp(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error {
		before, after, _ := strings.Cut(query, "${value}")
		text, ok := strings.CutSuffix(strings.TrimPrefix(expanded, before), after)
		if !ok || strings.ContainsAny(text, `"'\`) {
			return fmt.Errorf("want %s", query)
		}
		re, err := regexp.Compile("^" + text + "$")
		if err != nil {
			return err
		}
		if !re.MatchString(value) || re.MatchString(value+value) || re.MatchString("") || re.MatchString(strings.ReplaceAll(value, ".", "x")) != !strings.Contains(value, ".") {
			return errors.New("it matches other texts than the value")
		}
		return nil
	}}
}

func bareWord(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want %s", want)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_.]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`).MatchString(value) || strings.Contains(value, "--") {
			return errors.New("it has characters with a meaning in the query language")
		}
		if operators[strings.ToUpper(value)] {
			return errors.New("it is an operator")
		}
		return nil
	}}
}

func FuzzExpand(f *testing.F) {
	f.Add(`a="${v}" b`, `v1"\`)
	f.Add(`a=~'${v}'`, "1.9.0")
	f.Add("-- '\na=${v}", "x y")
	f.Add(`a="\${v}"`, "n")
	f.Fuzz(func(t *testing.T, query, value string) {
		out, err := Expand(query, map[string]string{"v": value})
		if err != nil || strings.Count(query, "${v}") != 1 || strings.Contains(query, "$${") {
			return
		}
		// What follows the value is in a string, or not, whatever the value is.
		before, after, _ := strings.Cut(query, "${v}")
		at, _ := placeOf(before)
		end, _ := placeOf(strings.TrimSuffix(out, after))
		if at != end {
			t.Errorf("the value %q of %q goes on after itself: %q", value, query, out)
		}
	})
}

var bounds = regexp.MustCompile(`^timestamp>="([^"]+)" AND timestamp<="([^"]+)"(?: AND \(\n(?s:.*)\n\))?$`)

// server answers as Cloud Logging does: sorted by time, a token for the next page
// while there are more.
func server(lines []sourcetest.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(text string) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(mustJSON(map[string]any{"error": map[string]any{"code": 400, "status": "INVALID_ARGUMENT", "message": text}}))
		}
		var ask request
		err := json.NewDecoder(r.Body).Decode(&ask)
		m := bounds.FindStringSubmatch(ask.Filter)
		if err != nil || m == nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/entries:list") ||
			!slices.Equal(ask.ResourceNames, []string{"projects/shop"}) || ask.OrderBy != "timestamp asc" || ask.PageSize < 1 || ask.PageSize > 1000 {
			refuse("unexpected request")
			return
		}
		from, fromErr := time.Parse(time.RFC3339Nano, m[1])
		to, toErr := time.Parse(time.RFC3339Nano, m[2])
		if errors.Join(fromErr, toErr) != nil {
			refuse("unexpected time")
			return
		}
		var found []sourcetest.Line
		for _, l := range lines {
			if !l.Time.Before(from) && !l.Time.After(to) {
				found = append(found, l)
			}
		}
		first := 0
		if ask.PageToken != "" {
			if first, err = strconv.Atoi(strings.TrimPrefix(ask.PageToken, "token-")); err != nil || first > len(found) {
				refuse("page_token is not valid")
				return
			}
		}
		end, next := min(first+ask.PageSize, len(found)), ""
		if end < len(found) {
			next = "token-" + strconv.Itoa(end)
		}
		write(w, found[first:end], next)
	})
}

func body(lines []sourcetest.Line, next string) []byte {
	var b bytes.Buffer
	write(&b, lines, next)
	return b.Bytes()
}

// write writes entries as Cloud Logging does, one after the other.
func write(w io.Writer, lines []sourcetest.Line, next string) {
	if len(lines) == 0 && next == "" {
		fmt.Fprint(w, "{}\n")
		return
	}
	fmt.Fprint(w, "{\n  \"entries\": [")
	for i, l := range lines {
		if i > 0 {
			fmt.Fprint(w, ",\n    ")
		}
		one, err := json.MarshalIndent(entryOf(l), "    ", "  ")
		if err == nil {
			_, err = w.Write(one)
		}
		if err != nil {
			return // the client has gone
		}
	}
	fmt.Fprint(w, "]")
	if next != "" {
		fmt.Fprintf(w, ",\n  \"nextPageToken\": %q", next)
	}
	fmt.Fprint(w, "}\n")
}

func entryOf(l sourcetest.Line) map[string]any {
	e := map[string]any{
		"insertId": fmt.Sprintf("%x", l.Instance+l.Message[:min(len(l.Message), 40)]), "logName": "projects/shop/logs/stdout",
		"timestamp": l.Time.UTC().Format(time.RFC3339Nano), "receiveTimestamp": l.Time.UTC().Format(time.RFC3339Nano),
		"resource":    map[string]any{"type": "k8s_container", "labels": map[string]string{"pod_name": l.Instance, "container_name": "checkout"}},
		"textPayload": l.Message,
	}
	if s := l.Level.String(); s != "" {
		e["severity"] = strings.ToUpper(strings.Replace(s, "warn", "warning", 1))
	}
	if l.Trace != "" {
		e["trace"] = "projects/shop/traces/" + l.Trace
	}
	return e
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("gcp: ", err))
	}
	return b
}

var (
	start  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window = metrics.Window{Start: start, End: start.Add(time.Minute)}
)

// open returns a source with a given token.
func open(t *testing.T, handler http.Handler) logs.Source {
	t.Helper()
	return openWith(t, handler, metrics.Settings{Bearer: metrics.Secret{Value: "ya29.given"}})
}

func openWith(t *testing.T, handler http.Handler, s metrics.Settings) logs.Source {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	s.Name, s.URL, s.Attempts, s.RequestsPerSecond = "google", backend.URL+"/v2/projects/shop/", 1, 1e6
	src, err := Open(s)
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
	summary, err := src.Read(t.Context(), logs.Query{Expr: `labels.app="checkout"`, Window: window}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s", rec.Time.UTC().Format("05.000000000"), rec.Level, rec.Logger, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, summary, err
}

func TestRecords(t *testing.T) {
	t.Parallel()
	tests := []struct{ entry, want string }{
		{`"textPayload": "order 17 placed\n", "severity": "NOTICE"`, "01.123456789|info||||order 17 placed"},
		{`"textPayload": "m", "severity": "DEFAULT", "resource": {"labels": {"instance_id": "77"}}`, "01.123456789|||77||m"},
		{`"textPayload": "m", "severity": "ALERT", "labels": {"instanceId": "00bf4bf0"}`, "01.123456789|critical||00bf4bf0||m"},
		{
			`"jsonPayload": {
			   "message": "refused",
			   "logger": "shop.Pay",
			   "stack_trace": "Refused\n  at pay"
			 }, "severity": "ERROR", "trace": "projects/shop/traces/4bf92f3577b34da6a3ce929d0e0e4736", "resource": {"labels": {"pod_name": "p"}}`,
			"01.123456789|error|shop.Pay|p|4bf92f3577b34da6a3ce929d0e0e4736|refused\nRefused\n  at pay",
		},
		{`"jsonPayload": {"order": 17,
		    "state": "placed"}, "severity": "INFO"`, `01.123456789|info||||{"order":17,"state":"placed"}`},
		{
			`"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "methodName": "x"}, "severity": "INFO"`,
			`01.123456789|info||||{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"x"}`,
		},
	}
	for _, test := range tests {
		got, summary, err := read(t, open(t, answers(200, `{"entries": [{"insertId": "a", "logName": "l", "timestamp": "2026-01-02T03:00:01.123456789Z", `+test.entry+`}]}`)))
		if err != nil || !slices.Equal(got, []string{test.want}) || summary.Lines != 1 {
			t.Errorf("%s:\n got %q and %v\nwant %q", test.entry, got, err, test.want)
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
		{"the quota", answers(429, `{"error":{"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded"}}`), metrics.Throttled, "60 times a minute"},
		{"no right", answers(403, `{"error":{"status":"PERMISSION_DENIED","message":"no"}}`), metrics.Denied, "roles/logging.viewer"},
		{"no id", answers(200, `{"entries":[{"timestamp":"2026-01-02T03:00:01Z"}]}`), metrics.BadAnswer, "entry 0 has no timestamp or no insertId"},
		{"no time", answers(200, `{"entries":[{"insertId":"a"}]}`), metrics.BadAnswer, "entry 0 has no timestamp or no insertId"},
		{"another type", answers(200, `{"entries":{}}`), metrics.BadAnswer, "not a list of log entries"},
		{"the same token for ever", answers(200, `{"nextPageToken":"x"}`), metrics.BadAnswer, "never end"},
	}
	for _, test := range tests {
		got, _, err := read(t, open(t, test.handle))
		e, ok := errors.AsType[*metrics.Error](err)
		if !ok || e.Reason != test.reason || !strings.Contains(err.Error(), test.contains) || e.Source != "google" || len(got) > 0 {
			t.Errorf("%s: got %q and %v, want %s and %q", test.name, got, err, test.reason, test.contains)
		}
	}
}

// TestEmptyPages: Google answers so while it searches.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	asked := 0
	got, _, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 50 {
			fmt.Fprintf(w, `{"nextPageToken":"t%d"}`, asked)
			return
		}
		write(w, []sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}}, "")
	})))
	if err != nil || len(got) != 1 {
		t.Errorf("got %q and %v, want one line", got, err)
	}
}

// TestExpiredTokens forgets page tokens, in floods of entries of one nanosecond.
func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	lines := make([]sourcetest.Line, 3500)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Duration(1+i/1700) * time.Second), Message: fmt.Sprint("line ", i)}
	}
	ids := map[string]bool{}
	good, asked := server(lines), atomic.Int64{}
	got, summary, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%3 == 0 {
			answers(400, `{"error":{"status":"INVALID_ARGUMENT","message":"page_token has expired"}}`)(w, r)
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

func TestFilter(t *testing.T) {
	t.Parallel()
	const at = `timestamp>="2026-01-02T03:00:00.000000001Z" AND timestamp<="2026-01-02T03:01:00Z"`
	for expr, want := range map[string]string{
		" ":           at,
		"a=1 -- last": at + " AND (\na=1 -- last\n)",
	} {
		if got := filter(expr, start.Add(1), window.End); got != want {
			t.Errorf("%q: got %s, want %s", expr, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"entries":[{"insertId":"1","timestamp":"2026-01-02T03:00:01Z","jsonPayload":{"message":"m"}}]}`)
	f.Add(400, `{"nextPageToken":"x"}`)
	type answer struct {
		status int
		text   string
	}
	var next atomic.Pointer[answer]
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers(next.Load().status, next.Load().text)(w, r) }))
	f.Cleanup(backend.Close)
	f.Fuzz(func(t *testing.T, status int, text string) {
		next.Store(&answer{200 + max(0, status)%400, text})
		src, err := provider.Open(metrics.Settings{URL: backend.URL, Bearer: metrics.Secret{Value: "a"}, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		summary, err := src.Read(t.Context(), logs.Query{Expr: "a=1", Window: window}, func(rec *logs.Record) error {
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
	text := body(benchLines(pageEntries), "")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer backend.Close()
	src, err := provider.Open(metrics.Settings{URL: backend.URL + "/v2", Bearer: metrics.Secret{Value: "a"}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		summary, err := src.Read(b.Context(), logs.Query{Expr: "x", Window: window}, func(*logs.Record) error { return nil })
		if err != nil || summary.Lines != pageEntries {
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
