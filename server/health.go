package server

import (
	"io"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// health answers probes: alive as long as it answers, ready until it stops.
type health struct {
	grpc     *grpchealth.StaticChecker
	services []string
}

func newHealth(services ...string) *health {
	return &health{grpc: grpchealth.NewStaticChecker(services...), services: services}
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
		plain(w, http.StatusOK, "ready\n")
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone if this fails
}
