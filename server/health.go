package server

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// health answers probes: alive as long as it answers, ready until it stops, and
// while its store can be written.
type health struct {
	grpc     *grpchealth.StaticChecker
	services []string
	check    func(context.Context) error

	mu      sync.Mutex
	checked time.Time
	result  error
}

func newHealth(check func(context.Context) error, services ...string) *health {
	return &health{grpc: grpchealth.NewStaticChecker(services...), services: services, check: check}
}

// checkEvery bounds what probes ask of the store, and checkTimeout how long they
// wait.
const (
	checkEvery   = time.Second
	checkTimeout = 2 * time.Second
)

// stored returns why the store cannot be written.
func (h *health) stored(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) > checkEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		h.result, h.checked = h.check(ctx), time.Now()
	}
	return h.result
}

// stop makes load balancers send their requests elsewhere.
func (h *health) stop() {
	for _, s := range append([]string{""}, h.services...) {
		h.grpc.SetStatus(s, grpchealth.StatusNotServing)
	}
}

func (h *health) mount(mux *http.ServeMux, options ...connect.HandlerOption) {
	mux.Handle(grpchealth.NewHandler(h.grpc, options...))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answer, err := h.grpc.Check(r.Context(), &grpchealth.CheckRequest{})
		if err != nil || answer.Status != grpchealth.StatusServing {
			plain(w, http.StatusServiceUnavailable, "stopping\n")
			return
		}
		if err := h.stored(r.Context()); err != nil {
			outcomeOf(r.Context()).err = err
			plain(w, http.StatusServiceUnavailable, "the store cannot be written\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone if this fails
}
