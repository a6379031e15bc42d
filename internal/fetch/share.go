package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/judged-dev/judged/metrics"
)

const (
	// DefaultKeep is shorter than the shortest interval that people look at, so
	// that points which come late are seen at the next look.
	DefaultKeep = 15 * time.Second
	// DefaultKeepBytes holds about a million points of 32 bytes.
	DefaultKeepBytes = 32 << 20

	// keepErrors is how long a source that does not answer is left alone, if it
	// does not say; mostKeepErrors bounds what it says.
	keepErrors     = 5 * time.Second
	mostKeepErrors = time.Minute
)

// Options say how a source is shared. The zero value is fit for use.
type Options struct {
	// Name is the source's, for errors.
	Name string
	// Keep is how long an answer is given to others who ask the same; 0:
	// DefaultKeep, negative: not at all.
	Keep time.Duration
	// KeepBytes bounds the answers that are kept; 0: DefaultKeepBytes.
	KeepBytes int64
	// Observe is told how long the source took for each query that it was
	// asked, and how it ended. It is called from several goroutines.
	Observe func(took time.Duration, err error)
}

// Shared is a source that many ask. It is safe for concurrent use.
type Shared struct {
	source  metrics.Source
	options Options

	mu      sync.Mutex
	flights map[key]*flight
	kept    cache
	sweeper *time.Timer // nil while nothing is kept
	closed  bool
	stats   Stats
}

var (
	_ metrics.Source  = (*Shared)(nil)
	_ metrics.Limited = (*Shared)(nil)
)

// Stats counts since the source was shared.
type Stats struct {
	// Queries are all that were asked for. Of these, Joined ones waited for one
	// that was already under way, and Cached ones got a kept answer or error.
	Queries, Joined, Cached uint64
	// InFlight are the source's queries under way.
	InFlight int
	// Kept and KeptBytes are the answers that are kept.
	Kept      int
	KeptBytes int64
	// Load is that of the source, if it tells.
	Load metrics.Load
}

// Share returns the source for many callers.
//
// Identical queries, of the same text and grid, run once. A caller whose
// context ends leaves at once, and the query goes on while anybody waits for
// it. It has the values of the first caller's context, but no deadline.
//
// Results are shared: nobody may change them. Errors are given to all who wait,
// and kept only if the source did not answer or asked for patience
// (metrics.Unavailable, metrics.Throttled): for 5 s, or until the moment that
// the error's chain tells by RetryAt() time.Time, but at most a minute.
//
// A driver that panics gives a BadAnswer error.
func Share(source metrics.Source, o Options) *Shared {
	o.Keep = cmp.Or(o.Keep, DefaultKeep)
	o.KeepBytes = cmp.Or(o.KeepBytes, DefaultKeepBytes)
	return &Shared{source: source, options: o, flights: map[key]*flight{}, kept: newCache(o.KeepBytes)}
}

// flight is a query on its way.
type flight struct {
	owners  *owners
	cancel  context.CancelFunc
	waiting int           // callers
	done    chan struct{} // closed when the answer is there
	answer  answer
}

// Query implements metrics.Source. The result is shared: it may not be changed.
func (s *Shared) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	k := keyOf(q)
	f, known := s.find(ctx, k, q)
	if f == nil {
		return known.result, known.err
	}
	select {
	case <-f.done:
		return f.answer.result, f.answer.err
	case <-ctx.Done():
		s.leave(k, f)
		return metrics.Result{}, s.gaveUp(ctx, q, f)
	}
}

// find returns a kept answer, or the flight that will bring it.
func (s *Shared) find(ctx context.Context, k key, q metrics.Query) (*flight, answer) {
	s.mu.Lock()
	s.stats.Queries++
	if a, ok := s.kept.get(k, time.Now()); ok {
		s.stats.Cached++
		s.mu.Unlock()
		return nil, a
	}
	if f := s.flights[k]; f != nil {
		s.stats.Joined++
		f.waiting++
		s.mu.Unlock()
		f.owners.add(ownersOf(ctx))
		return f, answer{}
	}
	defer s.mu.Unlock()
	f := &flight{owners: ownersOf(ctx).share(), waiting: 1, done: make(chan struct{})}
	var flying context.Context
	flying, f.cancel = context.WithCancel(context.WithValue(context.WithoutCancel(ctx), ownersKey{}, f.owners))
	s.flights[k] = f
	go s.fly(flying, f, k, q)
	return f, answer{}
}

