package splunk

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

// testSlice is how many events a slice has here: the suite reads many.
const testSlice = 500

// testBytes is the limit of an answer here, where the suite sets none and sends
// endless ones.
const testBytes = 8 << 20

var provider = logs.Provider{Name: "splunk", Expand: Expand, Open: func(s metrics.Settings) (logs.Source, error) {
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, testBytes)
	src, err := Open(s)
	if err == nil {
		src.(*source).slice, src.(*source).moment = testSlice, 5*testSlice
	}
	return src, err
}}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider:       provider,
		Query:          `index=prod app=checkout version="v1.9.0"`,
		Answer:         body,
		Server:         server,
		PageLines:      testSlice,
		Refusal:        refusal,
		ErrorInSuccess: refusal,
		LargeTries:     4, // ten minutes, 6 s, 60 ms and a millisecond
		Endless: func() (head, piece []byte) {
			return nil, append(mustJSON(rowOf(0, sourcetest.Line{Time: start.Add(time.Second), Instance: "a", Message: "counted 1"})), '\n')
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
		},
		Templates: []providertest.Template{
			template(`index=prod version="${value}"`, "\"\\`*"),
			template(`index=prod ("a \" ${value} b" OR x=y)`, "\"\\`*"),
			template(`index=prod version=${value} x=y`, "\"\\`* '|[](){}<>=,;!?$%&#@~^+\n"),
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
			return fmt.Errorf("one of %q has a meaning in the search language", special)
		}
		if strings.Contains(special, " ") && (value[0] == '-' || slices.Contains(operators, strings.ToUpper(value))) {
			return errors.New("it is an operator")
		}
		return check(expanded)
	}}
}

func FuzzExpand(f *testing.F) {
	f.Add(`index=a version="${v}"`, `" | delete`)
	f.Add(`index=a version=${v}`, "x earliest=0")
	f.Add("index=a `m(${v})`", "x")
	f.Fuzz(func(t *testing.T, query, value string) {
		out, err := Expand(query, map[string]string{"v": value})
		if err != nil || strings.Count(query, "${v}") != 1 || strings.Contains(query, "$${") {
			return
		}
		plain, err := Expand(query, map[string]string{"v": "x"})
		if err != nil {
			t.Fatalf("%q is refused where %q is not: %v", "x", value, err)
		}
		if check(plain) == nil && check(out) != nil && !timeTerm.MatchString(withoutStrings(out)) {
			t.Errorf("with the value %q, %q is refused: %v", value, query, check(out))
		}
		for _, mark := range []string{`"`, `\`, "`", "*"} {
			if strings.Count(out, mark) != strings.Count(plain, mark) {
				t.Errorf("the value %q changes the shape of %q: %q", value, query, out)
			}
		}
		if n, m := len(strings.Fields(withoutStrings(out))), len(strings.Fields(withoutStrings(plain))); n != m {
			t.Errorf("the value %q makes %d terms of %d in %q: %q", value, n, m, query, out)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"index=a":                             "",
		`index=a "x | y [z] earliest=0"`:      "",
		"index=a `macro(\"b\")`":              "",
		`index=a "say \"hi | there\""`:        "",
		"index=a latest_version=7":            "",
		" ":                                   "empty",
		"index=a | stats count":               "pipe",
		`index=a "x" | delete "`:              "quotation mark",
		`index=a "x`:                          "quotation mark",
		`index=a \" | delete "`:               "quotation mark",
		`index=a \x`:                          "backslash",
		"index=a [search index=b]":            "subsearch",
		"index=a ```why```":                   "comment",
		"index=a earliest=-1d":                "time modifier",
		"index=a (_index_latest = now)":       "time modifier",
		"earliest=0 index=a":                  "time modifier",
		"Search index=a":                      "command search",
		"index=a x=\"" + `\\` + "\" | delete": "pipe",
	} {
		err := check(expr)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", expr, err, want)
		}
	}
	src := open(t, http.NotFoundHandler())
	_, _, err := read(t, src, "index=a | head 5", window)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.BadQuery || !strings.Contains(err.Error(), "index=a | head 5") {
		t.Errorf("got %v, want BadQuery", err)
	}
}

var searched = regexp.MustCompile(`^search (.*?) \| where _time>=([0-9.]+) AND _time<([0-9.]+) \| head ([0-9]+) \| eval judged_time=_time, judged_instance=coalesce\('k8s\.pod\.name', pod_name, pod, host\) ` +
	`\| sort 0 _time \| fields judged_time, judged_instance, _raw \| appendpipe \[stats count AS judged_rows\]$`)

// server answers as Splunk does this search: the newest events of the time, as
// many as head lets through, sorted.
func server(lines []sourcetest.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := searched.FindStringSubmatch(r.FormValue("search"))
		if m == nil || r.Method != http.MethodPost || r.URL.Path != "/services/search/v2/jobs/export" || r.FormValue("output_mode") != "json" || r.FormValue("preview") != "false" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(refusal("unexpected request " + r.FormValue("search")))
			return
		}
		number := func(s string) time.Time {
			at, ok := parseEpoch(s)
			if !ok {
				panic("splunk: no time: " + s)
			}
			return at
		}
		from, to := number(m[2]), number(m[3])
		earliest, latest := number(r.FormValue("earliest_time")), number(r.FormValue("latest_time"))
		limit, _ := strconv.Atoi(m[4])
		var found []sourcetest.Line
		for _, l := range slices.Backward(lines) {
			if !l.Time.Before(earliest) && l.Time.Before(latest) && !l.Time.Before(from) && l.Time.Before(to) && len(found) < limit {
				found = append(found, l)
			}
		}
		slices.Reverse(found)
		write(w, found)
	})
}

