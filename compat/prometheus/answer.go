package prometheus

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
)

type envelope struct {
	Status    string   `json:"status"`
	Data      *data    `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
}

type data struct {
	ResultType string   `json:"resultType"`
	Result     []sample `json:"result"`
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // seconds since 1970, the value as text
}

// answer answers with one sample: of several, Flagger takes the last without a
// word.
func answer(w http.ResponseWriter, at time.Time, value float64, labels map[string]string, warnings ...string) {
	write(w, http.StatusOK, envelope{Status: "success", Warnings: warnings, Data: &data{ResultType: "vector", Result: []sample{
		{Metric: labels, Value: [2]any{float64(at.UnixMilli()) / 1000, strconv.FormatFloat(value, 'f', -1, 64)}},
	}}})
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, status int, kind, text string) {
	write(w, status, envelope{Status: "error", ErrorType: kind, Error: text})
}

func write(w http.ResponseWriter, status int, e envelope) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(e) //nolint:errchkjson // strings and numbers; the caller is gone if this fails
}

// WriteError refuses a call before its handler is reached, as the handler does.
func WriteError(w http.ResponseWriter, e *connect.Error) { refuseRPC(w, e) }

// refuseRPC answers with an error of the API. All but those of credentials are 400
// or 422, of which Prometheus' own client reads the text; of 429 and 5xx it keeps
// the number only.
func refuseRPC(w http.ResponseWriter, e *connect.Error) {
	status, kind := http.StatusUnprocessableEntity, "execution"
	switch e.Code() {
	case connect.CodeInvalidArgument:
		status, kind = http.StatusBadRequest, "bad_data"
	case connect.CodeUnauthenticated:
		status, kind = http.StatusUnauthorized, "unauthorized"
	case connect.CodePermissionDenied:
		status, kind = http.StatusForbidden, "forbidden"
	case connect.CodeNotFound:
		kind = "not_found"
	case connect.CodeDeadlineExceeded:
		kind = "timeout"
	case connect.CodeCanceled:
		kind = "canceled"
	case connect.CodeUnavailable, connect.CodeResourceExhausted:
		kind = "unavailable"
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
		kind = "internal"
	default:
	}
	refuse(w, status, kind, e.Message())
}

func asError(err error) *connect.Error {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e
	}
	return connect.NewError(connect.CodeInternal, err)
}
