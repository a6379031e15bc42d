package cloudwatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// TestMain names the region, which addresses of tests do not.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ENDPOINT_URL_STS": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic("cloudwatch: " + err.Error())
		}
	}
	os.Exit(m.Run())
}

const keyID = "AKIDEXAMPLE"

// testBytes is the limit of an answer here, where the suite sets none and sends
// endless ones.
const testBytes = 8 << 20

// testPage is how many events a page has here: the suite reads many pages.
const testPage = 500

// provider opens sources that ask for small pages, as quickly as they go.
var provider = logs.Provider{Name: "cloudwatch", Expand: Expand, Open: func(s metrics.Settings) (logs.Source, error) {
	s.RequestsPerSecond = 1e6
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, testBytes)
	src, err := Open(s)
	if err == nil {
		src.(*source).limit = testPage
	}
	return src, err
}}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Harness{
		Provider:   provider,
		Query:      `/aws/ecs/checkout: {$.version = "v1.9.0"}`,
		Answer:     func(lines []sourcetest.Line) []byte { return body(lines, "") },
		Server:     server,
		PageLines:  testPage,
		Resolution: time.Millisecond,
		Refusal: func(message string) []byte {
			return mustJSON(map[string]string{"__type": "com.amazonaws.logs#InvalidParameterException", "message": message})
		},
		Endless: func() (head, piece []byte) {
			return []byte(`{"events":[`), append(mustJSON(eventOf(sourcetest.Line{Time: start, Instance: "a", Message: "counted 1"})), ',')
		},
		Credentials: []providertest.Credential{{
			Name: "secret access key", Always: true,
			Set: func(s *metrics.Settings, v metrics.Secret) { s.BasicUser, s.BasicPassword = keyID, v },
			Sent: func(r *http.Request) string {
				for _, secret := range []string{"hunter2-first", "hunter2-second"} {
					if signedWith(r, keys{id: keyID, secret: secret}) {
						return secret
					}
				}
				return "another one"
			},
		}},
		Templates: []providertest.Template{
			template(`/aws/ecs/${value}: {$.a = "b"}`, `^[A-Za-z0-9_./#-]+$`),
			template(`/aws/ecs/checkout: {$.version = "${value}"}`, `^[^"\\*%\x00-\x1f\x7f]+$`),
			template(`/aws/ecs/checkout: "text ${value} text" -other`, `^[^"\\*%\x00-\x1f\x7f]+$`),
			template(`/aws/ecs/checkout: {$.version = ${value}}`, `^[A-Za-z0-9_]+$`, "a", "checkout", "v18"),
		},
		// Pages have as many events as fit into a megabyte, whoever asks.
		Lacks: []sourcetest.Feature{},
	})
}

func template(query, allowed string, accepts ...string) providertest.Template {
	re := regexp.MustCompile(allowed)
	return providertest.Template{Query: query, Accepts: accepts, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want %s", want)
		}
		if !re.MatchString(value) {
			return errors.New("it has characters with a meaning in the filter pattern")
		}
		return nil
	}}
}

