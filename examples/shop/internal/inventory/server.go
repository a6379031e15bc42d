package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

type batchRequest struct {
	SKUs []string `json:"skus"`
}

type stockResponse struct {
	Stock int `json:"stock"`
}

type reserveRequest struct {
	Lines []Line `json:"lines"`
}

type settleRequest struct {
	Orders []string `json:"orders"`
}

// maxBody is far above the largest request of the shop, in bytes.
const maxBody = 1 << 16

// NewServer returns the inventory's HTTP interface.
func NewServer(storage *Storage, tracer trace.Tracer, log *slog.Logger) http.Handler {
	s := &server{tracer: tracer, log: log, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	s.handle("GET /items", func(r *http.Request) (any, error) {
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		if err != nil {
			return nil, ErrUnknown
		}
		return storage.Page(r.Context(), page)
	})
	s.handle("GET /items/{sku}", func(r *http.Request) (any, error) {
		return storage.Item(r.Context(), r.PathValue("sku"))
	})
	s.handle("POST /items/batch", func(r *http.Request) (any, error) {
		var request batchRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, &malformedError{err}
		}
		return storage.Items(r.Context(), request.SKUs)
	})
	s.handle("GET /stock/{sku}", func(r *http.Request) (any, error) {
		stock, err := storage.Stock(r.Context(), r.PathValue("sku"))
		return stockResponse{stock}, err
	})
	s.handle("POST /reservations", func(r *http.Request) (any, error) {
		var request reserveRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, &malformedError{err}
		}
		return struct{}{}, storage.Reserve(r.Context(), request.Lines)
	})
	s.handle("POST /settlements", func(r *http.Request) (any, error) {
		var request settleRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, &malformedError{err}
		}
		return struct{}{}, storage.Settle(r.Context(), request.Orders)
	})
	return s.mux
}

type server struct {
	tracer trace.Tracer
	log    *slog.Logger
	mux    *http.ServeMux
}

// malformedError is a request body that is not what the route takes.
type malformedError struct{ error }

func (e *malformedError) Unwrap() error { return e.error }

// handle serves a pattern inside a span that continues the caller's trace.
func (s *server) handle(pattern string, answer func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := s.tracer.Start(ctx, pattern, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()

		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		body, err := answer(r.WithContext(ctx))
		status := statusOf(err)
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if err != nil {
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, err.Error())
				s.log.WarnContext(ctx, "inventory could not answer", "request", pattern, "error", err.Error())
			}
			http.Error(w, err.Error(), status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body) // fails only when the caller is gone
	})
}

func statusOf(err error) int {
	var malformed *malformedError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.As(err, &malformed):
		return http.StatusBadRequest
	case errors.Is(err, context.Canceled):
		return 499 // nginx's code for a caller that left
	}
	return http.StatusServiceUnavailable
}
