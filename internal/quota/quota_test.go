package quota

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a clock that a test moves.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func newKeeper(t rapid.TB, o Options) (*Keeper, *clock) {
	t.Helper()
	c := &clock{}
	c.advance(1e6 * time.Second)
	o.Now = c.now
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

func mustAcquire(t rapid.TB, k *Keeper, key Key) func() {
	t.Helper()
	release, err := k.Acquire(key)
	if err != nil {
		t.Fatalf("%+v: %v", key, err)
	}
	return release
}

func mustExceed(t rapid.TB, k *Keeper, key Key, limit Limit) *ExceededError {
	t.Helper()
	_, err := k.Acquire(key)
	e, ok := errors.AsType[*ExceededError](err)
	if !ok || e.Limit != limit || e.Key != key || e.RetryAfter <= 0 {
		t.Fatalf("%+v: %v, want that its limit %s is exceeded", key, err, limit)
	}
	return e
}

func TestRate(t *testing.T) {
	t.Parallel()
	k, clock := newKeeper(t, Options{Rate: 2, Burst: 3})
	alice := Key{Tenant: "payments", Name: "alice"}
	for range 3 {
		mustAcquire(t, k, alice)()
	}
	e := mustExceed(t, k, alice, Rate)
	if e.RetryAfter != 500*time.Millisecond {
		t.Errorf("retry after %v, want 500ms: two requests a second", e.RetryAfter)
	}
	const text = `the caller "alice" of the tenant "payments" may send 2 requests a second and 3 at once: try again in 500ms`
	if e.Error() != text {
		t.Errorf("the text is\n%s, want\n%s", e, text)
	}
	// Somebody else, and the same name elsewhere, are not meant.
	mustAcquire(t, k, Key{Tenant: "payments", Name: "bob"})()
	mustAcquire(t, k, Key{Tenant: "shipping", Name: "alice"})()

	clock.advance(e.RetryAfter - time.Nanosecond)
	mustExceed(t, k, alice, Rate)
	clock.advance(time.Nanosecond)
	mustAcquire(t, k, alice)()
	mustExceed(t, k, alice, Rate)
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t, Options{Rate: 1, Burst: 3, Concurrent: 2})
	alice := Key{Name: "alice"}
	first := mustAcquire(t, k, alice)
	mustAcquire(t, k, alice)
	// What concurrency refuses does not use up the rate: one is left.
	for range 10 {
		e := mustExceed(t, k, alice, Concurrent)
		if want := `the caller "alice" may have 2 requests running at the same time, and has: wait for one to end`; e.Error() != want {
			t.Fatalf("the text is\n%s, want\n%s", e, want)
		}
	}
	first()
	first() // the second time means nothing
	mustAcquire(t, k, alice)
	mustExceed(t, k, alice, Concurrent)
}

func TestForgetting(t *testing.T) {
	t.Parallel()
	k, clock := newKeeper(t, Options{Rate: 1, Burst: 2, Concurrent: 5, Callers: 3})
	key := func(name string) Key { return Key{Name: name} }
	spent := func(name string) {
		mustAcquire(t, k, key(name))()
		mustAcquire(t, k, key(name))()
	}
	spent("exhausted")
	mustAcquire(t, k, key("running"))
	spent("other")

	// Nobody may be forgotten: two newcomers share one quota.
	mustAcquire(t, k, key("new 1"))()
	mustAcquire(t, k, key("new 2"))()
	e := mustExceed(t, k, key("new 3"), Rate)
	const text = `the caller "new 3" shares its quota with other new callers, since 3 are active: together they may send 1 requests a second and 2 at once: try again in 1s`
	if !e.Shared || e.Error() != text {
		t.Errorf("the text is\n%s, want\n%s", e, text)
	}
	// However many come, the exhausted one stays so.
	mustExceed(t, k, key("exhausted"), Rate)

	// Two seconds on, those two are like new and make room; the one that runs
	// is still known.
	clock.advance(2 * time.Second)
	spent("new 1")
	spent("new 2")
	mustExceed(t, k, key("new 1"), Rate)
	if len(k.callers) != 3 || k.callers[key("running")] == nil || k.callers[key("exhausted")] != nil {
		t.Errorf("known are %v", k.callers)
	}
}

