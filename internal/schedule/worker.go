// Package schedule carries out the store's tasks when they are due, at least
// once each, on as many replicas as there are.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/judged-dev/judged/internal/store"
)

// Queue is where tasks come from: a *store.Store.
type Queue interface {
	Claim(ctx context.Context, kind string, n int, lease time.Duration, busy []string) ([]store.Task, error)
	Renew(ctx context.Context, leases []store.Lease, lease time.Duration) (lost []store.Lease, err error)
	Again(ctx context.Context, l store.Lease, next time.Time, failure string) error
	Release(ctx context.Context, l store.Lease) error
}

// Options of a Worker. Kind, Queue and Do are required.
type Options struct {
	// Kind of the tasks.
	Kind  string
	Queue Queue
	// Do carries out a task and completes it in the store, together with what it
	// wrote. An error puts the task off. The context ends when the lease is lost or
	// the worker stops.
	Do func(ctx context.Context, t store.Task) error
	// Limit bounds the tasks that are carried out at a time; default 256. They
	// mostly wait.
	Limit int
	// LaneLimit bounds those of one lane, so that one that is stuck leaves room for
	// the others; default a quarter of Limit.
	LaneLimit int
	// Lease is how long a replica that dies keeps others from its tasks; default
	// 12s.
	Lease time.Duration
	// Poll is how often to look for tasks that are due; default 250ms.
	Poll time.Duration
	// Backoff returns how long to wait after so many failed attempts, and false to
	// give the task up. Default: 1s, doubling up to 30s, for ever.
	Backoff func(attempt int) (time.Duration, bool)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// RetryError asks for another attempt after a time of its own.
type RetryError struct {
	After time.Duration
	Err   error
}

// Error implements error.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// GiveUpError asks for no other attempt.
type GiveUpError struct{ Err error }

// Error implements error.
func (e *GiveUpError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *GiveUpError) Unwrap() error { return e.Err }

// Worker claims tasks and carries them out.
type Worker struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	running map[store.Lease]*running
	lanes   map[string]int
	group   sync.WaitGroup
	freed   chan struct{}
}

type running struct {
	cancel context.CancelCauseFunc
	since  time.Time
}

// New returns a worker. It does nothing until Run.
func New(o Options) *Worker {
	if o.Limit == 0 {
		o.Limit = 256
	}
	if o.LaneLimit == 0 {
		o.LaneLimit = max(o.Limit/4, 1)
	}
	if o.Lease == 0 {
		o.Lease = 12 * time.Second
	}
	if o.Poll == 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Backoff == nil {
		o.Backoff = Doubling(time.Second, 30*time.Second, 0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{
		o: o, wake: make(chan struct{}, 1), running: map[store.Lease]*running{}, lanes: map[string]int{}, freed: make(chan struct{}, 1),
	}
}

// Doubling returns a backoff that begins with first and doubles up to most, for
// so many attempts (0: for ever).
func Doubling(first, most time.Duration, attempts int) func(int) (time.Duration, bool) {
	return func(attempt int) (time.Duration, bool) {
		wait := min(first<<min(max(attempt-1, 0), 20), most)
		return wait, attempts == 0 || attempt < attempts
	}
}

// Wake looks for due tasks now: somebody has added one.
func (w *Worker) Wake() { signal(w.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Kind returns the kind of its tasks.
func (w *Worker) Kind() string { return w.o.Kind }

// Drop ends a task that this process is carrying out: it was taken away.
func (w *Worker) Drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l, r := range w.running {
		if l.Task() == id {
			r.cancel(store.ErrLeaseLost)
		}
	}
}

// Running returns how many tasks are being carried out.
func (w *Worker) Running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running)
}

// ErrStopping is the cause that ends tasks when the worker stops.
var ErrStopping = errors.New("this replica is stopping")

// Run works until ctx ends. Then it claims no more, gives what is being carried
// out until grace to end, and gives the rest back for other replicas.
func (w *Worker) Run(ctx context.Context, grace time.Duration) {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(ErrStopping)
	renewing, done := context.WithCancel(context.WithoutCancel(ctx))
	var renewal sync.WaitGroup
	renewal.Go(func() { w.renew(renewing) })
	w.claim(ctx, work)
	ended := make(chan struct{})
	go func() {
		w.group.Wait()
		close(ended)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		stop(ErrStopping)
		<-ended
	}
	done()
	renewal.Wait()
}

// claim starts what is due until ctx ends.
func (w *Worker) claim(ctx, work context.Context) {
	failures := 0
	for ctx.Err() == nil {
		free, busy := w.room()
		if free == 0 {
			w.sleep(ctx, w.o.Poll)
			continue
		}
		// The claim itself is not cut off: what it took would have to wait for its
		// lease.
		tasks, err := w.o.Queue.Claim(context.WithoutCancel(ctx), w.o.Kind, free, w.o.Lease, busy)
		if err != nil {
			failures++
			if failures == 1 || failures%20 == 0 {
				w.o.Log.Error("no tasks can be claimed", slog.String("kind", w.o.Kind), slog.Int("failures", failures), slog.Any("error", err))
			}
			w.sleep(ctx, min(w.o.Poll<<min(failures, 5), 5*time.Second))
			continue
		}
		if failures > 0 {
			w.o.Log.Info("tasks can be claimed again", slog.String("kind", w.o.Kind), slog.Int("failures", failures))
			failures = 0
		}
		for _, t := range tasks {
			w.start(work, t)
		}
		if len(tasks) < free {
			w.sleep(ctx, w.o.Poll)
		}
	}
}

// room returns how many tasks may be started, and the lanes of which none may.
func (w *Worker) room() (free int, busy []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for lane, n := range w.lanes {
		if n >= w.o.LaneLimit {
			busy = append(busy, lane)
		}
	}
	// A claim takes whatever is first, all of it perhaps of one lane.
	most := w.o.LaneLimit
	for _, n := range w.lanes {
		if n < w.o.LaneLimit {
			most = min(most, w.o.LaneLimit-n)
		}
	}
	return min(w.o.Limit-len(w.running), most), busy
}

func (w *Worker) sleep(ctx context.Context, d time.Duration) {
	// Replicas that started together would ask together.
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	case <-w.freed:
	case <-ctx.Done():
	}
}

