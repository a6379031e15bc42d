package providertest

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var record = flag.Bool("record", false, "ask the real backends and write what they answer to testdata/fixtures")

// interaction is one recorded request and its answer. Headers of requests are
// not recorded, so no credential can be.
type interaction struct {
	Method string     `json:"method"`
	Path   string     `json:"path"`
	Params url.Values `json:"params,omitempty"`
	Status int        `json:"status"`
	Type   string     `json:"type,omitempty"`
	// Body is the answer itself if it is JSON, else a string.
	Body json.RawMessage `json:"body"`
}

// Tape returns the address of a server that answers as the real backend did
// when file was recorded. With the flag -record it asks the backend at
// upstream(), which may skip the test, and writes the file when the test ends.
// Answers are found by method, path and parameters, so a test's queries must
// be at fixed times.
func Tape(t *testing.T, file string, upstream func() string) string {
	t.Helper()
	if *record {
		return recorder(t, file, upstream())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -record", err)
	}
	var tape []interaction
	if err := json.Unmarshal(text, &tape); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, i := range tape {
			if i.Method == r.Method && i.Path == r.URL.Path && i.Params.Encode() == scrubbed(r).Encode() {
				w.Header().Set("Content-Type", i.Type)
				w.WriteHeader(i.Status)
				_, _ = w.Write(i.text())
				return
			}
		}
		http.Error(w, fmt.Sprintf("%s has no %s %s?%s; run the test with -record", file, r.Method, r.URL.Path, scrubbed(r).Encode()), http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// text returns the answer's body.
func (i interaction) text() []byte {
	var s string
	if json.Unmarshal(i.Body, &s) == nil {
		return []byte(s)
	}
	return i.Body
}

// recorder passes requests on and writes them down.
func recorder(t *testing.T, file, upstream string) string {
	t.Helper()
	var mu sync.Mutex
	tape := []interaction{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := passOn(r, upstream)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		mu.Lock()
		tape = append(tape, i)
		mu.Unlock()
		w.Header().Set("Content-Type", i.Type)
		w.WriteHeader(i.Status)
		_, _ = w.Write(i.text())
	}))
	t.Cleanup(func() {
		server.Close()
		if t.Failed() || t.Skipped() {
			return
		}
		text, err := json.MarshalIndent(tape, "", " ")
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o755)
		}
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Errorf("record: %v", err)
		}
	})
	return server.URL
}

func passOn(r *http.Request, upstream string) (interaction, error) {
	if err := r.ParseForm(); err != nil {
		return interaction{}, err
	}
	address := upstream + r.URL.Path
	var body io.Reader
	if r.Method == http.MethodGet {
		address += "?" + r.Form.Encode()
	} else {
		body = strings.NewReader(r.Form.Encode())
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, address, body)
	if err != nil {
		return interaction{}, err
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Accept-Encoding")
	resp, err := http.DefaultClient.Do(out)
	if err != nil {
		return interaction{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return interaction{}, err
	}
	text := string(answer)
	for _, secret := range secretsOf(r) {
		text = strings.ReplaceAll(text, secret, "SCRUBBED")
	}
	i := interaction{
		Method: r.Method, Path: r.URL.Path, Params: scrubbed(r), Status: resp.StatusCode,
		Type: resp.Header.Get("Content-Type"), Body: json.RawMessage(text),
	}
	if !json.Valid(i.Body) {
		if i.Body, err = json.Marshal(text); err != nil {
			return interaction{}, err
		}
	}
	return i, nil
}

// secretsOf returns the values of all headers that are not known to be
// harmless, and of the parameters that may be credentials.
func secretsOf(r *http.Request) []string {
	var out []string
	for name, values := range r.Header {
		switch name {
		case "Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent":
			continue
		}
		for _, v := range values {
			out = append(out, v)
			if _, rest, ok := strings.Cut(v, " "); ok {
				out = append(out, rest)
			}
		}
	}
	for name, values := range r.Form {
		if mayBeSecret(name) {
			out = append(out, values...)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return len(s) < 4 })
}

// scrubbed returns the parameters of a request without those that may be
// credentials.
func scrubbed(r *http.Request) url.Values {
	out := maps.Clone(r.Form)
	maps.DeleteFunc(out, func(name string, _ []string) bool { return mayBeSecret(name) })
	return out
}

func mayBeSecret(parameter string) bool {
	lower := strings.ToLower(parameter)
	return strings.Contains(lower, "key") || strings.Contains(lower, "token") || strings.Contains(lower, "password")
}