func body(lines []sourcetest.Line) []byte {
	var b bytes.Buffer
	write(&b, lines)
	return b.Bytes()
}

// write writes an export, row by row.
func write(w io.Writer, lines []sourcetest.Line) {
	for i, l := range lines {
		if _, err := w.Write(append(mustJSON(rowOf(i, l)), '\n')); err != nil {
			return // the client has gone
		}
	}
	fmt.Fprintf(w, `{"preview":false,"offset":%d,"lastrow":true,"result":{"judged_rows":"%d"}}`+"\n", len(lines), len(lines))
}

// rowOf writes a line as an event of a program that logs JSON where that says
// more.
func rowOf(i int, l sourcetest.Line) map[string]any {
	raw := l.Message
	if l.Level != logs.NoLevel || l.Trace != "" {
		fields := map[string]string{"level": l.Level.String(), "msg": l.Message}
		if l.Trace != "" {
			fields["trace_id"] = l.Trace
		}
		raw = string(mustJSON(fields))
	}
	return map[string]any{"preview": false, "offset": i, "result": map[string]any{
		"judged_time": fmt.Sprintf("%d.%09d", l.Time.Unix(), l.Time.Nanosecond()), "judged_instance": l.Instance, "_raw": raw,
	}}
}

func refusal(message string) []byte {
	return mustJSON(map[string]any{"messages": []any{map[string]string{"type": "FATAL", "text": message}}})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("splunk: ", err))
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
	src, err := provider.Open(metrics.Settings{Name: "splunk-prod", URL: backend.URL, Bearer: metrics.Secret{Value: "hunter2"}, Attempts: 1})
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