func (w *Worker) start(work context.Context, t store.Task) {
	ctx, cancel := context.WithCancelCause(work)
	w.mu.Lock()
	w.running[t.Lease] = &running{cancel: cancel, since: time.Now()}
	w.lanes[t.Lane]++
	w.mu.Unlock()
	w.group.Go(func() {
		defer cancel(nil)
		w.finish(t, w.do(ctx, t), ctx)
		w.mu.Lock()
		delete(w.running, t.Lease)
		w.lanes[t.Lane]--
		// There is room again where there was little: enough for a claim to be worth
		// it.
		room := len(w.running) == w.o.Limit*3/4 || w.lanes[t.Lane] == w.o.LaneLimit*3/4
		if w.lanes[t.Lane] == 0 {
			delete(w.lanes, t.Lane)
		}
		w.mu.Unlock()
		if room {
			signal(w.freed)
		}
	})
}

// do carries out a task; a panic is its failure and nobody else's.
func (w *Worker) do(ctx context.Context, t store.Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.o.Log.Error("panic", slog.String("task", t.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("judged failed while it did this: %v", p)
		}
	}()
	return w.o.Do(ctx, t)
}

// finishTimeout bounds what is written after a task that failed.
const finishTimeout = 10 * time.Second

// finish puts off a task that failed.
func (w *Worker) finish(t store.Task, err error, ctx context.Context) { //nolint:revive // the context is the task's, and has ended perhaps
	if err == nil || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, store.ErrConflict) {
		return // completed, or somebody else's by now
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if errors.Is(context.Cause(ctx), ErrStopping) {
		err = w.o.Queue.Release(last, t.Lease)
	} else {
		failure := err
		wait, again := w.o.Backoff(t.Attempts)
		if r, ok := errors.AsType[*RetryError](err); ok {
			wait = max(r.After, wait)
		}
		if _, ok := errors.AsType[*GiveUpError](err); ok {
			again = false
		}
		var next time.Time
		if again {
			next = w.o.Now().Add(wait)
		}
		w.o.Log.Warn("task failed", slog.String("task", t.ID), slog.Int("attempt", t.Attempts), slog.Bool("again", again), slog.Duration("wait", wait), slog.Any("error", failure))
		err = w.o.Queue.Again(last, t.Lease, next, text(failure))
	}
	if err != nil && !errors.Is(err, store.ErrLeaseLost) {
		w.o.Log.Error("a failed task waits for its lease", slog.String("task", t.ID), slog.Any("error", err))
	}
}

// text bounds what is kept of an error.
func text(err error) string {
	const most = 2048
	s := err.Error()
	if len(s) > most {
		s = s[:most] + "…"
	}
	// Whatever a peer's answer brought along: a database may not take it.
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

// renew keeps the leases of what takes longer than a lease.
func (w *Worker) renew(ctx context.Context) {
	ticker := time.NewTicker(w.o.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		var held []store.Lease
		w.mu.Lock()
		for l, r := range w.running {
			if time.Since(r.since) >= w.o.Lease/5 { // what was claimed just now ends before
				held = append(held, l)
			}
		}
		w.mu.Unlock()
		if len(held) == 0 {
			continue
		}
		lost, err := w.o.Queue.Renew(ctx, held, w.o.Lease)
		if err != nil {
			w.o.Log.Warn("leases could not be renewed", slog.String("kind", w.o.Kind), slog.Int("leases", len(held)), slog.Any("error", err))
			continue
		}
		w.mu.Lock()
		for _, l := range lost {
			if r, ok := w.running[l]; ok {
				r.cancel(store.ErrLeaseLost)
			}
		}
		w.mu.Unlock()
	}
}
