package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
)

// attempts counts all tries of a call, the first included.
const attempts = 5

// Whether a call may reach the server twice.
const (
	repeatable = true
	once       = false
)

// call sends a request, and again while that may help: a repeatable one whenever
// the server was out of reach or asked for it, another one only if it certainly
// was not carried out.
func call[Request, Response any](ctx context.Context, c *Client, op string, again bool,
	do func(context.Context, *connect.Request[Request]) (*connect.Response[Response], error), message *Request,
) (*Response, error) {
	var err error
	for attempt := 1; ; attempt++ {
		var response *connect.Response[Response]
		if response, err = try(ctx, c, do, message); err == nil {
			return response.Msg, nil
		}
		if attempt == attempts || !(again && transient(ctx, err) || notDone(err)) {
			break
		}
		if pauseErr := c.pause(ctx, attempt, err); pauseErr != nil {
			break
		}
	}
	if ctx.Err() != nil {
		// The caller's time has run out, whatever the last try made of that.
		code, cause := connect.CodeCanceled, context.Cause(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			code = connect.CodeDeadlineExceeded
		}
		if !errors.Is(err, cause) {
			err = fmt.Errorf("%w; the last try: %w", cause, err)
		}
		err = connect.NewError(code, err)
	}
	return nil, newError(op, err)
}

// try sends a request once; or twice if its token was refused and there is
// another one by now.
func try[Request, Response any](ctx context.Context, c *Client,
	do func(context.Context, *connect.Request[Request]) (*connect.Response[Response], error), message *Request,
) (*connect.Response[Response], error) {
	ctx, cancel := context.WithTimeout(ctx, c.times.try)
	defer cancel()
	request := connect.NewRequest(message)
	sent, err := c.authorize(ctx, request.Header())
	if err != nil {
		return nil, err
	}
	response, err := do(ctx, request)
	if connect.CodeOf(err) == connect.CodeUnauthenticated && c.token != nil {
		request = connect.NewRequest(message)
		if now, failed := c.authorize(ctx, request.Header()); failed == nil && now != sent {
			response, err = do(ctx, request)
		}
	}
	return response, err
}

// authorize puts the token into a request's headers and returns it.
func (c *Client) authorize(ctx context.Context, h http.Header) (string, error) {
	if c.token == nil {
		return "", nil
	}
	token, err := c.token(ctx)
	if err == nil {
		err = bearer(token)
	}
	if _, passes := errors.AsType[*issuerError](err); passes {
		return "", connect.NewError(connect.CodeUnavailable, err)
	}
	if err != nil {
		return "", connect.NewError(connect.CodeUnauthenticated, fmt.Errorf("there is no token to send: %w", err))
	}
	h.Set("Authorization", "Bearer "+token)
	return token, nil
}

// transient reports whether the same call may work in a moment.
func transient(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable:
		return true
	case connect.CodeDeadlineExceeded, connect.CodeCanceled:
		// Not the caller's; nor the server's own bound, at which it would end again.
		return !connect.IsWireError(err)
	default:
		// An answer that was cut off.
		_, network := errors.AsType[*net.OpError](err)
		return network || errors.Is(err, io.ErrUnexpectedEOF) || notDone(err)
	}
}

// notDone reports whether the server has certainly not begun with a call: it was
// not reached, or refused to take more. Of requests that are too large it says
// the same, without a time.
func notDone(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	e, ok := errors.AsType[*connect.Error](err)
	return ok && e.Code() == connect.CodeResourceExhausted && e.Meta().Get("Retry-After") != ""
}

// Bounds of a pause.
const (
	longestPause = 10 * time.Second
	longestAsked = time.Minute // what a server may ask for
)

// pause waits before the next try. It returns early with the context's cause.
func (c *Client) pause(ctx context.Context, attempt int, err error) error {
	return sleep(ctx, wait(c.times.pause, attempt, err, time.Now()))
}

// wait returns how long to wait after a failed try: as long as the server asks,
// or longer with every attempt, and a random part of it more or less. Many
// clients of a server that was away must not come back at the same moment.
func wait(first time.Duration, attempt int, err error, now time.Time) time.Duration {
	w := min(first<<min(attempt-1, 10), longestPause)
	w = w/2 + rand.N(w)
	if asked := min(retryAfter(err, now), longestAsked); asked > 0 {
		w = max(w, asked+rand.N(asked/4+1)) // never sooner than asked
	}
	return w
}

// retryAfter returns how long a server asks to be left alone, 0 if it does not
// say. Proxies write a date (RFC 9110, section 10.2.3).
func retryAfter(err error, now time.Time) time.Duration {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return 0
	}
	text := e.Meta().Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
