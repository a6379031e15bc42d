package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// server answers with handle and counts its requests.
type server struct {
	*httptest.Server
	requests atomic.Int64
}

func newServer(t *testing.T, handle http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func newClient(t *testing.T, s metrics.Settings, o Options) *Client {
	t.Helper()
	s.Name = "prod"
	c, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func get(t *testing.T, ctx context.Context, c *Client) (*Answer, error) { //nolint:revive // t comes first in helpers
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/data", url.Values{"q": {"1"}}).String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func wantError(t *testing.T, err error, reason metrics.Reason, contains string) {
	t.Helper()
	got, ok := metrics.ReasonOf(err)
	if !ok || got != reason || !strings.Contains(err.Error(), contains) {
		t.Errorf("got  %v\nwant a %q error that says %q", err, reason, contains)
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		method string
		mark   bool
		status int
		want   int64
	}{
		{"GET", http.MethodGet, false, 500, 3},
		{"POST", http.MethodPost, false, 500, 1},
		{"POST that reads", http.MethodPost, true, 500, 3},
		{"408", http.MethodGet, false, 408, 3},
		{"429", http.MethodGet, false, 429, 3},
		{"501", http.MethodGet, false, 501, 1},
		{"599", http.MethodGet, false, 599, 3},
		{"400", http.MethodGet, false, 400, 1},
		{"404", http.MethodGet, false, 404, 1},
		{"409", http.MethodGet, false, 409, 1},
		{"304", http.MethodGet, false, 304, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != "the query" || r.Header.Get("Idempotency-Key") != "" {
					t.Errorf("got the body %q and the headers %v", body, r.Header)
				}
				w.WriteHeader(test.status)
			})
			c := newClient(t, metrics.Settings{URL: s.URL, Attempts: 3}, Options{})
			req, err := http.NewRequestWithContext(t.Context(), test.method, c.URL("/", nil).String(), strings.NewReader("the query"))
			if err != nil {
				t.Fatal(err)
			}
			if test.mark {
				Reads(req)
			}
			answer, err := c.Do(req)
			if err == nil || answer == nil || answer.Status != test.status {
				t.Errorf("got %v and %v, want the answer and an error", answer, err)
			}
			if n := s.requests.Load(); n != test.want {
				t.Errorf("%d requests, want %d", n, test.want)
			}
		})
	}
}

func TestNoPauseBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	})
	c := newClient(t, metrics.Settings{URL: s.URL}, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	_, err := get(t, ctx, c)
	wantError(t, err, metrics.Unavailable, "503 Service Unavailable: busy")
	if took := time.Since(began); took > 10*time.Second || s.requests.Load() != 1 {
		t.Errorf("gave up after %s and %d requests, want at once: the deadline is before the next try", took, s.requests.Load())
	}
}

func TestCanceledWhilePausing(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	})
	c := newClient(t, metrics.Settings{URL: s.URL}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err := get(t, ctx, c)
	wantError(t, err, metrics.Canceled, "the caller gave up; the last answer: GET "+s.URL+"/data answered 503 Service Unavailable: busy")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			http.Error(w, "oops", http.StatusInternalServerError)
		}
	})
	c := newClient(t, metrics.Settings{URL: s.URL, Attempts: 1}, Options{})
	for range breakerAsked {
		_, err := get(t, t.Context(), c)
		wantError(t, err, metrics.Unavailable, "500 Internal Server Error: oops")
	}
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Unavailable, "query prod: unavailable: "+s.URL+" was not asked, because most requests of the last minute failed; the last: GET "+s.URL+"/data answered 500 Internal Server Error: oops (it is tried again in 10s)")
	if n := s.requests.Load(); n != breakerAsked {
		t.Errorf("%d requests, want %d", n, breakerAsked)
	}
	healthy.Store(true)
	c.breaker.HalfOpen()
	if _, err := get(t, t.Context(), c); err != nil {
		t.Error(err)
	}
	if !c.breaker.IsClosed() {
		t.Errorf("the breaker is %s after a success", c.breaker.State())
	}
}

