package httpx

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

const (
	firstPause = 250 * time.Millisecond
	longPause  = 10 * time.Second
	// maxRetryAfter: a look is due every minute or so; a server that wants
	// longer is asked at a later look.
	maxRetryAfter = time.Minute

	breakerRate   = 0.8
	breakerAsked  = 10
	breakerPeriod = time.Minute
	breakerRest   = 10 * time.Second
)

// newBreaker counts what the server is at fault for.
func newBreaker() circuitbreaker.CircuitBreaker[*Answer] {
	return circuitbreaker.NewBuilder[*Answer]().
		HandleIf(func(_ *Answer, err error) bool {
			failed, ok := errors.AsType[*failure](err)
			return ok && failed.fault
		}).
		WithFailureRateThreshold(breakerRate, breakerAsked, breakerPeriod).
		WithDelay(breakerRest).
		WithSuccessThreshold(1).
		Build()
}

// newRetry repeats what its failure says may be repeated. Each attempt passes
// the gate and then the breaker.
func newRetry(attempts int, breaker circuitbreaker.CircuitBreaker[*Answer]) failsafe.Executor[*Answer] {
	return failsafe.With(retrypolicy.NewBuilder[*Answer]().
		HandleIf(func(_ *Answer, err error) bool {
			if failed, ok := errors.AsType[*failure](err); ok {
				return failed.retry
			}
			// The one request that a half-open breaker lets through is under
			// way: its result comes soon.
			return errors.Is(err, circuitbreaker.ErrOpen) && breaker.IsHalfOpen()
		}).
		WithMaxAttempts(attempts + 1). // one more for a replaced credential; failures count their own
		WithDelayFunc(func(e failsafe.ExecutionAttempt[*Answer]) time.Duration {
			if failed, ok := errors.AsType[*failure](e.LastError()); ok {
				return failed.pause
			}
			return firstPause << min(e.Attempts(), 5)
		}).
		ReturnLastFailure().
		Build())
}

// backoff counts the pauses of one request.
type backoff struct{ n int }

// next returns the next pause: 250 ms doubled each time up to 10 s, varied by
// half so that clients do not come back together, and at least what the
// server asked for.
func (b *backoff) next(asked time.Duration) time.Duration {
	pause := min(firstPause<<min(b.n, 10), longPause)
	b.n++
	varied := time.Duration(float64(pause) * (0.5 + rand.Float64()))
	if asked > 0 {
		return asked + varied/4
	}
	return varied
}

// retryAfter returns how long the server asks to wait: Retry-After in seconds
// or as a date (RFC 9110, section 10.2.3), else the seconds in resetHeader.
// 0: it does not say, or the moment has passed.
func retryAfter(h http.Header, resetHeader string, now time.Time) time.Duration {
	if d, ok := RetryAfter(h.Get("Retry-After"), now); ok {
		return d
	}
	if resetHeader != "" {
		if d, ok := seconds(strings.TrimSpace(h.Get(resetHeader))); ok {
			return d
		}
	}
	return 0
}

// RetryAfter reads the value of a Retry-After header: seconds, or a date, of
// which one that has passed is 0. False: it is neither.
func RetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if d, ok := seconds(value); ok {
		return d, true
	}
	t, err := http.ParseTime(value)
	return max(0, t.Sub(now)), err == nil
}

func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	const most = float64(math.MaxInt64/int64(time.Second)) - 1
	return time.Duration(min(f, most) * float64(time.Second)), true
}