func read(t *testing.T, src logs.Source, expr string, w metrics.Window) ([]string, logs.Summary, error) {
	t.Helper()
	var got []string
	summary, err := src.Read(t.Context(), logs.Query{Expr: expr, Window: w}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", rec.Time.UTC().Format("05.000000"), rec.Level, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, summary, err
}

func TestRecords(t *testing.T) {
	t.Parallel()
	const answer = `{"preview":true,"offset":0,"result":{"judged_time":"1767322801","_raw":"a preview"}}
{"preview":false,"messages":[{"type":"WARN","text":"The limit was reached."},{"type":"INFO","text":"x"}]}
{"preview":false,"offset":0,"result":{"judged_time":"1767322801","judged_instance":["p1","p2"],"_raw":"2026-01-02 03:00:01 ERROR refused\n\tat pay"}}
{"preview":false,"offset":1,"result":{"judged_time":"1767322801.500000","judged_instance":null,"_raw":"level=warn msg=late trace_id=4bf92f3577b34da6a3ce929d0e0e4736"}}
{"preview":false,"offset":2,"result":{"judged_rows":"2"}}
{"preview":false,"lastrow":true}
`
	got, summary, err := read(t, open(t, answers(200, answer)), "index=a", window)
	want := []string{"01.000000|error|p1||refused\n\tat pay", "01.500000|warn||4bf92f3577b34da6a3ce929d0e0e4736|late"}
	if err != nil || !slices.Equal(got, want) || !slices.Equal(summary.Warnings, []string{"The limit was reached."}) {
		t.Errorf("got %q, %q and %v, want %q", got, summary.Warnings, err, want)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const one = `{"result":{"judged_time":"1767322801","_raw":"m"}}` + "\n"
	message := func(kind, text string) string {
		return string(mustJSON(map[string]any{"messages": []any{map[string]string{"type": kind, "text": text}}}))
	}
	tests := []struct {
		name     string
		handle   http.HandlerFunc
		reason   metrics.Reason
		contains string
	}{
		{"no last row", answers(200, one), metrics.BadAnswer, "ends after 1 events without its last row"},
		{"a wrong count", answers(200, one+`{"result":{"judged_rows":"2"}}`), metrics.BadAnswer, "1 events and says that there are"},
		{"more after the last row", answers(200, `{"result":{"judged_rows":"0"}}`+one), metrics.BadAnswer, "goes on"},
		{"no time", answers(200, `{"result":{"_raw":"m"}}`), metrics.BadAnswer, "event 1 has the time"},
		{"a time in words", answers(200, `{"result":{"judged_time":"2026-01-02 03:00:01.000 UTC"}}`), metrics.BadAnswer, "no number of seconds"},
		{"a fatal message", answers(200, message("FATAL", "Unknown search command 'foo'.")), metrics.BadQuery, "Unknown search command"},
		{"part of the events", answers(200, message("WARN", "Search results might be incomplete: the search process on peer b ended prematurely.")), metrics.Unavailable, "only part"},
		{"no right", answers(403, message("ERROR", "insufficient permission")), metrics.Denied, "capability search"},
		{"an old Splunk", answers(404, "<html>"), metrics.Misconfigured, "9.0.1"},
		{"no place for the search", answers(503, message("FATAL", "The maximum number of concurrent searches was reached.")), metrics.Unavailable, "concurrent searches"},
	}
	for _, test := range tests {
		got, _, err := read(t, open(t, test.handle), "index=a", window)
		e, ok := errors.AsType[*metrics.Error](err)
		if !ok || e.Reason != test.reason || !strings.Contains(err.Error(), test.contains) || e.Source != "splunk-prod" || e.Query != "index=a" || len(got) > 0 {
			t.Errorf("%s: got %q and %v, want %s and %q", test.name, got, err, test.reason, test.contains)
		}
	}
}

// TestSlices reads hours with a burst of seconds: the requests follow the events,
// not the time.
func TestSlices(t *testing.T) {
	t.Parallel()
	var lines []sourcetest.Line
	add := func(n int, from time.Duration, step time.Duration) {
		for i := range n {
			lines = append(lines, sourcetest.Line{Time: start.Add(from + time.Duration(i)*step), Message: fmt.Sprint("line ", len(lines))})
		}
	}
	add(10, time.Minute, time.Minute)
	add(20*testSlice, 6*time.Hour, 100*time.Microsecond)
	add(10, 12*time.Hour, time.Hour)
	var asked atomic.Int64
	good := server(lines)
	got, summary, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		good.ServeHTTP(w, r)
	})), "index=a", metrics.Window{Start: start, End: start.Add(24 * time.Hour)})
	if err != nil || len(got) != len(lines) || summary.Lines != int64(len(lines)) {
		t.Fatalf("got %d lines and %v, want %d", len(got), err, len(lines))
	}
	for i, l := range got {
		if !strings.HasSuffix(l, fmt.Sprint("|line ", i)) {
			t.Fatalf("line %d is %s", i, l)
		}
	}
	// 20 full slices are 40 half full ones; the burst's edges and the way out of it
	// take about as many again (each request is at most 8 times wider than the last).
	if n := asked.Load(); n > 120 {
		t.Errorf("%d requests for 20 slices' worth of events", n)
	}
	t.Logf("%d requests", asked.Load())
}

func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	lines := make([]sourcetest.Line, 5*testSlice+1)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Second), Message: fmt.Sprint("line ", i)}
	}
	got, _, err := read(t, open(t, server(lines)), "index=a", window)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.TooLarge || !strings.Contains(err.Error(), "2026-01-02T03:00:01.000Z has more than 2500 events") || len(got) > 0 {
		t.Errorf("got %d lines and %v, want TooLarge", len(got), err)
	}
	if got, _, err = read(t, open(t, server(lines[1:])), "index=a", window); err != nil || len(got) != 5*testSlice {
		t.Errorf("got %d lines and %v, want all", len(got), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(body([]sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}})))
	f.Add(`{"result":{"judged_rows":"0"}}`)
	f.Add(`{"result":{"judged_time":["1"],"_raw":[]}}`)
	var text atomic.Pointer[string]
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, *text.Load()) }))
	f.Cleanup(backend.Close)
	src, err := provider.Open(metrics.Settings{URL: backend.URL, Attempts: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		text.Store(&answer)
		got, summary, err := read(t, src, "index=a", window)
		if err == nil && (summary.Lines != int64(len(got)) || !strings.Contains(answer, "judged_rows")) {
			t.Errorf("%q: %d lines, the summary tells %d", answer, len(got), summary.Lines)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := body(benchLines(testSlice))
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer backend.Close()
	src, err := provider.Open(metrics.Settings{URL: backend.URL})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		summary, err := src.Read(b.Context(), logs.Query{Expr: "index=a", Window: window}, func(*logs.Record) error { return nil })
		if err != nil || summary.Lines != testSlice {
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