// While one request tries whether the server is back, the others wait for its
// result instead of failing.
func TestOthersWaitForTheTrial(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) })
	c := newClient(t, metrics.Settings{URL: s.URL}, Options{})
	c.breaker.HalfOpen()
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := get(t, t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, path, want string }{
		{"http://h", "/api", "http://h/api?q=1"},
		{"http://h/", "/api", "http://h/api?q=1"},
		{"http://h:9090/a/b/", "/api", "http://h:9090/a/b/api?q=1"},
		{"http://h/a?tenant=x&q=0", "/api", "http://h/a/api?q=1&tenant=x"},
		{"https://[::1]:1", "", "https://[::1]:1?q=1"},
	}
	for _, test := range tests {
		c := newClient(t, metrics.Settings{URL: test.base}, Options{})
		if got := c.URL(test.path, url.Values{"q": {"1"}}).String(); got != test.want {
			t.Errorf("%s + %s is %s, want %s", test.base, test.path, got, test.want)
		}
	}
}

func TestMisconfigured(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	secret := metrics.Secret{Value: "hunter2"}
	tests := []struct {
		name     string
		settings metrics.Settings
		want     string
	}{
		{"no url", metrics.Settings{}, "open prod: misconfigured: the source has no url (an address looks like https://host:port/path)"},
		{"password in the url", metrics.Settings{URL: "https://judge:hunter2@h"}, "the url of h has a user name in it; use basic_user and basic_password"},
		{"not parsed", metrics.Settings{URL: "https://judge:hunter2@h:port"}, "cannot be parsed"},
		{"scheme", metrics.Settings{URL: "localhost:9090"}, `starts with "localhost:", not with http:// or https://`},
		{"negative", metrics.Settings{URL: "http://h", Timeout: -1}, "a limit is negative"},
		{"two ways", metrics.Settings{URL: "http://h", Bearer: secret, BasicUser: "u"}, "basic_user and bearer cannot be used together"},
		{"two ways by header", metrics.Settings{URL: "http://h", Bearer: secret, Headers: map[string]metrics.Secret{"authorization": secret}}, "bearer and the header Authorization cannot be used together"},
		{"password alone", metrics.Settings{URL: "http://h", BasicPassword: secret}, "there is a basic_password without a basic_user"},
		{"header name", metrics.Settings{URL: "http://h", Headers: map[string]metrics.Secret{"a b": secret}}, `"a b" is no header name`},
		{"reserved header", metrics.Settings{URL: "http://h", Headers: map[string]metrics.Secret{"host": secret}}, "the header Host is set by the client itself"},
		{"header without value", metrics.Settings{URL: "http://h", Headers: map[string]metrics.Secret{"X-A": {}}}, "the header X-A has no value"},
		{"header twice", metrics.Settings{URL: "http://h", Headers: map[string]metrics.Secret{"x-a": secret, "X-A": secret}}, "the header X-A is set twice"},
		{"no secret", metrics.Settings{URL: "http://h", Bearer: metrics.Secret{File: empty}}, "the bearer token cannot be read: " + empty + " is empty"},
		{"no CA", metrics.Settings{URL: "http://h", TLS: metrics.TLS{CAFile: "/no/such/ca"}}, "the CA file: stat /no/such/ca: no such file"},
		{"empty CA", metrics.Settings{URL: "http://h", TLS: metrics.TLS{CAFile: empty}}, "has no PEM certificate in it"},
		{"certificate alone", metrics.Settings{URL: "http://h", TLS: metrics.TLS{CertFile: empty}}, "needs both cert_file and key_file"},
		{"bad certificate", metrics.Settings{URL: "http://h", TLS: metrics.TLS{CertFile: empty, KeyFile: empty}}, "the client certificate " + empty},
	}
	for _, test := range tests {
		test.settings.Name = "prod"
		_, err := New(test.settings, Options{})
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		wantError(t, err, metrics.Misconfigured, test.want)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the secret: %v", test.name, err)
		}
	}
}

func TestAnotherHost(t *testing.T) {
	t.Parallel()
	c := newClient(t, metrics.Settings{URL: "http://h"}, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://other/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(req)
	wantError(t, err, metrics.Misconfigured, "will not ask other with the credentials of h")
}

// A vendor's SDK gets whole answers, or an error from which Error finds ours.
func TestHTTPClient(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			http.Error(w, "no such thing", http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Kept", "yes")
		fmt.Fprint(w, "hello")
	})
	c := newClient(t, metrics.Settings{URL: s.URL}, Options{})
	resp, err := c.HTTPClient().Get(s.URL + "/good")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "hello" || resp.StatusCode != http.StatusOK || resp.Header.Get("X-Kept") != "yes" {
		t.Errorf("got %v, %q, %v", resp, body, err)
	}
	_, err = c.HTTPClient().Get(s.URL + "/bad?key=hunter2")
	err = c.Error("the query", err)
	wantError(t, err, metrics.BadQuery, "query prod: the query: bad query: GET "+s.URL+"/bad answered 400 Bad Request: no such thing")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells the address's query: %v", err)
	}
}

