package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/judged-dev/judged/compat/kayenta"
)

// action answers a request with what is written as JSON, or an error.
type action func(r *http.Request) (answer any, err error)

// status is an answer with another status than 200. A nil body is written as {},
// because clients decode whatever comes.
type status struct {
	code int
	body any
}

// failure is an error with its HTTP status.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

func badRequest(format string, args ...any) error {
	return &failure{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &failure{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// raw is JSON as it is.
type raw = json.RawMessage

func (s *Service) serve(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := do(r)
		if err != nil {
			code, text := s.explain(r, err)
			WriteMessage(w, code, text)
			return
		}
		code := http.StatusOK
		if with, ok := answer.(status); ok {
			code, answer = with.code, with.body
		}
		var body bytes.Buffer
		if code != http.StatusNoContent {
			if answer == nil {
				answer = struct{}{}
			}
			encoder := json.NewEncoder(&body)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(answer); err != nil {
				code, text := s.Explain(r.Context(), fmt.Errorf("write the answer as JSON: %w", err))
				WriteMessage(w, code, text)
				return
			}
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(code)
		_, _ = w.Write(body.Bytes()) // the client is gone if this fails
	}
}

// explain returns the status and text of an error.
func (s *Service) explain(r *http.Request, err error) (code int, text string) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code, f.text
	}
	if e, ok := errors.AsType[*kayenta.Error](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("The request's body has more than %d bytes, which is this server's limit.", e.Limit)
	}
	return s.Explain(r.Context(), err)
}

// WriteMessage writes an error: {"message": text}, which is all that Kayenta's own
// exceptions have, with the fields of Spring's other ones beside it.
func WriteMessage(w http.ResponseWriter, code int, text string) {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
		Status  int    `json:"status"`
		Error   string `json:"error"`
	}{strings.ToValidUTF8(text, "�"), code, http.StatusText(code)})
	if err != nil {
		body = []byte(`{"message":"the error could not be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client is gone if this fails
}

// body returns the body of a request that must be JSON.
func body(r *http.Request, limit int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, &failure{http.StatusUnsupportedMediaType, fmt.Sprintf("Content type '%.100s' not supported: send application/json.", r.Header.Get("Content-Type"))}
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if err != nil {
		return nil, err
	}
	return data, nil
}

func unknownPath(r *http.Request) (any, error) {
	return nil, notFound("Nothing is served at %s %s: judged has the paths of Kayenta's interface that are listed in docs/kayenta.md.", r.Method, r.URL.Path)
}

func unsupported(why string) action {
	return func(*http.Request) (any, error) {
		return nil, &failure{http.StatusNotImplemented, strings.ToUpper(why[:1]) + why[1:] + "."}
	}
}

// health answers as Spring's health page.
func (s *Service) health(r *http.Request) (any, error) {
	code, word := http.StatusOK, "UP"
	if s.Store.Check(r.Context()) != nil {
		code, word = http.StatusServiceUnavailable, "DOWN"
	}
	return status{code, map[string]any{"status": word, "components": map[string]any{"store": map[string]string{"status": word}}}}, nil
}

// enable is what Spinnaker's deployments call when an instance comes or goes.
// Instances of judged are told by signals; the answer says what is.
func (s *Service) enable(r *http.Request) (any, error) {
	if err := s.Allow(r.Context(), Access{Action: "admin"}); err != nil {
		return nil, err
	}
	data, err := body(r, 1<<10)
	if err != nil {
		return nil, err
	}
	var asked struct {
		Enabled *bool `json:"enabled"`
	}
	if err := json.Unmarshal(data, &asked); err != nil || asked.Enabled == nil {
		return nil, badRequest("The request's body is {\"enabled\": true} or {\"enabled\": false}.")
	}
	if !*asked.Enabled {
		return nil, &failure{http.StatusNotImplemented, "This instance cannot be disabled by a call: stop it with SIGTERM, others go on with its executions."}
	}
	return map[string]bool{"enabled": true}, nil
}
