package storefront

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// accessLogOneIn: the request line of one request in so many is logged, besides those of recorded traces and of
// errors. A line for each would be most of the log and tell nothing new.
const accessLogOneIn = 20

// observe serves a route inside a span, counts and times it, logs it, and turns a panic into a 500.
func (s *Server) observe(route string, answer func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := s.tracer.Start(ctx, r.Method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(
				attribute.String("http.request.method", r.Method),
				attribute.String("http.route", route)))
		defer span.End()

		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		body, err := recoverPanics(r.WithContext(ctx), answer)
		var panicked *panicError
		isPanic := errors.As(err, &panicked)
		status := http.StatusInternalServerError
		if !isPanic {
			status = statusOf(err)
		}
		if err == nil {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body) // fails only when the client is gone
		} else {
			http.Error(w, http.StatusText(status), status)
		}

		duration := time.Since(start)
		s.metrics.request(route, status, duration)
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		line := []any{
			"method", r.Method, "route", route, "status", status,
			"duration_ms", float64(duration.Microseconds()) / 1000,
		}
		switch {
		case isPanic:
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			s.log.ErrorContext(ctx, "panic while serving request", append(line, "error", err.Error(), "at", panicked.at)...)
		case status >= http.StatusInternalServerError:
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			s.log.ErrorContext(ctx, "request failed", append(line, "error", err.Error())...)
		case span.IsRecording() || int(span.SpanContext().TraceID()[0])%accessLogOneIn == 0:
			s.log.InfoContext(ctx, "request served", line...)
		}
	})
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	at    string // where it happened, the innermost function first
}

func (e *panicError) Error() string { return fmt.Sprint(e.value) }

func recoverPanics(r *http.Request, answer func(*http.Request) (any, error)) (body any, err error) {
	defer func() {
		if value := recover(); value != nil {
			body, err = nil, &panicError{value: value, at: panicSite()}
		}
	}()
	return answer(r)
}

// panicSite lists the shop's own functions that were running when the panic happened. debug.Stack would say the same
// in twenty lines.
func panicSite() string {
	var counters [32]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	var sites []string
	for {
		frame, more := frames.Next()
		if function, ours := strings.CutPrefix(path.Base(frame.Function), "storefront."); ours {
			if function == "recoverPanics" {
				break
			}
			sites = append(sites, fmt.Sprintf("%s %s:%d", function, path.Base(frame.File), frame.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(sites, " < ")
}
