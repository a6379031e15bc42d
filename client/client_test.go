package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/client"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// A server that cannot be reached for a moment is asked again, but never
// twice to start without a key.
func TestRetries(t *testing.T) {
	var calls atomic.Int32
	j := start(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
	if _, err := j.client.StartAnalysis(t.Context(), request("")); err == nil || calls.Load() != 1 {
		t.Errorf("without a key: %v after %d calls", err, calls.Load())
	}
	calls.Store(0)
	a, err := j.client.StartAnalysis(t.Context(), request("release-7"))
	if err != nil || calls.Load() != 2 {
		t.Errorf("with a key: %v after %d calls", err, calls.Load())
	}
	b, err := j.client.StartAnalysis(t.Context(), request("release-7"))
	if err != nil || a.GetId() != b.GetId() {
		t.Errorf("the key again: %v, %v", b, err)
	}
	// What was certainly not begun is safe to send again.
	refusals := start(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if calls.Add(1) < 3 {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"code": "resource_exhausted", "message": "too many"}`))
			return
		}
		next.ServeHTTP(w, r)
	})
	calls.Store(0)
	if _, err := refusals.client.StartAnalysis(t.Context(), request("")); err != nil || calls.Load() != 3 {
		t.Errorf("refused for now: %v after %d calls", err, calls.Load())
	}
	// An answer that is cut off is asked for again, and one that does not come.
	cuts := start(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch calls.Add(1) {
		case 1:
			w.Header().Set("Content-Type", "application/proto")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
		case 2:
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			next.ServeHTTP(w, r)
		}
	})
	cuts.client.Try(300 * time.Millisecond)
	calls.Store(0)
	for _, err := range cuts.client.ListConfigs(t.Context()) {
		t.Errorf("cut off: %v", err)
	}
	if calls.Load() != 3 {
		t.Errorf("cut off: %d calls", calls.Load())
	}
	// What the server refuses is not asked again.
	calls.Store(1)
	if _, err := j.client.Judge(t.Context(), &judgedv1.JudgeRequest{}); err == nil || calls.Load() != 2 {
		t.Errorf("refused: %v after %d calls", err, calls.Load())
	}
}

func TestErrors(t *testing.T) {
	j := start(t, nil)
	r := request("")
	r.GetInline().Metrics[0].Judge = "coin"
	r.GetInline().Metrics = append(r.GetInline().Metrics, &judgedv1.Metric{Name: "b", Source: "shop", Query: "q", Judge: "dice"})
	_, err := j.client.StartAnalysis(t.Context(), r)
	var e *client.Error
	if !errors.As(err, &e) || e.Code != connect.CodeInvalidArgument || len(e.Problems) != 2 || e.RequestID == "" {
		t.Fatalf("%#v", err)
	}
	if !strings.HasPrefix(e.Error(), `start the analysis: config "checkout": metric "latency": there is no judge "coin"`) {
		t.Errorf("it reads %s", e)
	}
	c, err := client.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Judge(ctx, &judgedv1.JudgeRequest{}); !errors.As(err, &e) || e.Code != connect.CodeDeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := c.Hurry().Judge(t.Context(), &judgedv1.JudgeRequest{}); !errors.As(err, &e) || e.Code != connect.CodeUnavailable {
		t.Errorf("nobody there: %v", err)
	}
}
