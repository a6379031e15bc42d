package fetch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// source answers by a function and remembers what it was asked.
type source struct {
	mu     sync.Mutex
	asked  []string
	answer func(context.Context, metrics.Query) (metrics.Result, error)
	closed bool
}

func (s *source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q.Expr)
	s.mu.Unlock()
	return s.answer(ctx, q)
}

func (s *source) Close() error {
	s.closed = true
	return nil
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// after answers with one point after a while, unless the context ends.
func after(d time.Duration) func(context.Context, metrics.Query) (metrics.Result, error) {
	return func(ctx context.Context, q metrics.Query) (metrics.Result, error) {
		select {
		case <-time.After(d):
			return metrics.Result{Series: []metrics.Series{{Points: []metrics.Point{{Time: q.Grid.Time(0), Value: float64(len(q.Expr))}}}}}, nil
		case <-ctx.Done():
			return metrics.Result{}, failed(metrics.Canceled, ctx.Err())
		}
	}
}

func failed(reason metrics.Reason, err error) error {
	return &metrics.Error{Op: "query", Source: "prod", Reason: reason, Err: err}
}

func always(err error) func(context.Context, metrics.Query) (metrics.Result, error) {
	return func(context.Context, metrics.Query) (metrics.Result, error) { return metrics.Result{}, err }
}

var grid = metrics.Grid{Start: time.Unix(600, 0), Step: time.Minute, N: 10}

func up(expr string) metrics.Query { return metrics.Query{Expr: expr, Grid: grid} }

func wantError(t *testing.T, err error, reason metrics.Reason, says string) {
	t.Helper()
	if got, ok := metrics.ReasonOf(err); !ok || got != reason || !strings.Contains(err.Error(), says) {
		t.Errorf("got  %v\nwant a %q error that says %q", err, reason, says)
	}
}

func TestIdenticalQueriesRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{answer: after(time.Second)}
		var took []time.Duration
		s := Share(src, Options{Name: "prod", Observe: func(d time.Duration, _ error) { took = append(took, d) }})
		defer s.Close()
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				q := up("up")
				if i%2 == 1 {
					q.Grid.Start = q.Grid.Start.In(time.FixedZone("another", 3600)) // the same moment
				}
				if r, err := s.Query(t.Context(), q); err != nil || r.Series[0].Points[0].Value != 2 {
					t.Errorf("got %v, %v", r, err)
				}
			})
		}
		synctest.Wait()
		if st := s.Stats(); st.InFlight != 1 || st.Queries != 10 || st.Joined != 9 || st.Load.BudgetLeft != -1 {
			t.Errorf("stats are %+v", st)
		}
		all.Wait()
		for _, q := range []metrics.Query{up("up"), up("other"), {Expr: "up", Grid: metrics.Grid{Start: grid.Start, Step: grid.Step, N: 11}}, {Expr: "up", Grid: metrics.Grid{Start: grid.Start, Step: 2 * grid.Step, N: 10}}, {Expr: "up", Grid: metrics.Grid{Start: grid.Start.Add(1), Step: grid.Step, N: 10}}} {
			if _, err := s.Query(t.Context(), q); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := src.count(); n != 5 {
			t.Errorf("asked %d times, want once for each of 5 queries", n)
		}
		if st := s.Stats(); st.Cached != 1 || st.Kept != 5 || st.InFlight != 0 || st.KeptBytes == 0 {
			t.Errorf("stats are %+v", st)
		}
		if len(took) != 5 || took[0] != time.Second {
			t.Errorf("observed %v, want five times a second", took)
		}
		// Kept for 15 s from the answer, then asked again, then forgotten.
		time.Sleep(15 * time.Second)
		if _, err := s.Query(t.Context(), up("up")); err != nil || src.count() != 6 {
			t.Errorf("asked %d times, want again after 15 s: %v", src.count(), err)
		}
		time.Sleep(time.Minute)
		if st := s.Stats(); st.Kept != 0 || st.KeptBytes != 0 {
			t.Errorf("an idle source holds %d answers of %d bytes", st.Kept, st.KeptBytes)
		}
	})
}

func TestWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{answer: after(time.Minute)}
		s := Share(src, Options{Name: "prod"})
		defer s.Close()
		first, cancelFirst := context.WithCancel(t.Context())
		second, cancelSecond := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancelSecond()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := s.Query(first, up("up"))
			wantError(t, err, metrics.Canceled, "query prod: up: canceled: the caller gave up")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v is not context.Canceled", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			began := time.Now()
			_, err := s.Query(second, up("up"))
			wantError(t, err, metrics.Unavailable, "no answer before the deadline")
			if d := time.Since(began); d != 20*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("left after %s with %v", d, err)
			}
		})
		all.Go(func() {
			if _, err := s.Query(t.Context(), up("up")); err != nil {
				t.Errorf("who stayed got %v", err)
			}
		})
		synctest.Wait()
		cancelFirst()
		all.Wait()
		if n := src.count(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

// The last one who leaves stops the query, and who comes then asks anew.
func TestTheLastOneLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan struct{})
		src := &source{}
		src.answer = func(ctx context.Context, q metrics.Query) (metrics.Result, error) {
			if src.count() > 1 {
				return after(time.Second)(ctx, q)
			}
			<-ctx.Done()
			close(stopped)
			time.Sleep(time.Minute) // a driver that is slow to notice, and calls it something else
			return metrics.Result{}, failed(metrics.Unavailable, ctx.Err())
		}
		s := Share(src, Options{Name: "prod"})
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Query(ctx, up("up")); err == nil {
			t.Error("no error")
		}
		<-stopped
		if _, err := s.Query(t.Context(), up("up")); err != nil {
			t.Errorf("who came later got %v", err)
		}
		time.Sleep(time.Minute)
		if st := s.Stats(); st.InFlight != 0 || st.Kept != 0 {
			t.Errorf("stats are %+v, want nothing kept of what was stopped", st)
		}
	})
}

// patience is an error that says when to come back.
type patience struct{ at time.Time }

func (p patience) Error() string      { return "busy" }
func (p patience) RetryAt() time.Time { return p.at }

func TestWhichErrorsAreKept(t *testing.T) {
	for _, test := range []struct {
		name string
		err  func() error
		keep time.Duration
	}{
		{"unavailable", func() error { return failed(metrics.Unavailable, errors.New("500")) }, 5 * time.Second},
		{"throttled", func() error { return failed(metrics.Throttled, errors.New("429")) }, 5 * time.Second},
		{"asked for 20 s", func() error { return failed(metrics.Throttled, patience{time.Now().Add(20 * time.Second)}) }, 20 * time.Second},
		{"asked for a year", func() error { return failed(metrics.Throttled, patience{time.Now().Add(8760 * time.Hour)}) }, time.Minute},
		{"asked for nothing", func() error { return failed(metrics.Unavailable, patience{}) }, 5 * time.Second},
		{"bad query", func() error { return failed(metrics.BadQuery, errors.New("400")) }, 0},
		{"denied", func() error { return failed(metrics.Denied, errors.New("401")) }, 0},
		{"bad answer", func() error { return failed(metrics.BadAnswer, errors.New("HTML")) }, 0},
		{"our own limits", func() error { return failed(metrics.Throttled, &LimitError{Until: time.Now().Add(time.Hour)}) }, 0},
		{"another error", func() error { return errors.New("unsorted") }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := test.err()
				src := &source{answer: always(err)}
				s := Share(src, Options{})
				defer s.Close()
				ask := func(times int) {
					t.Helper()
					if _, got := s.Query(t.Context(), up("up")); !errors.Is(got, err) || src.count() != times {
						t.Errorf("got %v after asking %d times, want %d", got, src.count(), times)
					}
				}
				ask(1)
				if test.keep > 0 {
					time.Sleep(test.keep - time.Nanosecond)
					ask(1)
					time.Sleep(time.Nanosecond)
				}
				ask(2)
			})
		})
	}
}

