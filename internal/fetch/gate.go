package fetch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/judged-dev/judged/metrics"
)

// DefaultMaxWait is how long a request waits for its turn: a look is due every
// minute or so, and one that comes too late is better made at the next.
const DefaultMaxWait = time.Minute

// Limits bound the requests to one source.
type Limits struct {
	// Concurrency is how many requests may be under way, at least 1.
	Concurrency int
	// PerSecond is how many may start in a second, in the mean; 0: any number.
	PerSecond float64
	// Burst is how many may start at once after a pause; 0: PerSecond, rounded
	// up.
	Burst int
	// PerDay is how many may start in any 24 hours; 0: any number. They are
	// counted in memory, from when the gate was made.
	PerDay int
	// MaxWait bounds how long a request waits for its turn; 0: DefaultMaxWait.
	MaxWait time.Duration
}

// Gate lets requests through within Limits. It is safe for concurrent use.
type Gate struct {
	limits Limits
	rate   *rate.Limiter

	mu     sync.Mutex
	free   int
	turns  turns
	budget *budget // nil: none
	paced  int     // have a place and wait for the rate
	sent   uint64
}

// NewGate returns a gate that nobody has passed yet.
func NewGate(l Limits) *Gate {
	l.Concurrency = max(l.Concurrency, 1)
	if l.MaxWait <= 0 {
		l.MaxWait = DefaultMaxWait
	}
	g := &Gate{limits: l, free: l.Concurrency}
	if l.PerSecond > 0 {
		burst := l.Burst
		if burst <= 0 {
			burst = int(min(l.PerSecond, 1e6)) + 1
			if l.PerSecond == float64(burst-1) {
				burst--
			}
		}
		g.rate = rate.NewLimiter(rate.Limit(l.PerSecond), burst)
	}
	if l.PerDay > 0 {
		g.budget = &budget{perDay: l.PerDay}
	}
	return g
}

// LimitError is why a request was not let through. Nothing was sent.
type LimitError struct {
	// Reason is Throttled, Unavailable or Canceled.
	Reason metrics.Reason
	// Text says what the request waited for and Hint what to do next.
	Text, Hint string
	// Until is when there is room again; zero where nobody knows.
	Until time.Time

	cause error
}

// Error implements error.
func (r *LimitError) Error() string { return r.Text }

// Unwrap returns the context's error if the request's context ended.
func (r *LimitError) Unwrap() error { return r.cause }

// Enter waits for the turn of a request, and returns the function that ends it,
// to be called once: sent tells whether there was a request at all. The error is
// a *LimitError.
func (g *Gate) Enter(ctx context.Context) (leave func(sent bool), err error) {
	began := time.Now()
	if err := g.place(ctx, began); err != nil {
		return nil, err
	}
	if err := g.pace(ctx, began); err != nil {
		g.release()
		return nil, err
	}
	g.mu.Lock()
	spent := g.spent(time.Now())
	if spent == nil {
		g.sent++
		if g.budget != nil {
			g.budget.take(time.Now())
		}
	}
	g.mu.Unlock()
	if spent != nil {
		g.release()
		return nil, spent
	}
	return func(sent bool) {
		if !sent {
			g.unsent()
		}
		g.release()
	}, nil
}

// place takes one of Concurrency places.
func (g *Gate) place(ctx context.Context, began time.Time) error {
	g.mu.Lock()
	if r := g.spent(began); r != nil {
		g.mu.Unlock()
		return r // at once: waiting for a place would be in vain
	}
	if g.free > 0 && ctx.Err() == nil {
		g.free--
		g.mu.Unlock()
		return nil
	}
	on := ownersOf(ctx)
	w := &waiter{ready: make(chan struct{})}
	g.turns.join(w, on.wait(w, g))
	g.mu.Unlock()
	defer on.done(w)

	late := time.NewTimer(g.limits.MaxWait)
	defer late.Stop()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	case <-late.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.lines == nil { // its turn has come at the same moment
		if ctx.Err() == nil {
			return nil
		}
		g.free++
		g.serve()
	} else {
		g.turns.leave(w)
	}
	return g.tooLate(ctx, began)
}

