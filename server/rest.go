package server

import (
	"bytes"
	"mime"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// restPrefix is where the paths of the google.api.http annotations begin.
const restPrefix = "/v1/"

func isREST(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, restPrefix) }

// newREST serves the annotated methods as REST on top of the RPC handlers.
// Streams are not served as REST: poll GetAnalysis instead.
func newREST(limit int, services ...*vanguard.Service) (http.Handler, error) {
	transcoder, err := vanguard.NewTranscoder(services,
		vanguard.WithCodec(newRESTCodec),
		vanguard.WithCompression(vanguard.CompressionGzip, newGzip, newBoundedGzip(limit)),
		vanguard.WithDefaultServiceOptions(vanguard.WithMaxMessageBufferBytes(uint32(limit))),
		vanguard.WithUnknownHandler(http.HandlerFunc(unknownPath)),
	)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The transcoder knows JSON by two spellings, clients use more.
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/json" {
			r.Header.Set("Content-Type", kind)
		}
		answer := &earlyErrors{ResponseWriter: w, outcome: outcomeOf(r.Context())}
		transcoder.ServeHTTP(answer, r)
		answer.finish()
	}), nil
}

// earlyErrors corrects what the transcoder answers to requests that it cannot
// read: a misspelt query parameter or a broken compression is 500 to it, and
// some errors are plain text. Once the handler was reached it only watches.
type earlyErrors struct {
	http.ResponseWriter
	outcome *outcome
	status  int // of an error before the handler
	body    bytes.Buffer
}

// Unwrap lets http.ResponseController through.
func (e *earlyErrors) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *earlyErrors) WriteHeader(code int) {
	if e.outcome.procedure == "" && code >= http.StatusBadRequest {
		e.status = code
		return
	}
	e.ResponseWriter.WriteHeader(code)
}

func (e *earlyErrors) Write(p []byte) (int, error) {
	if e.status != 0 {
		return e.body.Write(p)
	}
	return e.ResponseWriter.Write(p)
}

// Flush is what the transcoder wants of a writer.
func (e *earlyErrors) Flush() {
	if e.status == 0 {
		_ = http.NewResponseController(e.ResponseWriter).Flush()
	}
}

func (e *earlyErrors) finish() {
	if e.status == 0 {
		return
	}
	s := &status.Status{}
	if protojson.Unmarshal(e.body.Bytes(), s) != nil || s.GetMessage() == "" {
		s = &status.Status{Code: int32(connect.CodeInvalidArgument), Message: strings.TrimSpace(e.body.String())}
	}
	if e.status >= http.StatusInternalServerError {
		e.status, s.Code = http.StatusBadRequest, int32(connect.CodeInvalidArgument)
	}
	e.outcome.code = connect.Code(s.GetCode()).String()
	writeJSON(e.ResponseWriter, e.status, s)
}

func unknownPath(w http.ResponseWriter, r *http.Request) {
	outcomeOf(r.Context()).code = connect.CodeNotFound.String()
	writeStatus(w, asRPC(notFound("PATH", "nothing is served at %s %s: see the google.api.http options in proto/judged/v1", r.Method, r.URL.Path)))
}

// httpStatus holds the codes that layers before the transcoder answer with;
// it maps them the same way.
var httpStatus = map[connect.Code]int{
	connect.CodeInvalidArgument:   http.StatusBadRequest,
	connect.CodeUnauthenticated:   http.StatusUnauthorized,
	connect.CodePermissionDenied:  http.StatusForbidden,
	connect.CodeNotFound:          http.StatusNotFound,
	connect.CodeResourceExhausted: http.StatusTooManyRequests,
	connect.CodeUnavailable:       http.StatusServiceUnavailable,
	// What sources and stores add for those who are not called as REST.
	connect.CodeAlreadyExists:      http.StatusConflict,
	connect.CodeAborted:            http.StatusConflict,
	connect.CodeFailedPrecondition: http.StatusBadRequest,
	connect.CodeOutOfRange:         http.StatusBadRequest,
	connect.CodeUnknown:            http.StatusBadGateway,
	connect.CodeDeadlineExceeded:   http.StatusGatewayTimeout,
	connect.CodeCanceled:           499, // nobody reads it
}

// writeStatus writes e as a google.rpc.Status, the form of all REST errors.
func writeStatus(w http.ResponseWriter, e *connect.Error) {
	writeJSON(w, statusOf(e.Code()), statusProto(e))
}

func statusProto(e *connect.Error) *status.Status {
	s := &status.Status{Code: int32(e.Code()), Message: e.Message()}
	for _, d := range e.Details() {
		s.Details = append(s.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type(), Value: d.Bytes()})
	}
	return s
}

func statusOf(code connect.Code) int {
	if status, ok := httpStatus[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

func writeJSON(w http.ResponseWriter, code int, s *status.Status) {
	text, err := jsonOut.Marshal(s)
	if err != nil {
		text = []byte(`{"code":13,"message":"the error could not be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Del("Content-Length")
	w.WriteHeader(code)
	_, _ = w.Write(text) //nolint:gosec // JSON, by its type; the caller is gone if this fails
}
