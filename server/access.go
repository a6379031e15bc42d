package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
)

// RequestIDHeader carries the id under which the log knows a request. A
// caller may choose it; the answer always has it.
const RequestIDHeader = "X-Request-Id"

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// outcome is what the log says of a request. The layers of one request run
// one after the other and fill it in.
type outcome struct {
	id                        string
	procedure, protocol, code string
	caller                    string
	// err is set if somebody should look at it.
	err error
}

type outcomeKey struct{}

// outcomeOf returns the request's outcome; one that nobody reads if there is
// none.
func outcomeOf(ctx context.Context) *outcome {
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		return o
	}
	return &outcome{}
}

// accessLog gives every request an id, logs its outcome, and keeps a panic
// from taking more than its own request. Bodies are never logged: samples are
// the caller's business.
type accessLog struct {
	next http.Handler
	log  *slog.Logger
	// stall is how long a client may leave an answer unread.
	stall time.Duration
}

func (a *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	path := r.URL.Path // the transcoder rewrites it
	o := &outcome{id: r.Header.Get(RequestIDHeader)}
	if !requestID.MatchString(o.id) {
		o.id = uuid.NewString()
	}
	w.Header().Set(RequestIDHeader, o.id)
	answer := &answerWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: a.stall}
	body := &bodyReader{ReadCloser: r.Body}
	r = r.WithContext(context.WithValue(r.Context(), outcomeKey{}, o))
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = body
	}
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
			logPanic(r.Context(), a.log, path, p)
			o.code = connect.CodeInternal.String()
			if answer.status == 0 {
				writeStatus(answer, asRPC(internal(o.id)))
				p = nil
			} else {
				p = http.ErrAbortHandler // the answer has begun: cut it rather than end it as if whole
			}
		}
		answer.hurry() // with what net/http still holds
		a.write(r, path, o, body, answer, time.Since(start))
		if p != nil {
			panic(p) //nolint:forbidigo // net/http ends the request with it
		}
	}()
	a.next.ServeHTTP(answer, r)
}

func (a *accessLog) write(r *http.Request, path string, o *outcome, body *bodyReader, answer *answerWriter, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case o.err != nil:
		level = slog.LevelError
	case isProbe(path):
		level = slog.LevelDebug
	}
	if !a.log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", o.id),
		slog.String("method", r.Method),
		slog.String("path", path),
		slog.String("http", r.Proto),
		slog.Int("status", max(answer.status, http.StatusOK)),
		slog.Duration("duration", took),
		slog.Int64("bytes_in", body.n),
		slog.Int64("bytes_out", answer.n),
		slog.String("remote", r.RemoteAddr),
		slog.String("user_agent", r.UserAgent()),
	}
	if o.caller != "" {
		attrs = append(attrs, slog.String("caller", o.caller))
	}
	if o.procedure != "" {
		attrs = append(attrs, slog.String("procedure", o.procedure), slog.String("protocol", o.protocol))
	}
	if code := o.code; code != "" {
		attrs = append(attrs, slog.String("code", code))
	} else if code := answer.Header().Get("Grpc-Status"); code != "" {
		attrs = append(attrs, slog.String("code", code)) // refused before it could be decoded
	}
	if o.err != nil {
		attrs = append(attrs, slog.String("error", o.err.Error()))
	}
	a.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// isProbe reports whether path is asked every few seconds by machines.
func isProbe(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics" || strings.HasPrefix(path, "/grpc.health.")
}

// logPanic logs a panic with its stack. Call it from the deferred function.
func logPanic(ctx context.Context, log *slog.Logger, where string, p any) {
	log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("request_id", outcomeOf(ctx).id), slog.String("where", where),
		slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
}

// bodyReader counts what was read.
type bodyReader struct {
	io.ReadCloser
	n int64
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// answerWriter counts what was written and cuts off a client that does not
// take it.
type answerWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int
	n       int64
}

// Unwrap lets http.ResponseController through.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.hurry()
	n, err := w.ResponseWriter.Write(p)
	w.rest()
	w.n += int64(n)
	return n, err
}

// Flush is what streams need; a plain recorder in a test may lack it.
func (w *answerWriter) Flush() {
	w.hurry()
	_ = w.control.Flush()
	w.rest()
}

// hurry starts the time that the client has to take what is written.
func (w *answerWriter) hurry() {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall)) // not every connection has one
}

// rest ends it. Over HTTP/2 a deadline ends even a stream that has nothing to
// write, such as a watch between two states.
func (w *answerWriter) rest() { _ = w.control.SetWriteDeadline(time.Time{}) }