// pace waits for the rate.
func (g *Gate) pace(ctx context.Context, began time.Time) error {
	if g.rate == nil {
		return nil
	}
	now := time.Now()
	turn := g.rate.ReserveN(now, 1)
	pause := turn.DelayFrom(now)
	if pause <= 0 {
		return nil
	}
	last := began.Add(g.limits.MaxWait)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(last) {
		last = deadline
	}
	if at := now.Add(pause); at.After(last) {
		turn.CancelAt(now)
		return &LimitError{
			Reason: metrics.Throttled, Until: at,
			Text: fmt.Sprintf("it would have its turn in %s, after %s that it may wait; %s", pause.Round(time.Millisecond), last.Sub(now).Round(time.Millisecond), g.limits.rateText()),
			Hint: "raise requests_per_second as far as the backend allows, or ask less: fewer metrics, longer intervals",
		}
	}
	g.addPaced(1)
	defer g.addPaced(-1)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.CancelAt(time.Now())
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.tooLate(ctx, began)
	}
}

func (g *Gate) addPaced(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paced += n
}

// spent returns the refusal if the budget is spent. The caller holds the lock.
func (g *Gate) spent(now time.Time) *LimitError {
	if g.budget == nil || g.budget.left(now) > 0 {
		return nil
	}
	room := g.budget.room(now)
	return &LimitError{
		Reason: metrics.Throttled, Until: room,
		Text: fmt.Sprintf("the budget of %d requests a day is spent; there is room again at %s", g.limits.PerDay, room.Format(time.RFC3339)),
		Hint: "raise the source's requests_per_day, or ask less: fewer metrics, longer intervals",
	}
}

// tooLate is the refusal of who waited in vain. The caller holds the lock.
func (g *Gate) tooLate(ctx context.Context, began time.Time) *LimitError {
	what := "it waited for a free place, the source's concurrency is " + strconv.Itoa(g.limits.Concurrency)
	if g.rate != nil {
		what += " and " + g.limits.rateText()
	}
	r := &LimitError{Reason: metrics.Unavailable, Text: what, cause: ctx.Err(), Hint: "raise the source's concurrency, or give the query more time"}
	switch {
	case r.cause == nil:
		r.Text = fmt.Sprintf("it had no turn within %s: %s", time.Since(began).Round(time.Second), what)
		r.Hint = fmt.Sprintf("%d more requests wait for this source: raise its concurrency, or ask less: fewer metrics, longer intervals", g.turns.n)
	case errors.Is(r.cause, context.Canceled):
		r.Reason = metrics.Canceled
	}
	return r
}

func (l Limits) rateText() string {
	return "the source's requests_per_second is " + strconv.FormatFloat(l.PerSecond, 'g', -1, 64)
}

func (g *Gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	g.serve()
}

// serve hands out free places.
func (g *Gate) serve() {
	for g.free > 0 {
		w := g.turns.next()
		if w == nil {
			return
		}
		g.free--
		close(w.ready)
	}
}

func (g *Gate) unsent() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent--
	if g.budget != nil {
		g.budget.giveBack(time.Now())
	}
}

// enlist puts a waiter into one more owner's line.
func (g *Gate) enlist(w *waiter, owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.lines != nil {
		g.turns.enlist(w, owner)
	}
}

// Load returns what goes through the gate now.
func (g *Gate) Load() metrics.Load {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := metrics.Load{
		Requests: g.sent, InFlight: g.limits.Concurrency - g.free - g.paced, Waiting: g.turns.n + g.paced, BudgetLeft: -1,
	}
	if g.budget != nil {
		l.BudgetLeft = max(0, g.budget.left(time.Now()))
	}
	return l
}