// fly asks the source and hands the answer to all who wait.
func (s *Shared) fly(ctx context.Context, f *flight, k key, q metrics.Query) {
	defer f.cancel()
	began := time.Now()
	result, err := s.ask(ctx, q)
	now := time.Now()
	if s.options.Observe != nil {
		s.options.Observe(now.Sub(began), err)
	}
	f.answer = answer{result, err}
	until := s.keepUntil(err, now)
	if err != nil && ctx.Err() != nil {
		until = now // it was stopped, which says nothing about the source
	}
	s.land(f, k, now, until)
	close(f.done)
}

func (s *Shared) ask(ctx context.Context, q metrics.Query) (result metrics.Result, err error) {
	// Nobody above this goroutine could recover: a driver's mistake would take
	// the process with it.
	defer func() {
		if cause := recover(); cause != nil {
			result, err = metrics.Result{}, s.error(q, metrics.BadAnswer, fmt.Errorf("the driver panicked: %v", cause), "this is a bug in judged")
		}
	}()
	return s.source.Query(ctx, q)
}

// land keeps the answer until then, and takes the flight off the list.
func (s *Shared) land(f *flight, k key, now, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[k] == f {
		delete(s.flights, k)
	}
	if s.closed || !now.Before(until) {
		return
	}
	s.kept.put(k, f.answer, until)
	if s.sweeper == nil && s.kept.recent.Len() > 0 {
		s.sweeper = time.AfterFunc(s.sweepEvery(), s.sweep)
	}
}

// keepUntil returns how long an answer holds; now means that it does not.
func (s *Shared) keepUntil(err error, now time.Time) time.Time {
	if s.options.Keep < 0 {
		return now
	}
	if err == nil {
		return now.Add(s.options.Keep)
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		// Nothing was asked, and another caller's turn may come sooner.
		return now
	}
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Throttled && reason != metrics.Unavailable {
		return now
	}
	var patient interface{ RetryAt() time.Time }
	if errors.As(err, &patient) && !patient.RetryAt().IsZero() {
		if at, most := patient.RetryAt(), now.Add(mostKeepErrors); at.Before(most) {
			return at
		}
		return now.Add(mostKeepErrors)
	}
	return now.Add(keepErrors)
}

func (s *Shared) sweepEvery() time.Duration { return max(s.options.Keep, keepErrors) }

// sweep frees what is too old, as long as there is anything: a source that is
// not asked any more would hold its last answers for ever.
func (s *Shared) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.expire(time.Now())
	s.sweeper = nil
	if !s.closed && s.kept.recent.Len() > 0 {
		s.sweeper = time.AfterFunc(s.sweepEvery(), s.sweep)
	}
}

// leave is a caller's going; the last one stops the query.
func (s *Shared) leave(k key, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	if s.flights[k] == f {
		delete(s.flights, k) // nobody shall join what is being stopped
	}
	f.cancel()
}

// gaveUp is the error of a caller whose context has ended.
func (s *Shared) gaveUp(ctx context.Context, q metrics.Query, f *flight) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return s.error(q, metrics.Canceled, fmt.Errorf("the caller gave up: %w", ctx.Err()), "")
	}
	text, hint := "no answer before the deadline", "the query may be too expensive for the time it has"
	if f.owners.areWaiting() {
		text += "; it waited for its turn, since more is asked of the source than its concurrency and requests_per_second let through"
		hint = "raise them, or give the query more time"
	}
	return s.error(q, metrics.Unavailable, fmt.Errorf("%s: %w", text, ctx.Err()), hint)
}

func (s *Shared) error(q metrics.Query, reason metrics.Reason, err error, hint string) error {
	return &metrics.Error{Op: "query", Source: s.options.Name, Query: q.Expr, Reason: reason, Err: err, Hint: hint}
}

// Close implements metrics.Source: it stops what is under way, forgets what is
// kept and closes the source.
func (s *Shared) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.flights {
		f.cancel()
	}
	s.kept = newCache(s.options.KeepBytes)
	if s.sweeper != nil {
		s.sweeper.Stop()
	}
	s.mu.Unlock()
	return s.source.Close()
}

// Load implements metrics.Limited. It is zero, with BudgetLeft -1, for a source
// that does not tell.
func (s *Shared) Load() metrics.Load {
	if limited, ok := s.source.(metrics.Limited); ok {
		return limited.Load()
	}
	return metrics.Load{BudgetLeft: -1}
}

// Stats returns the counts so far.
func (s *Shared) Stats() Stats {
	load := s.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.InFlight = len(s.flights)
	stats.Kept, stats.KeptBytes = s.kept.recent.Len(), s.kept.bytes
	stats.Load = load
	return stats
}
