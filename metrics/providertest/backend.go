package providertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

const (
	sourceName = "the-source"
	// basePath is part of every source's URL, as behind a proxy.
	basePath = "/base/path"
)

// backend is a server that imitates a backend.
type backend struct {
	*httptest.Server
	requests atomic.Int64
}

func newBackend(t *testing.T, handle http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{}
	over := make(chan struct{})
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		// The server notices that the client has gone only once it has read
		// the request.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !strings.HasPrefix(r.URL.Path, basePath+"/") {
			http.Error(w, "the path of the source's url was lost: "+r.URL.Path, http.StatusNotFound)
			return
		}
		select {
		case <-over:
			return
		default:
			handle(w, r)
		}
	}))
	t.Cleanup(func() {
		close(over)
		b.CloseClientConnections()
		b.Close()
	})
	return b
}

// write answers with a body.
func write(status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// secretOf is the value of the suite's secrets: it can be recognised in any
// text.
func secretOf(name string) string { return "hunter2-" + strings.ReplaceAll(name, " ", "-") + "-x7Qz" }

// open returns a source in front of the backend, with the credentials it
// needs and quick retries.
func (s suite) open(t *testing.T, b *backend, change func(*metrics.Settings)) metrics.Source {
	t.Helper()
	settings := metrics.Settings{Name: sourceName, Provider: s.Provider.Name, URL: b.URL + basePath + "/", Timeout: 10 * time.Second}
	for _, c := range s.Wire.Credentials {
		if c.Always {
			c.Set(&settings, metrics.Secret{Value: secretOf(c.Name)})
		}
	}
	if change != nil {
		change(&settings)
	}
	src, err := s.Provider.Open(settings)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return src
}

// wantNoSecrets looks for the suite's secrets in the texts of an error and of
// all that it wraps.
func wantNoSecrets(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, secret := range []string{"hunter2", url.QueryEscape("hunter2"), base64.StdEncoding.EncodeToString([]byte("user:hunter2"))[:14]} {
			if strings.Contains(text, secret) {
				t.Errorf("the error tells a secret: %s", text)
			}
		}
	}
	switch e := err.(type) { //nolint:errorlint // walks the tree
	case interface{ Unwrap() error }:
		wantNoSecrets(t, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			wantNoSecrets(t, cause)
		}
	}
}
