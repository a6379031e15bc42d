package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/metrics"
)

func TestErrorCodes(t *testing.T) {
	ofSource := func(r metrics.Reason) error {
		return fmt.Errorf("wrapped: %w", &metrics.Error{Op: "query", Source: "prod", Reason: r, Err: errors.New("x"), Hint: "do y"})
	}
	deadline, cancel := context.WithTimeoutCause(context.Background(), 0, fmt.Errorf("too slow: %w", context.DeadlineExceeded))
	defer cancel()
	for _, c := range []struct {
		err    error
		code   connect.Code
		reason string
	}{
		{ofSource(metrics.Unavailable), connect.CodeUnavailable, "SOURCE_UNAVAILABLE"},
		{ofSource(metrics.BadQuery), connect.CodeInvalidArgument, "SOURCE_BAD_QUERY"},
		{ofSource(metrics.Denied), connect.CodeFailedPrecondition, "SOURCE_DENIED"},
		{ofSource(metrics.Throttled), connect.CodeResourceExhausted, "SOURCE_THROTTLED"},
		{ofSource(metrics.BadAnswer), connect.CodeUnknown, "SOURCE_BAD_ANSWER"},
		{ofSource(metrics.TooLarge), connect.CodeOutOfRange, "SOURCE_TOO_LARGE"},
		{ofSource(metrics.Misconfigured), connect.CodeFailedPrecondition, "SOURCE_MISCONFIGURED"},
		{ofSource(metrics.Canceled), connect.CodeCanceled, "SOURCE_CANCELED"},
		{&analysis.ConfigError{Config: "c", Problems: []string{"a", "b"}}, connect.CodeInvalidArgument, "CONFIG"},
		{context.Canceled, connect.CodeCanceled, "CANCELED"},
		{context.Cause(deadline), connect.CodeDeadlineExceeded, "DEADLINE_EXCEEDED"},
		{notFound("CONFIG", "no %d", 7), connect.CodeNotFound, "CONFIG_NOT_FOUND"},
		{alreadyExists("CONFIG_EXISTS", "there"), connect.CodeAlreadyExists, "CONFIG_EXISTS"},
		{stale("old"), connect.CodeAborted, "STALE_REVISION"},
		{notYet("LATER", "wait"), connect.CodeFailedPrecondition, "LATER"},
		{exhausted("FULL", time.Second, "full"), connect.CodeResourceExhausted, "FULL"},
		{stopping(), connect.CodeUnavailable, "STOPPING"},
		{errors.New("?"), connect.CodeInternal, "INTERNAL"},
	} {
		e := asRPC(c.err)
		if e.Code() != c.code || e.Message() != c.err.Error() {
			t.Errorf("%v: got %v %q, want %v and the same text", c.err, e.Code(), e.Message(), c.code)
		}
		value, err := e.Details()[0].Value()
		info, ok := value.(*errdetails.ErrorInfo)
		if err != nil || !ok || info.GetReason() != c.reason || info.GetDomain() != "judged.dev" {
			t.Errorf("%v: the first detail is %v, want reason %s", c.err, value, c.reason)
		}
	}
	if already := connect.NewError(connect.CodeUnauthenticated, errors.New("who?")); asRPC(already) != already {
		t.Error("a wire error was changed")
	}
	if asRPC(nil) != nil {
		t.Error("no error became one")
	}
}

// An error fits into the trailers that clients accept.
func TestLongErrors(t *testing.T) {
	long := &analysis.ConfigError{Config: "c"}
	for n := range 1000 {
		long.Problems = append(long.Problems, fmt.Sprintf("problem %d: %s", n, strings.Repeat("é", 50)))
	}
	e := asRPC(long)
	size := len(e.Message())
	for _, d := range e.Details() {
		size += len(d.Bytes())
	}
	if size > 2*maxText+1000 || !strings.HasSuffix(e.Message(), "…") {
		t.Errorf("the error has %d bytes and ends with %q", size, e.Message()[len(e.Message())-10:])
	}
}

// A panic outside the RPC handlers, and one after the answer has begun.
func TestPanicOutsideHandlers(t *testing.T) {
	log := newTestLog()
	a := &accessLog{log: log.logger, stall: time.Second, next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = w.Write([]byte("half an ans"))
		}
		panic("broken")
	})}
	s := httptest.NewServer(a)
	defer s.Close()
	response, err := http.Get(s.URL + "/early")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusInternalServerError || response.Header.Get(RequestIDHeader) == "" {
		t.Errorf("early: status %d", response.StatusCode)
	}
	if response, err := http.Get(s.URL + "/late"); err == nil {
		buffer := make([]byte, 100)
		n, err := response.Body.Read(buffer)
		for err == nil {
			n, err = response.Body.Read(buffer)
		}
		if err.Error() == "EOF" {
			t.Errorf("late: the half answer ended as if whole (%d bytes)", n)
		}
		response.Body.Close()
	}
	if got := strings.Count(log.String(), "msg=panic"); got != 2 {
		t.Errorf("%d panics logged: %s", got, log)
	}
}

type testLog struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	logger *slog.Logger
}

func newTestLog() *testLog {
	l := &testLog{}
	l.logger = slog.New(slog.NewTextHandler(l, nil))
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
