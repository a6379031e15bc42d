package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopShared()
	os.Exit(code)
}

func open(t *testing.T, url, replica string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: url, Replica: replica, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// work runs a worker until stop is called.
func work(t *testing.T, o schedule.Options, grace time.Duration) (w *schedule.Worker, stop func()) {
	t.Helper()
	o.Kind = "look"
	w = schedule.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { w.Run(ctx, grace) })
	stop = func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(stop)
	return w, stop
}

func add(t *testing.T, s *store.Store, n int, lane string) {
	t.Helper()
	for i := range n {
		if err := s.Add(t.Context(), store.Task{ID: fmt.Sprintf("%s/%03d", lane, i), Kind: "look", Lane: lane, Due: time.Now().Add(-time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s: " + what)
		}
	}
}

// Chains of tasks, each moved on by who did it, on three replicas.
func TestChains(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var mu sync.Mutex
		done, past := map[string]int{}, time.Now().Add(-time.Hour).Truncate(time.Second)
		replicas := 1
		if url[:4] == "post" {
			replicas = 3
		}
		var stops []func()
		for r := range replicas {
			s := open(t, url, fmt.Sprint("r", r))
			if r == 0 {
				for i := range 50 {
					if err := s.Add(t.Context(), store.Task{ID: fmt.Sprint(i), Kind: "look", Due: past}); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, stop := work(t, schedule.Options{Queue: s, Poll: 10 * time.Millisecond, Do: func(ctx context.Context, task store.Task) error {
				// How far the chain is stands in the task, as it does for looks.
				var err error
				if task.Due.Sub(past) < 4*time.Second {
					err = s.Later(ctx, task.Lease, task.Due.Add(time.Second))
				} else {
					err = s.Done(ctx, task.Lease)
				}
				if err == nil {
					mu.Lock()
					done[task.ID]++
					mu.Unlock()
				}
				return err
			}}, time.Second)
			stops = append(stops, stop)
		}
		eventually(t, "all done", func() bool {
			mu.Lock()
			defer mu.Unlock()
			n := 0
			for _, k := range done {
				n += k
			}
			return n >= 250
		})
		for _, stop := range stops {
			stop()
		}
		for id, n := range done {
			if n != 5 {
				t.Errorf("%s was done %d times", id, n)
			}
		}
	})
}

// A lane that is stuck leaves room for the others.
func TestStuckLane(t *testing.T) {
	s := open(t, "memory:", "one")
	add(t, s, 50, "broken")
	add(t, s, 50, "healthy")
	var stuck, healthy atomic.Int32
	w, stop := work(t, schedule.Options{Queue: s, Limit: 16, LaneLimit: 4, Poll: 10 * time.Millisecond, Do: func(ctx context.Context, task store.Task) error {
		if task.Lane == "broken" {
			stuck.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}
		healthy.Add(1)
		return s.Done(ctx, task.Lease)
	}}, time.Millisecond)
	eventually(t, "the healthy lane is empty", func() bool { return healthy.Load() == 50 })
	eventually(t, "only the stuck ones run", func() bool { return w.Running() == 4 })
	if n := stuck.Load(); n != 4 {
		t.Errorf("%d of the stuck lane were started: its limit is 4", n)
	}
	stop()
	// What was stuck was given back, attempts and all.
	tasks, err := s.Claim(t.Context(), "look", 100, time.Minute, nil)
	if err != nil || len(tasks) != 50 {
		t.Fatalf("%d tasks are left: %v", len(tasks), err)
	}
	for _, task := range tasks {
		if task.Attempts != 1 {
			t.Errorf("%s counts %d attempts", task.ID, task.Attempts)
		}
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	s := open(t, "memory:", "one")
	add(t, s, 1, "flaky")
	add(t, s, 1, "hopeless")
	add(t, s, 1, "panics")
	add(t, s, 1, "refused")
	var mu sync.Mutex
	attempts := map[string][]int{}
	work(t, schedule.Options{Queue: s, Poll: 5 * time.Millisecond, Backoff: schedule.Doubling(time.Millisecond, 4*time.Millisecond, 5), Do: func(ctx context.Context, task store.Task) error {
		mu.Lock()
		attempts[task.Lane] = append(attempts[task.Lane], task.Attempts)
		n := len(attempts[task.Lane])
		mu.Unlock()
		switch task.Lane {
		case "flaky":
			if n == 3 {
				return s.Done(ctx, task.Lease)
			}
			return &schedule.RetryError{After: 2 * time.Millisecond, Err: errors.New("not yet")}
		case "panics":
			panic("a mistake")
		case "refused":
			return &schedule.GiveUpError{Err: errors.New("refused")}
		default:
			return errors.New("never")
		}
	}}, time.Second)
	eventually(t, "all are done or dead", func() bool {
		b, err := s.Backlogs(t.Context())
		return err == nil && len(b) == 1 && b[0].Due+b[0].Waiting == 0 && b[0].Dead == 3
	})
	mu.Lock()
	defer mu.Unlock()
	for lane, want := range map[string]int{"flaky": 3, "hopeless": 5, "panics": 5, "refused": 1} {
		if got := attempts[lane]; len(got) != want || got[len(got)-1] != want {
			t.Errorf("%s: attempts %v, want %d", lane, got, want)
		}
	}
	dead, err := s.Tasks(t.Context(), "", "look", "", true, 10)
	if err != nil || len(dead) != 3 || dead[0].Error != "never" {
		t.Errorf("dead: %+v, %v", dead, err)
	}
}

// frozen renews and claims nothing when it is told to, as a process that is
// stopped.
type frozen struct {
	*store.Store
	now atomic.Bool
}

func (f *frozen) Claim(ctx context.Context, kind string, n int, lease time.Duration, busy []string) ([]store.Task, error) {
	if f.now.Load() {
		return nil, nil
	}
	return f.Store.Claim(ctx, kind, n, lease, busy)
}

func (f *frozen) Renew(ctx context.Context, l []store.Lease, d time.Duration) ([]store.Lease, error) {
	if f.now.Load() {
		return nil, nil
	}
	return f.Store.Renew(ctx, l, d)
}

func TestLeaseIsKeptAndLost(t *testing.T) {
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, other := open(t, url, "one"), open(t, url, "two")
	add(t, s, 1, "slow")
	queue := &frozen{Store: s}
	began, ended := make(chan struct{}), make(chan error, 1)
	const lease = 300 * time.Millisecond
	work(t, schedule.Options{Queue: queue, Poll: 5 * time.Millisecond, Lease: lease, Do: func(ctx context.Context, task store.Task) error {
		close(began)
		<-ctx.Done()
		err := s.Done(context.WithoutCancel(ctx), task.Lease)
		ended <- errors.Join(context.Cause(ctx), err)
		return err
	}}, time.Second)
	<-began
	time.Sleep(3 * lease)
	if tasks, err := other.Claim(t.Context(), "look", 1, time.Minute, nil); err != nil || len(tasks) > 0 {
		t.Fatalf("a task whose lease is renewed was claimed: %v, %v", tasks, err)
	}
	queue.now.Store(true)
	eventually(t, "another replica has it", func() bool {
		tasks, err := other.Claim(t.Context(), "look", 1, time.Minute, nil)
		return err == nil && len(tasks) == 1
	})
	queue.now.Store(false)
	if err := <-ended; !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the first replica's task ended with %v", err)
	}
}
