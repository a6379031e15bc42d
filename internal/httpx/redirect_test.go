package httpx

import (
	"net/http"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

// A 302 turns a POST into a GET without its form: the answer would be one to
// another question.
func TestRedirectThatDropsTheQuery(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login?next=secret", http.StatusFound)
	})
	c := newClient(t, metrics.Settings{URL: s.URL}, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL("/query", nil).String(), strings.NewReader("query=up"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(Reads(req))
	wantError(t, err, metrics.Misconfigured, "POST "+s.URL+"/query redirects to "+s.URL+"/login in a way that drops the query (set the source's url to the final address;")
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
