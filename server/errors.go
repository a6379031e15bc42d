package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/policy"
)

// This file is the one place that knows how an error looks on the wire: its
// code, and a google.rpc.ErrorInfo with a reason for programs. The text is
// for people and goes through as it is.

// failure is an error of the server's own, with its code.
type failure struct {
	code   connect.Code
	reason string // for programs, UPPER_CASE
	text   string
	// problems are the single mistakes that text sums up, if there are any.
	problems []string
	// retry says after what time the same call may succeed.
	retry time.Duration
}

func (f *failure) Error() string { return f.text }

func invalid(reason, format string, args ...any) error {
	return &failure{code: connect.CodeInvalidArgument, reason: reason, text: fmt.Sprintf(format, args...)}
}

func notFound(kind, format string, args ...any) error {
	return &failure{code: connect.CodeNotFound, reason: kind + "_NOT_FOUND", text: fmt.Sprintf(format, args...)}
}

func alreadyExists(reason, format string, args ...any) error {
	return &failure{code: connect.CodeAlreadyExists, reason: reason, text: fmt.Sprintf(format, args...)}
}

// stale: somebody else changed what the caller wants to change.
func stale(format string, args ...any) error {
	return &failure{code: connect.CodeAborted, reason: "STALE_REVISION", text: fmt.Sprintf(format, args...)}
}

func notYet(reason, format string, args ...any) error {
	return &failure{code: connect.CodeFailedPrecondition, reason: reason, text: fmt.Sprintf(format, args...)}
}

func exhausted(reason string, retry time.Duration, format string, args ...any) error {
	return &failure{code: connect.CodeResourceExhausted, reason: reason, text: fmt.Sprintf(format, args...), retry: retry}
}

func tooLarge(limit int64) error {
	return asRPC(exhausted("REQUEST_TOO_LARGE", 0, "the request is larger than %d bytes, which is this server's limit", limit))
}

func stopping() error {
	return &failure{code: connect.CodeUnavailable, reason: "STOPPING", text: "this server is stopping: call again, another one may answer", retry: time.Second}
}

// internal is for what must not happen; the log has the rest under id.
func internal(id string) error {
	return &failure{code: connect.CodeInternal, reason: "PANIC", text: "judged failed while it answered this call; its log has the details under id " + id}
}

// maxProblems bounds the problems and violations of one error: gRPC sends
// errors in trailers, which clients limit (8 KiB in some).
const maxProblems = 10

// maxText bounds an error's text for the same reason.
const maxText = 4 << 10

// asRPC returns err as it goes over the wire.
func asRPC(err error) *connect.Error {
	if err == nil {
		return nil
	}
	if invalid, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return violations(invalid)
	}
	if f, ok := errors.AsType[*failure](err); ok {
		e := newError(f.code, err, f.reason, nil)
		addProblems(e, f.problems)
		if f.retry > 0 {
			e.Meta().Set("Retry-After", strconv.Itoa(int(f.retry.Seconds())))
			addDetail(e, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)})
		}
		return e
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e
	}
	if errors.Is(err, store.ErrText) {
		return newError(connect.CodeInvalidArgument, errors.New("a text of the request has a zero byte or is not UTF-8: send it without"), "TEXT", nil)
	}
	if _, ok := errors.AsType[*policy.CompileError](err); ok {
		return newError(connect.CodeInvalidArgument, err, "POLICY", nil)
	}
	if db, ok := errors.AsType[*store.Error](err); ok {
		// Which database, and what it said, is for the operator: the log has it.
		e := newError(connect.CodeUnavailable, fmt.Errorf("this server's database failed (%s): try again in a moment; its log has the details", db.Op), "STORE_UNAVAILABLE", nil)
		e.Meta().Set("Retry-After", "2")
		addDetail(e, &errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Second)})
		return e
	}
	if config, ok := errors.AsType[*analysis.ConfigError](err); ok {
		e := newError(connect.CodeInvalidArgument, err, "CONFIG", map[string]string{"config": config.Config})
		addProblems(e, config.Problems)
		return e
	}
	if source, ok := errors.AsType[*metrics.Error](err); ok {
		code, reason := ofSource(source.Reason)
		return newError(code, err, reason, map[string]string{"source": source.Source})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return newError(connect.CodeDeadlineExceeded, err, "DEADLINE_EXCEEDED", nil)
	case errors.Is(err, context.Canceled):
		return newError(connect.CodeCanceled, err, "CANCELED", nil)
	default:
		return newError(connect.CodeInternal, err, "INTERNAL", nil)
	}
}