func FuzzExpand(f *testing.F) {
	f.Add(`/g/${v}: {$.a = "b"}`, ": x")
	f.Add(`/g: {$.a = "${v}"}`, `" || $.b = "`)
	f.Add(`/g: ${v}`, "?x")
	f.Fuzz(func(t *testing.T, query, value string) {
		out, err := Expand(query, map[string]string{"v": value})
		if err != nil || strings.Count(query, "${v}") != 1 || strings.Contains(query, "$${") {
			return
		}
		plain, err := Expand(query, map[string]string{"v": "x"})
		if err != nil {
			t.Fatalf("%q is refused where %q is not: %v", "x", value, err)
		}
		for _, mark := range []string{`"`, `\`, "*", "%", separator} {
			if strings.Count(out, mark) != strings.Count(plain, mark) && (mark != separator || strings.Index(out, mark) < strings.Index(plain, mark)) {
				t.Errorf("the value %q changes the shape of %q: %q", value, query, out)
			}
		}
	})
}

func TestSplit(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/ecs/checkout"
	for expr, want := range map[string][2]string{
		"/a/b":                  {"/a/b", ""},
		" /a/b: ":               {"/a/b", ""},
		`/a/b: {$.x = "y: z"}`:  {"/a/b", `{$.x = "y: z"}`},
		arn:                     {arn, ""},
		arn + `: "level=error"`: {arn, `"level=error"`},
		": x":                   {"", "x"},
		"":                      {"", ""},
	} {
		if group, pattern := split(expr); group != want[0] || pattern != want[1] {
			t.Errorf("%s: got %q and %q, want %q", expr, group, pattern, want)
		}
	}
}

// signedWith reports whether the request is signed with these keys.
func signedWith(r *http.Request, k keys) bool {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	same := r.Clone(context.Background())
	same.URL.Host = r.Host
	sign(same, text, k, "eu-central-1", "logs", at)
	return same.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// server answers as CloudWatch does: sorted by time, at most 10,000 events or a
// megabyte a page, a token for the next page while there are more.
func server(lines []sourcetest.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(kind, text string) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(mustJSON(map[string]string{"__type": kind, "message": text}))
		}
		var ask request
		err := json.NewDecoder(r.Body).Decode(&ask)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "Logs_20140328.FilterLogEvents" ||
			r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || (ask.LogGroupName == "") == (ask.LogGroupIdentifier == "") ||
			ask.Limit < 1 || ask.Limit > 10_000 {
			refuse("InvalidParameterException", "unexpected request")
			return
		}
		var found []sourcetest.Line
		for _, l := range lines {
			if at := l.Time.UnixMilli(); at >= ask.StartTime && at <= ask.EndTime {
				found = append(found, l)
			}
		}
		first := 0
		if ask.NextToken != "" {
			if first, err = strconv.Atoi(strings.TrimPrefix(ask.NextToken, "Bxkq6kVGFtq2y_Moigeqscgp")); err != nil || first > len(found) {
				refuse("InvalidParameterException", "The specified nextToken is invalid.")
				return
			}
		}
		end, size := first, 0
		for end < len(found) && end-first < ask.Limit && size < 1<<20 {
			size += len(found[end].Message) + 26
			end++
		}
		next := ""
		if end < len(found) {
			next = "Bxkq6kVGFtq2y_Moigeqscgp" + strconv.Itoa(end)
		}
		_, _ = w.Write(body(found[first:end], next))
	})
}

func body(lines []sourcetest.Line, next string) []byte {
	events := []any{}
	for _, l := range lines {
		events = append(events, eventOf(l))
	}
	out := map[string]any{"events": events, "searchedLogStreams": []any{}}
	if next != "" {
		out["nextToken"] = next
	}
	return mustJSON(out)
}

// eventOf writes a line as a container does that logs JSON where that says more.
func eventOf(l sourcetest.Line) map[string]any {
	message := l.Message
	if l.Level != logs.NoLevel || l.Trace != "" {
		fields := map[string]string{"level": l.Level.String(), "msg": l.Message}
		if l.Trace != "" {
			fields["trace_id"] = l.Trace
		}
		message = string(mustJSON(fields))
	}
	return map[string]any{
		"eventId": fmt.Sprintf("%x", l.Instance+l.Message[:min(len(l.Message), 40)]), "ingestionTime": l.Time.UnixMilli() + 1500,
		"logStreamName": l.Instance, "timestamp": l.Time.UnixMilli(), "message": message,
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("cloudwatch: ", err))
	}
	return b
}

var (
	start  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window = metrics.Window{Start: start, End: start.Add(time.Minute)}
)

// open returns a source that does not wait before it asks again.
func open(t *testing.T, handler http.Handler, s metrics.Settings) *source {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	s.Name, s.URL, s.Attempts = "aws", backend.URL, 3
	src, err := provider.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	out := src.(*source)
	out.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return out
}

var given = metrics.Settings{BasicUser: keyID, BasicPassword: metrics.Secret{Value: "hunter2-secret"}}

func answers(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}
}

func read(t *testing.T, src logs.Source, expr string) ([]string, logs.Summary, error) {
	t.Helper()
	var got []string
	summary, err := src.Read(t.Context(), logs.Query{Expr: expr, Window: window}, func(rec *logs.Record) error {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", rec.Time.UTC().Format("05.000"), rec.Level, rec.Instance, rec.Trace, rec.Message))
		return nil
	})
	return got, summary, err
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got []string
	src := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signedWith(r, keys{id: keyID, secret: "hunter2-secret"}) {
			t.Error("the request is not signed with the settings' key")
		}
		text, _ := io.ReadAll(r.Body)
		got = append(got, string(text))
		fmt.Fprint(w, `{"events":[]}`)
	}), given)
	for _, expr := range []string{`/g: {$.a = "b"}`, "arn:aws:logs:eu-central-1:1:log-group:/g"} {
		if _, _, err := read(t, src, expr); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`{"logGroupName":"/g","filterPattern":"{$.a = \"b\"}","startTime":1767322800000,"endTime":1767322860001,"limit":500}`,
		`{"logGroupIdentifier":"arn:aws:logs:eu-central-1:1:log-group:/g","startTime":1767322800000,"endTime":1767322860001,"limit":500}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	_, _, err := read(t, src, ": x")
	if reason, _ := metrics.ReasonOf(err); reason != metrics.BadQuery || !strings.Contains(err.Error(), "GROUP: PATTERN") {
		t.Errorf("got %v, want BadQuery", err)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	const answer = `{"events":[
		{"eventId":"1","logStreamName":"ecs/checkout/0a1b","timestamp":1767322801500,"message":"2026-01-02 02:59:59 ERROR refused\n\tat pay\n"},
		{"eventId":"2","logStreamName":"ecs/checkout/0a1b","timestamp":1767322802000,"message":"{\"level\":\"warn\",\"msg\":\"late\",\"pod\":\"p\"}"}]}`
	got, summary, err := read(t, open(t, answers(200, answer), given), "/g")
	want := []string{"01.500|error|ecs/checkout/0a1b||refused\n\tat pay", "02.000|warn|p||late"}
	if err != nil || !slices.Equal(got, want) || summary.Lines != 2 {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	refusal := func(kind, message string) http.HandlerFunc {
		return answers(400, string(mustJSON(map[string]string{"__type": kind, "message": message})))
	}
	tests := []struct {
		name     string
		handle   http.HandlerFunc
		reason   metrics.Reason
		contains string
		requests int64
	}{
		{"too many", refusal("ThrottlingException", "Rate exceeded"), metrics.Throttled, "quota of FilterLogEvents", 3},
		{"no group", refusal("com.x#ResourceNotFoundException", "The specified log group does not exist."), metrics.BadQuery, "is there a log group", 1},
		{"no right", refusal("AccessDeniedException", "User: x is not authorized"), metrics.Denied, "logs:FilterLogEvents", 1},
		{"an unknown key", refusal("UnrecognizedClientException", "The security token included in the request is invalid."), metrics.Denied, "of one pair", 1},
		{"an ended session", refusal("ExpiredTokenException", "The security token included in the request is expired"), metrics.Denied, "AWS_SESSION_TOKEN", 3},
		{"a wrong clock", refusal("InvalidSignatureException", "Signature expired: 20150830T123600Z is now earlier than 20150830T124100Z"), metrics.Denied, "clock", 3},
		{
			"a wrong signature", refusal("InvalidSignatureException", "The request signature we calculated does not match.\n\nThe Canonical String should have been\n'POST hunter2'"),
			metrics.Denied, "does not match", 1,
		},
		{"a wrong pattern", refusal("InvalidParameterException", "Invalid filter pattern"), metrics.BadQuery, "Invalid filter pattern", 1},
		{"no list", answers(200, `{"searchedLogStreams":[]}`), metrics.BadAnswer, "no list of events", 1},
		{"no time", answers(200, `{"events":[{"eventId":"1"}]}`), metrics.BadAnswer, "event 0 has no timestamp", 1},
		{"another type", answers(200, `{"events":{}}`), metrics.BadAnswer, "not a page of log events", 1},
		{"the same token for ever", answers(200, `{"events":[],"nextToken":"x"}`), metrics.BadAnswer, "never end", 2},
	}
	for _, test := range tests {
		var asked atomic.Int64
		got, _, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			test.handle(w, r)
		}), given), "/g")
		e, ok := errors.AsType[*metrics.Error](err)
		if !ok || e.Reason != test.reason || !strings.Contains(err.Error(), test.contains) || e.Source != "aws" || e.Query != "/g" || len(got) > 0 {
			t.Errorf("%s: got %q and %v, want %s and %q", test.name, got, err, test.reason, test.contains)
		}
		if asked.Load() != test.requests || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %d requests, want %d: %v", test.name, asked.Load(), test.requests, err)
		}
	}
}

