package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func enter(t *testing.T, ctx context.Context, g *Gate) func(bool) { //nolint:revive // t comes first in helpers
	t.Helper()
	leave, err := g.Enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func wantLimitError(t *testing.T, err error, reason metrics.Reason, says ...string) *LimitError {
	t.Helper()
	r, ok := errors.AsType[*LimitError](err)
	if !ok || r.Reason != reason {
		t.Fatalf("got %v, want a LimitError that is %q", err, reason)
	}
	for _, text := range says {
		if all := r.Text + " (" + r.Hint + ")"; !strings.Contains(all, text) {
			t.Errorf("the refusal does not say %q: %s", text, all)
		}
	}
	return r
}

// An owner of many requests has every second turn beside an owner of few.
func TestTurnsGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 1})
		first := enter(t, t.Context(), g)
		var (
			mu     sync.Mutex
			served []string
			all    sync.WaitGroup
		)
		ask := func(owner, name string) {
			all.Go(func() {
				leave := enter(t, WithOwner(t.Context(), owner), g)
				mu.Lock()
				served = append(served, name)
				mu.Unlock()
				leave(true)
			})
			synctest.Wait() // they come one after the other
		}
		for i := range 5 {
			ask("large", fmt.Sprint("large", i))
		}
		for i := range 2 {
			ask("small", fmt.Sprint("small", i))
		}
		ask("third", "third0")
		if l := g.Load(); l.InFlight != 1 || l.Waiting != 8 || l.Requests != 1 {
			t.Errorf("the load is %+v, want 1 under way and 8 waiting", l)
		}
		first(true)
		all.Wait()
		want := []string{"large0", "small0", "third0", "large1", "small1", "large2", "large3", "large4"}
		if !slices.Equal(served, want) {
			t.Errorf("served %v, want %v", served, want)
		}
		if l := g.Load(); l != (metrics.Load{Requests: 9, BudgetLeft: -1}) {
			t.Errorf("the load is %+v, want 9 requests and nothing else", l)
		}
		if len(g.turns.lines)+len(g.turns.round) > 0 {
			t.Errorf("empty lines are kept: %v", g.turns)
		}
	})
}

// Whoever joins a query stands in line for it too, and does not have to wait
// for what its first owner asked before.
func TestOwnersWhoJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 1})
		first := enter(t, t.Context(), g)
		var (
			mu     sync.Mutex
			served []int
			all    sync.WaitGroup
		)
		var last *owners
		for i := range 10 {
			on := &owners{ids: []string{"large"}}
			last = on
			all.Go(func() {
				leave := enter(t, context.WithValue(t.Context(), ownersKey{}, on), g)
				mu.Lock()
				served = append(served, i)
				mu.Unlock()
				leave(true)
			})
			synctest.Wait()
		}
		if !last.areWaiting() {
			t.Error("the last request does not know that it waits")
		}
		last.add(&owners{ids: []string{"small"}})
		last.add(&owners{ids: []string{"small"}})
		first(true)
		all.Wait()
		if want := []int{0, 9, 1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(served, want) {
			t.Errorf("served %v, want %v", served, want)
		}
		if last.areWaiting() {
			t.Error("the last request still waits")
		}
		for i := range 100 {
			last.add(&owners{ids: []string{fmt.Sprint(i)}})
		}
		if len(last.ids) != mostOwners {
			t.Errorf("%d owners, want at most %d", len(last.ids), mostOwners)
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 2, MaxWait: 30 * time.Second})
		first, second := enter(t, t.Context(), g), enter(t, t.Context(), g)
		began := time.Now()
		_, err := g.Enter(t.Context())
		r := wantLimitError(t, err, metrics.Unavailable, "it had no turn within 30s: it waited for a free place, the source's concurrency is 2", "raise its concurrency")
		if took := time.Since(began); took != 30*time.Second || r.Unwrap() != nil {
			t.Errorf("waited %s, want 30 s; caused by %v", took, r.Unwrap())
		}

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = g.Enter(ctx)
		wantLimitError(t, err, metrics.Unavailable, "it waited for a free place, the source's concurrency is 2")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is not context.DeadlineExceeded", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = g.Enter(ctx)
		wantLimitError(t, err, metrics.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		// An ended context gets no place, free or not.
		first(true)
		_, err = g.Enter(ctx)
		wantLimitError(t, err, metrics.Canceled)
		second(true)
		if l := g.Load(); l.InFlight != 0 || l.Waiting != 0 || g.free != 2 || len(g.turns.lines) > 0 {
			t.Errorf("who gave up left something behind: %+v, %d places", l, g.free)
		}
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 10, PerSecond: 2.5, MaxWait: 10 * time.Second})
		began := time.Now()
		var at []time.Duration
		for range 6 {
			enter(t, t.Context(), g)(true)
			at = append(at, time.Since(began))
		}
		// The burst is 2.5 rounded up; then one every 400 ms.
		want := []time.Duration{0, 0, 0, 400 * time.Millisecond, 800 * time.Millisecond, 1200 * time.Millisecond}
		if !slices.Equal(at, want) {
			t.Errorf("let through at %v, want %v", at, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := g.Enter(ctx)
		r := wantLimitError(t, err, metrics.Throttled, "its turn in 400ms, after 100ms that it may wait; the source's requests_per_second is 2.5")
		if !r.Until.Equal(time.Now().Add(400 * time.Millisecond)) {
			t.Errorf("there is room at %s, want in 400 ms", r.Until)
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, stop)
		_, err = g.Enter(ctx)
		wantLimitError(t, err, metrics.Canceled)
		// Who left took nothing with him: the next turn is still at 1.6 s.
		enter(t, t.Context(), g)(true)
		if d := time.Since(began); d != 1600*time.Millisecond {
			t.Errorf("let through at %s, want 1.6 s", d)
		}
		if l := g.Load(); l.Requests != 7 || l.InFlight != 0 || l.Waiting != 0 || g.free != 10 {
			t.Errorf("the load is %+v with %d places", l, g.free)
		}
	})
}

