package httpx

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/metrics"
)

// What a backend counts is requests: every try is one.
func TestBudgetCountsTries(t *testing.T) {
	t.Parallel()
	s := newServer(t, answer(500, "oops"))
	c := newClient(t, metrics.Settings{URL: s.URL, Attempts: 2, RequestsPerDay: 3}, Options{})
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Unavailable, "500 Internal Server Error: oops (tried 2 times)")
	if l := c.Load(); l != (metrics.Load{Requests: 2, BudgetLeft: 1}) {
		t.Errorf("the load is %+v, want 2 requests and 1 left", l)
	}
	_, err = get(t, t.Context(), c)
	host := strings.TrimPrefix(s.URL, "http://")
	wantError(t, err, metrics.Throttled, "query prod: throttled: "+host+" was not asked: the budget of 3 requests a day is spent; there is room again at ")
	wantError(t, err, metrics.Throttled, "; the last answer: GET "+s.URL+"/data answered 500 Internal Server Error: oops (raise the source's requests_per_day")
	if n := s.requests.Load(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	_, err = get(t, t.Context(), c)
	wantError(t, err, metrics.Throttled, host+" was not asked")
}

// A request that the breaker holds back is none that the backend counts.
func TestBreakerSpendsNoBudget(t *testing.T) {
	t.Parallel()
	s := newServer(t, answer(200, ""))
	c := newClient(t, metrics.Settings{URL: s.URL, RequestsPerDay: 5}, Options{})
	c.breaker.Open()
	for range 10 {
		_, err := get(t, t.Context(), c)
		wantError(t, err, metrics.Unavailable, "was not asked, because most requests of the last minute failed")
	}
	if l := c.Load(); l.Requests != 0 || l.BudgetLeft != 5 {
		t.Errorf("the load is %+v, want nothing spent", l)
	}
}

func TestMaxWait(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := newClient(t, metrics.Settings{URL: s.URL, Concurrency: 1, MaxWait: 50 * time.Millisecond}, Options{})
	ctx, cancel := context.WithCancel(fetch.WithOwner(t.Context(), "one"))
	var all sync.WaitGroup
	all.Go(func() { _, _ = get(t, ctx, c) })
	<-arrived
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Unavailable, "it had no turn within 0s: it waited for a free place, the source's concurrency is 1 (0 more requests wait for this source: raise its concurrency")
	if l := c.Load(); l.InFlight != 1 || l.Waiting != 0 {
		t.Errorf("the load is %+v, want one under way", l)
	}
	cancel()
	all.Wait()
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	s := newServer(t, answer(200, ""))
	c := newClient(t, metrics.Settings{URL: s.URL, RequestsPerSecond: 0.001, Burst: 2}, Options{})
	for range 2 {
		if _, err := get(t, t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Throttled, "after 1m0s that it may wait; the source's requests_per_second is 0.001 (raise requests_per_second as far as the backend allows")
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestImpossibleRates(t *testing.T) {
	t.Parallel()
	for _, s := range []metrics.Settings{
		{RequestsPerSecond: -1}, {RequestsPerSecond: nan}, {RequestsPerSecond: inf}, {Burst: -1}, {RequestsPerDay: -1}, {MaxWait: -1},
	} {
		s.URL = "http://h"
		if _, err := New(s, Options{}); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