// TestThrottled: AWS says with a status of 400 that it is too much now.
func TestThrottled(t *testing.T) {
	t.Parallel()
	good, asked := server([]sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}}), 0
	src := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			answers(400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}), given)
	var pauses []time.Duration
	src.wait = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}
	got, _, err := read(t, src, "/g")
	if err != nil || len(got) != 1 || !slices.Equal(pauses, []time.Duration{time.Second, 2 * time.Second}) {
		t.Errorf("got %q, %v after pauses of %v", got, err, pauses)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked, src.wait = 0, func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	_, err = src.Read(ctx, logs.Query{Expr: "/g", Window: window}, func(*logs.Record) error { return nil })
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

// TestExpiredTokens forgets next tokens, in floods of events of one millisecond.
func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	lines := make([]sourcetest.Line, 1750)
	for i := range lines {
		lines[i] = sourcetest.Line{Time: start.Add(time.Duration(1+i/850) * time.Second), Message: fmt.Sprint("line ", i)}
	}
	ids := map[string]bool{}
	good, asked := server(lines), atomic.Int64{}
	got, summary, err := read(t, open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%3 == 0 {
			answers(400, `{"__type":"InvalidParameterException","message":"The specified nextToken has expired."}`)(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}), given), "/g")
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

func TestPlace(t *testing.T) {
	for _, test := range []struct{ url, env, wantURL, wantRegion string }{
		{"https://logs.eu-central-1.amazonaws.com", "", "https://logs.eu-central-1.amazonaws.com", "eu-central-1"},
		{"https://logs-fips.us-gov-west-1.amazonaws.com/", "eu-west-1", "https://logs-fips.us-gov-west-1.amazonaws.com/", "us-gov-west-1"},
		{"https://logs.cn-north-1.amazonaws.com.cn", "", "https://logs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"https://vpce-0a1b-2c.logs.us-east-1.vpce.amazonaws.com", "", "https://vpce-0a1b-2c.logs.us-east-1.vpce.amazonaws.com", "us-east-1"},
		{"https://logs.us-east-2.api.aws", "", "https://logs.us-east-2.api.aws", "us-east-2"},
		{"http://localhost:4566", "us-east-1", "http://localhost:4566", "us-east-1"},
		{"https://logs.eu-central-1.amazonaws.com.evil.example", "us-east-1", "https://logs.eu-central-1.amazonaws.com.evil.example", "us-east-1"},
		{"", "us-east-1", "https://logs.us-east-1.amazonaws.com", "us-east-1"},
		{"", "cn-north-1", "https://logs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"http://localhost:4566", "", "", ""},
		{"", "x/../y", "", ""},
	} {
		t.Setenv("AWS_REGION", test.env)
		got, err := placeOf(test.url)
		if got.url != test.wantURL || got.region != test.wantRegion || (err != nil) != (test.wantRegion == "") {
			t.Errorf("%q, %q: got %+v and %v, want %s in %s", test.url, test.env, got, err, test.wantURL, test.wantRegion)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"events":[{"eventId":"1","timestamp":1767322801500,"message":"m"}]}`)
	f.Add(400, `{"events":[],"nextToken":"x"}`)
	type answer struct {
		status int
		text   string
	}
	var next atomic.Pointer[answer]
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers(next.Load().status, next.Load().text)(w, r) }))
	f.Cleanup(backend.Close)
	f.Fuzz(func(t *testing.T, status int, text string) {
		next.Store(&answer{200 + max(0, status)%400, text})
		src, err := provider.Open(metrics.Settings{URL: backend.URL, BasicUser: keyID, BasicPassword: metrics.Secret{Value: "a"}, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		summary, err := src.Read(t.Context(), logs.Query{Expr: "/g", Window: window}, func(rec *logs.Record) error {
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
	text := body(benchLines(pageEvents), "")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer backend.Close()
	src, err := provider.Open(metrics.Settings{URL: backend.URL, BasicUser: keyID, BasicPassword: metrics.Secret{Value: "a"}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		summary, err := src.Read(b.Context(), logs.Query{Expr: "/g", Window: window}, func(*logs.Record) error { return nil })
		if err != nil || summary.Lines != pageEvents {
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