func TestNothingIsKeptIfSo(t *testing.T) {
	t.Parallel()
	src := &source{answer: after(0)}
	s := Share(src, Options{Keep: -1})
	for range 2 {
		if _, err := s.Query(t.Context(), up("up")); err != nil {
			t.Error(err)
		}
	}
	src.answer = always(failed(metrics.Unavailable, errors.New("500")))
	for range 2 {
		if _, err := s.Query(t.Context(), up("up")); err == nil {
			t.Error("no error")
		}
	}
	if n := src.count(); n != 4 {
		t.Errorf("asked %d times, want 4", n)
	}
}

func TestADriverThatPanics(t *testing.T) {
	t.Parallel()
	s := Share(&source{answer: func(context.Context, metrics.Query) (metrics.Result, error) { panic("index out of range") }}, Options{Name: "prod"})
	_, err := s.Query(t.Context(), up("up"))
	wantError(t, err, metrics.BadAnswer, "query prod: up: bad answer: the driver panicked: index out of range (this is a bug in judged)")
}

// A source that hangs holds up nobody who asks another.
func TestASlowSourceDelaysItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := Share(&source{answer: after(time.Hour)}, Options{}), Share(&source{answer: after(time.Second)}, Options{})
		defer slow.Close()
		defer fast.Close()
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 100 {
			go func() { _, _ = slow.Query(ctx, up(fmt.Sprint(i))) }()
		}
		synctest.Wait()
		began := time.Now()
		if _, err := fast.Query(t.Context(), up("up")); err != nil || time.Since(began) != time.Second {
			t.Errorf("took %s with %v, want a second", time.Since(began), err)
		}
		// What another caller waits for holds up no other query either.
		if st := slow.Stats(); st.InFlight != 100 {
			t.Errorf("stats are %+v, want 100 under way", st)
		}
		cancel()
	})
}

func TestCloseStopsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{answer: after(time.Hour)}
		s := Share(src, Options{})
		ended := make(chan error)
		go func() {
			_, err := s.Query(t.Context(), up("up"))
			ended <- err
		}()
		synctest.Wait()
		if err := s.Close(); err != nil || !src.closed {
			t.Errorf("closed: %v, %v", src.closed, err)
		}
		wantError(t, <-ended, metrics.Canceled, "")
	})
}

// gated is a source behind a gate.
type gated struct {
	source
	gate *Gate
}

func (g *gated) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	leave, err := g.gate.Enter(ctx)
	if err != nil {
		r, _ := errors.AsType[*LimitError](err)
		return metrics.Result{}, failed(r.Reason, err)
	}
	defer leave(true)
	return g.source.Query(ctx, q)
}

func (g *gated) Load() metrics.Load { return g.gate.Load() }

// An analysis that asks what a large one has asked last has its turn soon, as
// if it had asked alone.
func TestJoiningALargeAnalysis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &gated{gate: NewGate(Limits{Concurrency: 1, MaxWait: time.Hour})}
		src.answer = after(time.Second)
		s := Share(src, Options{})
		defer s.Close()
		large := WithOwner(t.Context(), "large")
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if _, err := s.Query(large, up(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(large, 500*time.Millisecond)
		_, err := s.Query(short, up("98"))
		cancel()
		wantError(t, err, metrics.Unavailable, "it waited for its turn, since more is asked of the source than its concurrency and requests_per_second let through")
		if l := s.Stats().Load; l.Waiting != 99 || l.InFlight != 1 {
			t.Errorf("the load is %+v, want 99 waiting", l)
		}
		began := time.Now()
		if _, err := s.Query(WithOwner(t.Context(), "small"), up("99")); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("took %s, want at most the one under way, one of the large analysis, and its own", took)
		}
		all.Wait()
	})
}
