package providertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func (s suite) failures(t *testing.T) {
	good := s.Wire.Answer(Answer{Grid: grid(), Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: points(counting())}}})
	want := map[string][]float64{"a": counting()}
	twice := func(set *metrics.Settings) { set.Attempts = 2 }
	const message = "parse error at char 7: no such thing"

	// once fails the first request and answers all others.
	once := func(fail http.HandlerFunc) http.HandlerFunc {
		var failed atomic.Bool
		return func(w http.ResponseWriter, r *http.Request) {
			if failed.CompareAndSwap(false, true) {
				fail(w, r)
				return
			}
			write(http.StatusOK, good)(w, r)
		}
	}
	for name, first := range map[string]http.HandlerFunc{
		"500":                      write(http.StatusInternalServerError, []byte("oops")),
		"502":                      write(http.StatusBadGateway, []byte("<html><title>Bad Gateway</title></html>")),
		"503":                      write(http.StatusServiceUnavailable, nil),
		"504":                      write(http.StatusGatewayTimeout, nil),
		"408":                      write(http.StatusRequestTimeout, nil),
		"a connection that breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an answer that breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:len(good)/2])
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run("once "+name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, once(first))
			result, err := s.ask(t, s.open(t, b, nil))
			if err != nil {
				t.Fatal(err)
			}
			s.compare(t, result, want)
			if n := b.requests.Load(); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
	for name, value := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run("once 429 with Retry-After in "+name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, once(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", value())
				write(http.StatusTooManyRequests, s.Wire.Refusal("slow down"))(w, r)
			}))
			began := time.Now()
			result, err := s.ask(t, s.open(t, b, nil))
			if err != nil {
				t.Fatal(err)
			}
			s.compare(t, result, want)
			if took := time.Since(began); took < 900*time.Millisecond {
				t.Errorf("came back after %s, want no earlier than Retry-After said", took)
			}
		})
	}

	page := []byte("<!DOCTYPE html>\n<html><head><title>Sign in &amp; go on</title></head><body>Please</body></html>")
	lasting := []struct {
		name     string
		handle   http.HandlerFunc
		reason   metrics.Reason
		contains []string
		requests int64 // 0: any number
	}{
		{"400", write(http.StatusBadRequest, s.Wire.Refusal(message)), metrics.BadQuery, []string{"400 Bad Request", message}, 1},
		{"422", write(http.StatusUnprocessableEntity, s.Wire.Refusal(message)), metrics.BadQuery, []string{message}, 1},
		{"400 in plain text", write(http.StatusBadRequest, []byte("no\x1b[31m such\x00\r\n thing\u202e")), metrics.BadQuery, []string{"no�[31m such� thing�"}, 1},
		{"401", write(http.StatusUnauthorized, s.Wire.Refusal("who are you")), metrics.Denied, []string{"401 Unauthorized", "who are you"}, 0},
		{"403", write(http.StatusForbidden, s.Wire.Refusal("go away")), metrics.Denied, []string{"403 Forbidden", "go away"}, 0},
		{"404", write(http.StatusNotFound, []byte("404 page not found")), metrics.Misconfigured, []string{"404 Not Found", "url"}, 1},
		{"429 for ever", write(http.StatusTooManyRequests, s.Wire.Refusal("slow down")), metrics.Throttled, []string{"slow down", "tried 2 times"}, 2},
		{"429 for an hour", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			write(http.StatusTooManyRequests, nil)(w, r)
		}, metrics.Throttled, []string{"1h"}, 1},
		{"500 for ever", write(http.StatusInternalServerError, []byte("oops")), metrics.Unavailable, []string{"500 Internal Server Error", "oops", "tried 2 times"}, 2},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(page)
		}, metrics.BadAnswer, []string{"HTML page", "Sign in & go on", "login page or proxy"}, 1},
		{"HTML without its type", write(http.StatusOK, page), metrics.BadAnswer, []string{"HTML page"}, 1},
		{"an empty answer", write(http.StatusOK, nil), metrics.BadAnswer, nil, 1},
		{emptyObject, write(http.StatusOK, []byte("{}")), metrics.BadAnswer, nil, 1},
		{"another type", write(http.StatusOK, []byte(`"fine"`)), metrics.BadAnswer, nil, 1},
		{"a cut answer", write(http.StatusOK, good[:len(good)-5]), metrics.BadAnswer, nil, 1},
		{"half an answer", write(http.StatusOK, good[:len(good)/2]), metrics.BadAnswer, nil, 1},
		{"an answer with a tail", write(http.StatusOK, append(slices.Clip(good), `<!-- proxied -->`...)), metrics.BadAnswer, nil, 1},
		{"an answer that always breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(2*len(good)))
			_, _ = w.Write(good)
		}, metrics.BadAnswer, []string{"breaks off", "tried 2 times"}, 2},
		{"a connection that always breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, metrics.Unavailable, []string{"tried 2 times"}, 2},
		{"a redirect to a login page", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://login.example.com/sign-in?token=hunter2", http.StatusFound)
		}, metrics.Misconfigured, []string{"redirects to another host, http://login.example.com/sign-in", "login page"}, 1},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, metrics.Misconfigured, []string{"redirects more than"}, 0},
	}
	if s.Wire.ErrorInSuccess != nil {
		lasting = append(lasting, struct {
			name     string
			handle   http.HandlerFunc
			reason   metrics.Reason
			contains []string
			requests int64
		}{"an error in a success", write(http.StatusOK, s.Wire.ErrorInSuccess(message)), metrics.BadQuery, []string{message}, 1})
	}
	for _, test := range lasting {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == emptyObject && slices.Contains(s.Lacks, EmptyObject) {
				t.Skip("the backend lacks ", EmptyObject)
			}
			b := newBackend(t, test.handle)
			result, err := s.ask(t, s.open(t, b, twice))
			s.wantError(t, err, test.reason, test.contains...)
			if len(result.Series) > 0 {
				t.Errorf("an error came with %d series", len(result.Series))
			}
			if n := b.requests.Load(); test.requests > 0 && n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
		})
	}

	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t, write(http.StatusOK, good))
		src := s.open(t, b, twice)
		b.Close()
		_, err := s.ask(t, src)
		s.wantError(t, err, metrics.Unavailable, "refused", "is it running")
	})
	t.Run("a redirect within the host", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("moved") {
				write(http.StatusOK, good)(w, r)
				return
			}
			query := r.URL.Query()
			query.Set("moved", "yes")
			http.Redirect(w, r, r.URL.Path+"?"+query.Encode(), http.StatusTemporaryRedirect)
		})
		result, err := s.ask(t, s.open(t, b, nil))
		if err != nil {
			t.Fatal(err)
		}
		s.compare(t, result, want)
	})
	t.Run("a redirect to another port", func(t *testing.T) {
		t.Parallel()
		var visited atomic.Bool
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Store(true) }))
		t.Cleanup(other.Close)
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		})
		_, err := s.ask(t, s.open(t, b, nil))
		s.wantError(t, err, metrics.Misconfigured, "another host")
		if visited.Load() {
			t.Error("the other host was asked")
		}
	})
	t.Run("a broken server is left alone", func(t *testing.T) {
		t.Parallel()
		b := newBackend(t, write(http.StatusInternalServerError, []byte("oops")))
		src := s.open(t, b, twice)
		var err error
		for range 30 {
			_, err = s.ask(t, src)
		}
		s.wantError(t, err, metrics.Unavailable, "was not asked", "oops")
		if n := b.requests.Load(); n > 20 {
			t.Errorf("%d requests in a row to a server that only fails", n)
		}
	})
	t.Run("refused queries do not close the source", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int64
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 30 {
				write(http.StatusOK, good)(w, r)
				return
			}
			write(http.StatusBadRequest, s.Wire.Refusal(message))(w, r)
		})
		src := s.open(t, b, nil)
		for range 30 {
			_, err := s.ask(t, src)
			s.wantError(t, err, metrics.BadQuery)
		}
		if _, err := s.ask(t, src); err != nil {
			t.Error(err)
		}
	})
	t.Run("a source without a usable url", func(t *testing.T) {
		t.Parallel()
		for _, address := range []string{"ftp://h/", "http://", "://", "http://user:hunter2@h/", "http://h/%zz", "h:9090", "http://h/#hunter2"} {
			settings := metrics.Settings{Name: sourceName, URL: address}
			for _, c := range s.Wire.Credentials {
				if c.Always {
					c.Set(&settings, metrics.Secret{Value: secretOf(c.Name)})
				}
			}
			_, err := s.Provider.Open(settings)
			if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Misconfigured {
				t.Errorf("%s: got %v, want a Misconfigured error", address, err)
			}
			wantNoSecrets(t, err)
			if err != nil && !strings.Contains(err.Error(), sourceName) {
				t.Errorf("the error does not name the source: %v", err)
			}
		}
	})
}

// emptyObject is the one answer that is right for some backends.
const emptyObject = "an empty object"