func TestBurst(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		perSecond float64
		burst     int
		want      int
	}{{5, 0, 5}, {0.2, 0, 1}, {2.5, 0, 3}, {1e300, 0, 1e6 + 1}, {5, 20, 20}} {
		g := NewGate(Limits{PerSecond: test.perSecond, Burst: test.burst})
		// The largest is 1e6 rounded up: a bound for the arithmetic.
		if got := g.rate.Burst(); got != test.want && !(test.perSecond == 1e300 && got <= 1e6+1) {
			t.Errorf("%v a second with burst %d: %d at once, want %d", test.perSecond, test.burst, got, test.want)
		}
	}
}

func TestSpentBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 1, PerDay: 3})
		began := time.Now()
		for range 3 {
			enter(t, t.Context(), g)(true)
			time.Sleep(time.Hour)
		}
		_, err := g.Enter(t.Context())
		r := wantLimitError(t, err, metrics.Throttled, "the budget of 3 requests a day is spent; there is room again at ", "requests_per_day")
		if !strings.Contains(r.Text, r.Until.Format(time.RFC3339)) {
			t.Errorf("%s does not say %s", r.Text, r.Until)
		}
		if room := r.Until.Sub(began); room < 24*time.Hour || room > 24*time.Hour+budgetSlot {
			t.Errorf("there is room after %s, want a day and at most %s", room, budgetSlot)
		}
		time.Sleep(time.Until(r.Until) - time.Second)
		if _, err := g.Enter(t.Context()); err == nil {
			t.Error("let through before there was room")
		}
		time.Sleep(time.Second)
		leave := enter(t, t.Context(), g)
		if l := g.Load(); l.BudgetLeft != 0 || l.Requests != 4 {
			t.Errorf("the load is %+v, want 4 requests and nothing left", l)
		}
		leave(false) // the breaker was open
		if l := g.Load(); l.BudgetLeft != 1 || l.Requests != 3 {
			t.Errorf("the load is %+v, want the request given back", l)
		}
	})
}

// Who waits for a place may find the budget spent by those before him.
func TestBudgetIsSpentMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Concurrency: 1, PerDay: 2})
		first := enter(t, t.Context(), g)
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				leave, err := g.Enter(t.Context())
				if err != nil {
					if !strings.Contains(err.Error(), "the budget of 2 requests a day is spent") {
						t.Error(err)
					}
					refused.Add(1)
					return
				}
				leave(true)
			})
		}
		synctest.Wait()
		first(true)
		all.Wait()
		if n := refused.Load(); n != 4 || g.free != 1 {
			t.Errorf("%d were refused and %d places are free, want 4 and 1", n, g.free)
		}
	})
}

func TestManyAtTheGate(t *testing.T) {
	t.Parallel()
	g := NewGate(Limits{Concurrency: 3, MaxWait: time.Minute})
	var (
		all       sync.WaitGroup
		mu        sync.Mutex
		now, peak int
	)
	for i := range 300 {
		all.Go(func() {
			ctx := WithOwner(t.Context(), fmt.Sprint(i%7))
			if i%5 == 0 {
				short, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Microsecond)
				defer cancel()
				ctx = short
			}
			leave, err := g.Enter(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			now++
			peak = max(peak, now)
			mu.Unlock()
			mu.Lock()
			now--
			mu.Unlock()
			leave(i%3 == 0)
		})
	}
	all.Wait()
	if peak > 3 || g.free != 3 || g.turns.n != 0 || len(g.turns.round) > 0 {
		t.Errorf("peak %d, %d free, %d waiting, %d lines", peak, g.free, g.turns.n, len(g.turns.round))
	}
}
