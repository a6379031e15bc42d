package loadgen

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a shop that remembers what it was asked.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

func (r *recorder) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, fmt.Sprintf("%s %s %s", request.Method, request.URL, body))
}

func TestRunSendsTheMixToAllInstances(t *testing.T) {
	var shops [2]recorder
	var targets []string
	for i := range shops {
		server := httptest.NewServer(&shops[i])
		defer server.Close()
		targets = append(targets, server.URL)
	}
	law := Law{Rate: 1000, Period: time.Minute}
	var report strings.Builder
	if err := New(targets, law, 1).Run(t.Context(), 300*time.Millisecond, &report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.String(), "not answered 0, dropped 0") {
		t.Errorf("report: %s", report.String())
	}
	routes := map[string]int{}
	for i := range shops {
		if n := len(shops[i].requests); n < 90 || n > 210 {
			t.Errorf("instance %d got %d requests, want about 150", i, n)
		}
		for _, request := range shops[i].requests {
			path := strings.Fields(request)[1]
			routes[strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '?' })[0]]++
		}
	}
	for _, route := range []string{"products", "product", "cart", "checkout"} {
		if routes[route] == 0 {
			t.Errorf("no request of /%s: %v", route, routes)
		}
	}
}

func TestTheSeedDecidesTheRequests(t *testing.T) {
	draw := func(seed uint64) (drawn []string) {
		g := New([]string{"http://a", "http://b"}, Law{Rate: 1, Period: time.Minute}, seed)
		for range 100 {
			request, err := g.draw(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var body []byte
			if request.Body != nil {
				body, _ = io.ReadAll(request.Body)
			}
			drawn = append(drawn, fmt.Sprintf("%s %s %s", request.Method, request.URL, body))
		}
		return drawn
	}
	first, again, other := draw(1), draw(1), draw(2)
	if strings.Join(first, "\n") != strings.Join(again, "\n") {
		t.Error("the same seed drew different requests")
	}
	if strings.Join(first, "\n") == strings.Join(other, "\n") {
		t.Error("different seeds drew the same requests")
	}
}
