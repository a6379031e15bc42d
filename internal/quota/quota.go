// Package quota keeps each caller within its share of a server: so many
// requests a second, so many at the same time.
//
// Callers are told apart by tenant and name. A [Keeper] remembers a bounded
// number of them. It forgets only callers whom forgetting gives nothing: with
// no request running and their whole burst saved up, they are like new. When
// there are none such, callers who are not yet known share one quota until
// there is room. So inventing names buys one caller's share, not one a name.
package quota

import (
	"container/list"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Options are the limits of every single caller. Zero means no limit.
type Options struct {
	// Rate is how many requests a second a caller may send in the long run.
	Rate float64
	// Burst is how many may come at once. Default: Rate rounded up.
	Burst int
	// Concurrent is how many requests of a caller may run at the same time.
	Concurrent int
	// Callers bounds how many callers are remembered. Default 10000, which
	// take about 4 MB.
	Callers int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Key is who a quota belongs to.
type Key struct{ Tenant, Name string }

// Limit is one of the limits in Options.
type Limit string

// The limits.
const (
	Rate       Limit = "rate"
	Concurrent Limit = "concurrent"
)

// ExceededError says that a caller has used up its share.
type ExceededError struct {
	Key   Key
	Limit Limit
	// RetryAfter is when the same request may succeed. For the rate it is when
	// the next request is due; for concurrency, where nobody knows, a second.
	RetryAfter time.Duration
	// Shared: the limit is that of all callers who are not yet known, because
	// too many are.
	Shared bool

	options Options
}

// Error says which limit it is, and when to try again.
func (e *ExceededError) Error() string {
	who := fmt.Sprintf("the caller %q of the tenant %q", e.Key.Name, e.Key.Tenant)
	if e.Key.Tenant == "" {
		who = fmt.Sprintf("the caller %q", e.Key.Name)
	}
	if e.Shared {
		who = fmt.Sprintf("%s shares its quota with other new callers, since %d are active: together they", who, e.options.Callers)
	}
	if e.Limit == Concurrent {
		return fmt.Sprintf("%s may have %d requests running at the same time, and has: wait for one to end", who, e.options.Concurrent)
	}
	return fmt.Sprintf("%s may send %g requests a second and %d at once: try again in %v",
		who, e.options.Rate, e.options.Burst, e.RetryAfter.Round(time.Millisecond))
}

// Keeper keeps the quotas. It is safe for concurrent use.
type Keeper struct {
	options Options

	mu      sync.Mutex
	callers map[Key]*caller
	// idle are the callers with nothing running, the last one seen in front.
	idle *list.List
	// newcomers is the quota that callers share for whom there is no room.
	newcomers *caller
}

// caller is what is known of one; Keeper.mu guards it.
type caller struct {
	key     Key
	bucket  *rate.Limiter // nil: no limit
	running int
	place   *list.Element // in Keeper.idle; nil: not idle
}

// New returns a Keeper, or an error if the options contradict themselves.
func New(o Options) (*Keeper, error) {
	switch {
	case math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) || o.Rate < 0:
		return nil, fmt.Errorf("quota: the rate is %g requests a second; it must be a number, and 0 for no limit", o.Rate)
	case o.Burst < 0 || o.Concurrent < 0 || o.Callers < 0:
		return nil, fmt.Errorf("quota: a limit is negative (burst %d, concurrent %d, callers %d); 0 is for the default", o.Burst, o.Concurrent, o.Callers)
	case o.Burst > 0 && o.Rate == 0:
		return nil, fmt.Errorf("quota: a burst of %d without a rate limits nothing; give a rate, too", o.Burst)
	}
	if o.Burst == 0 {
		o.Burst = int(min(math.Ceil(o.Rate), math.MaxInt32))
	}
	if o.Callers == 0 {
		o.Callers = 10000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{options: o, callers: map[Key]*caller{}, idle: list.New()}
	k.newcomers = k.newCaller(Key{})
	return k, nil
}

func (k *Keeper) newCaller(key Key) *caller {
	c := &caller{key: key}
	if k.options.Rate > 0 {
		c.bucket = rate.NewLimiter(rate.Limit(k.options.Rate), k.options.Burst)
	}
	return c
}

// Acquire takes one request from the caller's quota, or returns an *ExceededError.
// Call release when the request has ended, as often as you like. A request
// that was refused costs the caller nothing.
func (k *Keeper) Acquire(key Key) (release func(), err error) {
	if k.options.Rate == 0 && k.options.Concurrent == 0 {
		return func() {}, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.options.Now()
	c := k.find(key, now)
	if err := k.take(c, key, now); err != nil {
		return nil, err
	}
	var released atomic.Bool
	return func() {
		if !released.Swap(true) {
			k.release(c)
		}
	}, nil
}

// find returns the caller's quota.
func (k *Keeper) find(key Key, now time.Time) *caller {
	if c := k.callers[key]; c != nil {
		return c
	}
	if len(k.callers) >= k.options.Callers && !k.forget(now) {
		return k.newcomers
	}
	c := k.newCaller(key)
	c.place = k.idle.PushFront(c)
	k.callers[key] = c
	return c
}

// candidates is how many callers are looked at to find one to forget. The one
// who was quiet for longest is most likely to have its burst saved up, and a
// full search would make every newcomer cost as much as there are callers.
const candidates = 8

// forget makes room for a caller, or reports that there is nobody to forget.
func (k *Keeper) forget(now time.Time) bool {
	place := k.idle.Back()
	for range candidates {
		if place == nil {
			return false
		}
		c, _ := place.Value.(*caller)
		if c.bucket == nil || c.bucket.TokensAt(now) >= float64(k.options.Burst) {
			k.idle.Remove(place)
			delete(k.callers, c.key)
			return true
		}
		place = place.Prev()
	}
	return false
}

func (k *Keeper) take(c *caller, key Key, now time.Time) error {
	exceeded := func(limit Limit, retry time.Duration) error {
		return &ExceededError{Key: key, Limit: limit, RetryAfter: retry, Shared: c == k.newcomers, options: k.options}
	}
	// Concurrency first: a request that it refuses must not use up the rate.
	if k.options.Concurrent > 0 && c.running >= k.options.Concurrent {
		return exceeded(Concurrent, time.Second)
	}
	if c.bucket != nil && !c.bucket.AllowN(now, 1) {
		missing := (1 - c.bucket.TokensAt(now)) / k.options.Rate
		return exceeded(Rate, time.Duration(min(math.Ceil(missing*1e9), math.MaxInt64/2)))
	}
	c.running++
	if c.place != nil {
		k.idle.Remove(c.place)
		c.place = nil
	}
	return nil
}

func (k *Keeper) release(c *caller) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.running--
	if c.running == 0 && c != k.newcomers {
		c.place = k.idle.PushFront(c)
	}
}