// ofSource says whose turn it is when a source fails: unavailable and
// resource_exhausted invite a retry, the others wait for a person.
func ofSource(r metrics.Reason) (connect.Code, string) {
	switch r {
	case metrics.Unavailable:
		return connect.CodeUnavailable, "SOURCE_UNAVAILABLE"
	case metrics.BadQuery:
		return connect.CodeInvalidArgument, "SOURCE_BAD_QUERY"
	case metrics.Denied:
		// The server's credentials are at fault, not the caller's.
		return connect.CodeFailedPrecondition, "SOURCE_DENIED"
	case metrics.Throttled:
		return connect.CodeResourceExhausted, "SOURCE_THROTTLED"
	case metrics.BadAnswer:
		return connect.CodeUnknown, "SOURCE_BAD_ANSWER"
	case metrics.TooLarge:
		return connect.CodeOutOfRange, "SOURCE_TOO_LARGE"
	case metrics.Misconfigured:
		return connect.CodeFailedPrecondition, "SOURCE_MISCONFIGURED"
	case metrics.Canceled:
		return connect.CodeCanceled, "SOURCE_CANCELED"
	default:
		return connect.CodeUnknown, "SOURCE"
	}
}

// violations says what is wrong with a request, field by field.
func violations(invalid *protovalidate.ValidationError) *connect.Error {
	all := invalid.Violations
	shown := &protovalidate.ValidationError{Violations: all[:min(len(all), maxProblems)]}
	text := strings.Builder{}
	for i, v := range shown.Violations {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(v.String())
	}
	if more := len(all) - len(shown.Violations); more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	e := newError(connect.CodeInvalidArgument, errors.New(text.String()), "INVALID_REQUEST", nil)
	addDetail(e, shown.ToProto())
	return e
}

func newError(code connect.Code, err error, reason string, metadata map[string]string) *connect.Error {
	if text := err.Error(); len(text) > maxText {
		err = errors.New(strings.ToValidUTF8(text[:maxText], "") + "…")
	}
	e := connect.NewError(code, err)
	addDetail(e, &errdetails.ErrorInfo{Reason: reason, Domain: "judged.dev", Metadata: metadata})
	return e
}

func addProblems(e *connect.Error, problems []string) {
	if len(problems) == 0 {
		return
	}
	d := &errdetails.BadRequest{}
	for _, p := range problems[:min(len(problems), maxProblems)] {
		d.FieldViolations = append(d.FieldViolations, &errdetails.BadRequest_FieldViolation{Description: p})
	}
	addDetail(e, d)
}

// addDetail attaches what fits; the text says the same.
func addDetail(e *connect.Error, message proto.Message) {
	if proto.Size(message) > maxText {
		return
	}
	if d, err := connect.NewErrorDetail(message); err == nil {
		e.AddDetail(d)
	}
}

// edge turns the errors of all handlers into wire errors and notes the
// outcome for the access log.
type edge struct{}

var _ connect.Interceptor = edge{}

func (edge) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		response, err := next(ctx, request)
		return response, note(ctx, request.Spec(), request.Peer(), err)
	}
}

func (edge) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return note(ctx, conn.Spec(), conn.Peer(), next(ctx, conn))
	}
}

func (edge) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func note(ctx context.Context, spec connect.Spec, peer connect.Peer, err error) error {
	o := outcomeOf(ctx)
	o.procedure, o.protocol, o.code = spec.Procedure, peer.Protocol, "ok"
	if err == nil {
		return nil
	}
	e := asRPC(err)
	o.code = e.Code().String()
	if isOurs(err) {
		o.err = err
	}
	return e
}

// refusal writes errors of the layers before the RPC handlers in the
// protocol of the request.
type refusal struct {
	rpc      *connect.ErrorWriter
	dialects []dialect
}

func (r refusal) write(w http.ResponseWriter, request *http.Request, err error) {
	e := asRPC(err)
	outcomeOf(request.Context()).code = e.Code().String()
	if after := e.Meta().Get("Retry-After"); after != "" {
		w.Header().Set("Retry-After", after)
		e.Meta().Del("Retry-After")
	}
	if d := in(r.dialects, request.URL.Path); d != nil {
		d.write(w, e)
		return
	}
	if isOTLP(request) {
		writeOTLPStatus(w, request, statusOf(e.Code()), e)
		return
	}
	if isREST(request) {
		writeStatus(w, e)
		return
	}
	_ = r.rpc.Write(w, request, e) // the caller is gone if this fails
}