func TestErrorOfOthers(t *testing.T) {
	t.Parallel()
	c := newClient(t, metrics.Settings{URL: "http://h", Bearer: metrics.Secret{Value: "hunter2"}}, Options{})
	wantError(t, c.Error("q", errors.New("cannot decode hunter2\x00")), metrics.BadAnswer, "query prod: q: bad answer: cannot decode [secret]�")
	wantError(t, c.Error("q", fmt.Errorf("sdk: %w", context.Canceled)), metrics.Canceled, "the caller gave up")
	wantError(t, c.Error("q", fmt.Errorf("sdk: %w", context.DeadlineExceeded)), metrics.Unavailable, "no answer before the deadline")
	if err := c.Error("q", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		handle http.HandlerFunc
		json   bool
		reason metrics.Reason
		want   string // after "GET URL/data "
	}{
		{"401", answer(401, ""), false, metrics.Denied, "answered 401 Unauthorized (check the source's credentials: are they set, current, and of the kind that the server expects?)"},
		{"403 page", answer(403, "<html><title>\n Access\tDenied\n</title>"), false, metrics.Denied, `answered 403 Forbidden: an HTML page, "Access Denied" (is this the address of a login page or proxy?)`},
		{"414", answer(414, ""), false, metrics.BadQuery, "answered 414 Request URI Too Long (the query is too long for the server or a proxy before it)"},
		{"418", answer(418, "short and stout"), false, metrics.BadAnswer, "answered 418 I'm a teapot: short and stout"},
		{"long", answer(400, strings.Repeat("long ", 1000)), false, metrics.BadQuery, "answered 400 Bad Request: " + strings.TrimSpace(strings.Repeat("long ", 60)) + "…"},
		{"not JSON", answer(200, `{"status":"success","data":[1,2,`), true, metrics.BadAnswer, `answered 200 OK with 32 bytes that are not JSON (unexpected end of JSON input after 32 bytes): {"status":"success","data":[1,2, (the answer is cut off: does a proxy limit its length?)`},
		{"junk", answer(200, "\x1f\x8b\x08"), true, metrics.BadAnswer, "answered 200 OK with 3 bytes that are not JSON (invalid character '\\x1f' looking for beginning of value after 1 byte): ���"},
		{"nothing", answer(200, ""), true, metrics.BadAnswer, "answered 200 OK with nothing (is the path of the source's url right?)"},
		{"no content", answer(204, ""), true, metrics.BadAnswer, "answered 204 No Content with nothing"},
		{"encoding", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") }, false, metrics.BadAnswer, `answered in the encoding "br", which was not asked for`},
		{"bad gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "this is no gzip at all")
		}, false, metrics.BadAnswer, "the compressed answer is corrupt after 0 bytes: gzip: invalid header"},
		{"too long by its own account", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99999999")
			_ = http.NewResponseController(w).Flush()
		}, false, metrics.TooLarge, "answered with more than 1 MiB (aggregate the query"},
		{"garbled headers", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "\x15\x03\x01\x00\x02\x02\n")
				conn.Close()
			}
		}, false, metrics.BadAnswer, "(what answers there does not speak HTTP: is it https:// or another port?)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, test.handle)
			c := newClient(t, metrics.Settings{URL: s.URL, Attempts: 1, MaxResponseBytes: 1 << 20}, Options{JSON: test.json})
			_, err := get(t, t.Context(), c)
			wantError(t, err, test.reason, test.want)
			if prefix := "query prod: " + test.reason.String() + ": GET " + s.URL + "/data"; err != nil && !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("the error does not begin with %q: %v", prefix, err)
			}
		})
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	s := newServer(t, answer(200, "{}"))
	c := newClient(t, metrics.Settings{URL: s.URL, Bearer: metrics.Secret{Value: "hunter2"}}, Options{})
	a, err := get(t, t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the cause")
	err = a.Fail(metrics.BadAnswer, "hunter2 is not what was asked for", cause, "ask again")
	wantError(t, err, metrics.BadAnswer, "GET "+s.URL+"/data answered 200 OK: [secret] is not what was asked for (ask again)")
	if !errors.Is(err, cause) {
		t.Errorf("%v does not wrap its cause", err)
	}
}
