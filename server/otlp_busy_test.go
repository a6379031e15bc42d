package server

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/judged-dev/judged/internal/spool"
)

// Senders try again what OTLP calls retryable: 429 and 503, RESOURCE_EXHAUSTED
// only with RetryInfo, UNAVAILABLE.
func TestOTLPRetries(t *testing.T) {
	counted := 0
	r := &receiver{guard: &guard{refused: func(string) { counted++ }}}
	for _, c := range []struct {
		err    error
		code   connect.Code
		status int
		after  string
	}{
		{spool.ErrBusy, connect.CodeResourceExhausted, http.StatusTooManyRequests, "1"},
		{spool.ErrClosed, connect.CodeUnavailable, http.StatusServiceUnavailable, "1"},
		{errors.New("no space left on device"), connect.CodeUnavailable, http.StatusServiceUnavailable, "10"},
	} {
		e := asRPC(r.refused(t.Context(), c.err))
		retry := false
		for _, d := range e.Details() {
			if v, err := d.Value(); err == nil {
				_, is := v.(*errdetails.RetryInfo)
				retry = retry || is
			}
		}
		if e.Code() != c.code || statusOf(e.Code()) != c.status || e.Meta().Get("Retry-After") != c.after || !retry {
			t.Errorf("%v: %v, status %d, after %q, RetryInfo %v", c.err, e, statusOf(e.Code()), e.Meta().Get("Retry-After"), retry)
		}
	}
	if counted != 1 {
		t.Errorf("%d refusals are counted", counted)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := asRPC(r.refused(ctx, spool.ErrBusy)); e.Code() != connect.CodeCanceled {
		t.Error(e)
	}
}
