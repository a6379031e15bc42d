package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// analysis is what a measurement needs of judged's Analysis, in the API's JSON.
type analysis struct {
	ID           string    `json:"id"`
	State        string    `json:"state"`
	Looks        int       `json:"looks"`
	PlannedLooks int       `json:"plannedLooks"`
	NextLookTime time.Time `json:"nextLookTime"`
	CancelReason string    `json:"cancelReason"`
	Trouble      string    `json:"trouble"`
	URL          string    `json:"url"`
	Judgment     *judgment `json:"judgment"`
}

type judgment struct {
	Verdict string  `json:"verdict"`
	Score   float64 `json:"score"`
	Summary string  `json:"summary"`
}

// refusal is an answer by which judged says no. Asking again brings the same.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

const (
	// callTimeout bounds one call. The controller waits for it, and has other
	// measurements to take.
	callTimeout = 10 * time.Second
	// maxAnswer bounds what is read of one answer, in bytes: a judgment of a
	// thousand signals has some 4 MB.
	maxAnswer = 16 << 20
	// maxText bounds a text of judged's in a message, in bytes.
	maxText = 1000
)

// newClient returns what sends the calls. The authorities are read once: the
// controller starts a plugin anew that has ended.
func newClient(s settings) (*http.Client, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: callTimeout, IdleConnTimeout: 90 * time.Second, MaxIdleConns: 16}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.caFile != "" {
		text, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-file: %s has no PEM certificate in it", s.caFile)
		}
	}
	return &http.Client{Transport: transport, Timeout: callTimeout, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		// A call has a token that is meant for one server.
		return fmt.Errorf("the server sends calls on to %s://%s: give that address instead, if it is right", r.URL.Scheme, r.URL.Host)
	}}, nil
}

// start starts the analysis of a key, or returns the one that it has started.
func (t *target) start(ctx context.Context, c *http.Client, key string, now time.Time) (*analysis, error) {
	type variables struct {
		Variables map[string]string `json:"variables"`
	}
	type scopes struct {
		Baseline variables `json:"baseline"`
		Canary   variables `json:"canary"`
	}
	type window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	}
	body := struct {
		Stored   string            `json:"stored,omitempty"`
		Inline   json.RawMessage   `json:"inline,omitempty"`
		Revision int64             `json:"configRevision,omitempty"`
		Scopes   *scopes           `json:"scopes,omitempty"`
		Window   *window           `json:"window,omitempty"`
		Key      string            `json:"idempotencyKey,omitempty"`
		Labels   map[string]string `json:"labels,omitempty"`
	}{Stored: t.Config, Inline: t.Inline, Revision: int64(t.Revision), Labels: t.Labels}
	if t.Baseline != nil {
		body.Scopes = &scopes{variables{t.Baseline}, variables{t.Canary}}
	}
	if t.Window == 0 {
		body.Key = key
	} else {
		// Another try judges another window, so that it cannot have the same key. It
		// ends a little before now, for data that come late.
		end := now.Truncate(time.Second).Add(-10 * time.Second)
		body.Window = &window{end.Add(-time.Duration(t.Window)), end}
	}
	return t.call(ctx, c, "start the analysis", http.MethodPost, "/v1/analyses", body)
}

func (t *target) get(ctx context.Context, c *http.Client, id string) (*analysis, error) {
	return t.call(ctx, c, "ask for analysis "+id, http.MethodGet, "/v1/analyses/"+url.PathEscape(id), nil)
}

func (t *target) cancel(ctx context.Context, c *http.Client, id, reason string) (*analysis, error) {
	return t.call(ctx, c, "cancel analysis "+id, http.MethodPost, "/v1/analyses/"+url.PathEscape(id)+":cancel", map[string]string{"reason": reason})
}

// call returns the analysis that judged answers with. The error is a *refusal if
// asking again is of no use.
func (t *target) call(ctx context.Context, c *http.Client, what, method, path string, body any) (*analysis, error) {
	fail := func(err error) error { return fmt.Errorf("%s at %s: %w", what, t.URL, err) }
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fail(err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, t.URL+path, bytes.NewReader(text))
	if err != nil {
		return nil, fail(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if t.auth != nil {
		token, err := t.auth()
		if err != nil {
			return nil, fail(fmt.Errorf("there is no token: %w", err))
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) || token == "" {
			return nil, fail(&refusal{text: "the token is empty or has characters that no token has"})
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.Do(request)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address stands in the message already
		}
		return nil, fail(err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1)); err != nil {
		return nil, fail(err)
	}
	if len(text) > maxAnswer {
		return nil, fail(&refusal{text: fmt.Sprintf("the answer has more than %d bytes", maxAnswer)})
	}
	a, err := decode(response.StatusCode, text)
	if err != nil {
		return nil, fail(err)
	}
	return a, nil
}

// decode reads an answer.
func decode(status int, text []byte) (*analysis, error) {
	if status == http.StatusOK {
		var answer struct {
			Analysis *analysis `json:"analysis"`
		}
		if err := json.Unmarshal(text, &answer); err != nil || answer.Analysis == nil || answer.Analysis.ID == "" {
			return nil, errors.New("the answer is no analysis: does the address lead to judged, or to a page in front of it?")
		}
		return answer.Analysis, nil
	}
	var said struct {
		Message string `json:"message"`
	}
	words := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if json.Unmarshal(text, &said) == nil && said.Message != "" {
		words += ": " + said.Message
	}
	words = short(words)
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return nil, errors.New(words)
	}
	return nil, &refusal{status: status, text: words}
}

func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