// TestNobodyGetsMore: whatever callers do, nobody's requests in any span of
// time exceed its burst and what the rate gives in that span, nobody has more
// running than it may, and a caller who waits as long as it was told is let in.
func TestNobodyGetsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Rate:       rapid.Float64Range(0.1, 1000).Draw(t, "rate"),
			Burst:      rapid.IntRange(1, 5).Draw(t, "burst"),
			Concurrent: rapid.IntRange(1, 4).Draw(t, "concurrent"),
			Callers:    rapid.IntRange(1, 4).Draw(t, "callers"),
		}
		k, clock := newKeeper(t, o)
		type request struct {
			key     Key
			release func()
		}
		var (
			running  []request
			admitted = map[Key][]time.Time{}
			count    = map[Key]int{}
		)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"acquire", "acquire", "release", "wait"}).Draw(t, "step") {
			case "acquire":
				key := Key{Name: fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "caller"))}
				release, err := k.Acquire(key)
				if e, ok := errors.AsType[*ExceededError](err); ok && e.Limit == Rate {
					clock.advance(e.RetryAfter)
					release, err = k.Acquire(key)
					if e, ok := errors.AsType[*ExceededError](err); ok && e.Limit == Rate {
						t.Fatalf("waiting as long as told did not help: %v", e)
					}
				}
				if err != nil {
					break
				}
				count[key]++
				admitted[key] = append(admitted[key], clock.now())
				running = append(running, request{key, release})
				if count[key] > 2*o.Concurrent { // its own, and those of newcomers that began before it had its own
					t.Fatalf("%v has %d requests running", key, count[key])
				}
			case "release":
				if len(running) == 0 {
					break
				}
				i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
				running[i].release()
				count[running[i].key]--
				running = append(running[:i], running[i+1:]...)
			case "wait":
				clock.advance(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "for")))
			}
			if len(k.callers) > o.Callers {
				t.Fatalf("%d callers are remembered, at most %d may be", len(k.callers), o.Callers)
			}
		}
		for key, times := range admitted {
			for i := range times {
				for j := i; j < len(times); j++ {
					// Twice: a caller may have had its part of the newcomers' quota
					// before it got its own. 1e-6 is for the bucket's float64.
					most := 2 * (float64(o.Burst) + o.Rate*times[j].Sub(times[i]).Seconds() + 1e-6)
					if n := j - i + 1; float64(n) > most {
						t.Fatalf("%v: %d requests in %v, at most %g may be", key, n, times[j].Sub(times[i]), most)
					}
				}
			}
		}
	})
}

// TestTogether is for the race detector, and counts.
func TestTogether(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t, Options{Rate: 1000, Burst: 50, Concurrent: 3, Callers: 4})
	var (
		running, admitted [4]atomic.Int64
		group             sync.WaitGroup
	)
	for worker := range 16 {
		group.Go(func() {
			for range 500 {
				who := worker % len(running)
				release, err := k.Acquire(Key{Name: fmt.Sprint(who)})
				if err != nil {
					continue
				}
				admitted[who].Add(1)
				if n := running[who].Add(1); n > 3 {
					t.Errorf("%d requests of one caller are running, at most 3 may be", n)
				}
				running[who].Add(-1)
				release()
			}
		})
	}
	group.Wait()
	for who := range admitted {
		// The clock stands still, and each was tried 2000 times.
		if n := admitted[who].Load(); n != 50 {
			t.Errorf("caller %d sent %d requests, its burst is 50", who, n)
		}
	}
}

func TestNoLimits(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t, Options{})
	for i := range 1000 {
		mustAcquire(t, k, Key{Name: fmt.Sprint(i)})
	}
	if len(k.callers) != 0 {
		t.Errorf("%d callers are remembered for nothing", len(k.callers))
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"rate":       {Options{Rate: -1}, "the rate is -1"},
		"no number":  {Options{Rate: math.NaN()}, "the rate is NaN"},
		"burst":      {Options{Rate: 1, Burst: -1}, "burst -1"},
		"burst only": {Options{Burst: 5}, "without a rate"},
		"concurrent": {Options{Concurrent: -2}, "concurrent -2"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	k, err := New(Options{Rate: 0.5})
	if err != nil || k.options.Burst != 1 {
		t.Errorf("a rate of 0.5 has a burst of %d, want 1 (%v)", k.options.Burst, err)
	}
}

func BenchmarkAcquire(b *testing.B) {
	limited := Options{Rate: 1e12, Burst: math.MaxInt32, Concurrent: 1 << 30}
	b.Run("one caller", func(b *testing.B) {
		k, err := New(limited)
		if err != nil {
			b.Fatal(err)
		}
		key := Key{Tenant: "payments", Name: "alice"}
		for b.Loop() {
			release, err := k.Acquire(key)
			if err != nil {
				b.Fatal(err)
			}
			release()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		k, err := New(limited)
		if err != nil {
			b.Fatal(err)
		}
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			key := Key{Name: fmt.Sprint(n.Add(1))}
			for pb.Next() {
				release, err := k.Acquire(key)
				if err != nil {
					b.Error(err)
					return
				}
				release()
			}
		})
	})
	b.Run("newcomers when full", func(b *testing.B) {
		k, err := New(Options{Rate: 1e-6, Burst: 1, Callers: 10000})
		if err != nil {
			b.Fatal(err)
		}
		keys := make([]Key, 20000)
		for i := range keys {
			keys[i] = Key{Name: fmt.Sprint(i)}
			_, _ = k.Acquire(keys[i])
		}
		i := 0
		for b.Loop() {
			_, _ = k.Acquire(keys[10000+i%10000])
			i++
		}
	})
}
