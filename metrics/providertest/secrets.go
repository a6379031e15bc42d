package providertest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func (s suite) credentials(t *testing.T) {
	good := s.Wire.Answer(Answer{Grid: grid()})
	for _, c := range s.Wire.Credentials {
		t.Run(c.Name+" is read at use", func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var sent []string
			b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				sent = append(sent, c.Sent(r))
				mu.Unlock()
				write(http.StatusOK, good)(w, r)
			})
			file := filepath.Join(t.TempDir(), "secret")
			put := func(value string) {
				t.Helper()
				if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			put("hunter2-first")
			src := s.open(t, b, func(set *metrics.Settings) { c.Set(set, metrics.Secret{File: file}) })
			for _, value := range []string{"hunter2-first", "hunter2-second"} {
				put(value)
				if _, err := s.ask(t, src); err != nil {
					t.Fatal(err)
				}
			}
			if want := []string{"hunter2-first", "hunter2-second"}; !slices.Equal(sent, want) {
				t.Errorf("the server got %q, want %q", sent, want)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			_, err := s.ask(t, src)
			s.wantError(t, err, metrics.Misconfigured, file)
			put("hunter2-with\nbreak")
			_, err = s.ask(t, src)
			s.wantError(t, err, metrics.Misconfigured, file, "line break")
		})
		t.Run(c.Name+" is missing at the start", func(t *testing.T) {
			t.Parallel()
			settings := metrics.Settings{Name: sourceName, URL: "http://127.0.0.1:9"}
			for _, other := range s.Wire.Credentials {
				if other.Always && other.Name != c.Name {
					other.Set(&settings, metrics.Secret{Value: secretOf(other.Name)})
				}
			}
			c.Set(&settings, metrics.Secret{Env: "JUDGED_TEST_NO_SUCH_VARIABLE"})
			_, err := s.Provider.Open(settings)
			if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Misconfigured {
				t.Fatalf("got %v, want a Misconfigured error", err)
			}
			if !strings.Contains(err.Error(), "JUDGED_TEST_NO_SUCH_VARIABLE") {
				t.Errorf("the error does not say where the secret should be: %v", err)
			}
		})
		// A server, or a debugging proxy, that repeats what it was sent.
		for status, reason := range map[int]metrics.Reason{
			http.StatusBadRequest:   metrics.BadQuery,
			http.StatusUnauthorized: metrics.Denied,
			http.StatusBadGateway:   metrics.Unavailable,
			http.StatusOK:           metrics.BadAnswer,
		} {
			t.Run(fmt.Sprintf("%s is not repeated from a %d", c.Name, status), func(t *testing.T) {
				t.Parallel()
				b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
					echo := fmt.Sprintf("you sent %s: %q", r.URL, r.Header)
					if status == http.StatusOK {
						write(status, []byte(echo))(w, r)
						return
					}
					write(status, s.Wire.Refusal(echo))(w, r)
				})
				src := s.open(t, b, func(set *metrics.Settings) {
					set.Attempts = 1
					c.Set(set, metrics.Secret{Value: secretOf(c.Name)})
				})
				_, err := s.ask(t, src)
				s.wantError(t, err, reason, "you sent")
			})
		}
	}
	t.Run("User-Agent", func(t *testing.T) {
		t.Parallel()
		var agent string
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			agent = r.UserAgent()
			write(http.StatusOK, good)(w, r)
		})
		if _, err := s.ask(t, s.open(t, b, nil)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(agent, "judged/") {
			t.Errorf("User-Agent is %q, want judged/VERSION", agent)
		}
	})
}
