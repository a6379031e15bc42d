package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Source is the name of the source that configs use.
const Source = "prod"

// A Server is a judged that can be killed and started again: on the same port and
// over the same store. The callers that it believes have Token.
type Server struct {
	// Address is host:port, URL the same with http://.
	Address, URL string
	// Token is what callers show.
	Token string

	tb      testing.TB
	dir     string
	command *exec.Cmd
}

// Start starts a judged that answers only whom it knows, and ends it with the
// test. extra is added to its settings file.
func Start(tb testing.TB, extra string) *Server {
	tb.Helper()
	s := &Server{tb: tb, dir: tb.TempDir(), Token: rand.Text()}
	s.Address = freeAddress(tb)
	s.URL = "http://" + s.Address
	sum := sha256.Sum256([]byte(s.Token))
	s.write("tokens.yaml", "tokens:\n  - {name: deployer, sha256: "+hex.EncodeToString(sum[:])+"}\n")
	s.write("judged.yaml", fmt.Sprintf(`listen: %s
store: %s
public_url: https://judged.example.com
auth: {tokens_file: tokens.yaml}
sources:
  %s: {provider: prometheus, url: %q, timeout: 5s, attempts: 1}
%s`, s.Address, filepath.Join(s.dir, "judged.db"), Source, metrics(tb), extra))
	s.Restart()
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			if text, err := os.ReadFile(filepath.Join(s.dir, "log")); err == nil {
				tb.Logf("judged's log:\n%s", text[max(0, len(text)-16<<10):])
			}
		}
	})
	return s
}

func (s *Server) write(name, text string) {
	s.tb.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.tb.Fatal(err)
	}
}

// freeAddress returns an address of this machine that nobody listens on. Its port is
// below those that systems give to callers (Linux: from 32768 on), so that nobody
// takes it before judged does, or while judged is down.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	var err error
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", 20000+mathrand.IntN(12000))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(tb.Context(), "tcp", address); err != nil {
			continue
		}
		if err = l.Close(); err == nil {
			return address
		}
	}
	tb.Fatal(err)
	return ""
}

// startTimeout is long for a machine that does much else.
const startTimeout = time.Minute

// Restart starts judged, after Kill, and returns when it is ready.
func (s *Server) Restart() {
	s.tb.Helper()
	path := Binary(s.tb)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()                                                                 // the process has its own
	c := exec.Command(path, "serve", "--config", filepath.Join(s.dir, "judged.yaml")) //nolint:gosec,noctx // ours, until Kill
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.command = c
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if status, _, err := s.ask(ctx, http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.Kill()
			s.tb.Fatalf("judged at %s was not ready within %v; its log:\n%s", s.URL, startTimeout, text)
		}
	}
}

// Kill ends judged at once, as kill -9 does. It is nothing if it does not run.
func (s *Server) Kill() {
	if s.command == nil {
		return
	}
	_ = s.command.Process.Kill() // it has ended by itself if this fails
	_ = s.command.Wait()         // "signal: killed"
	s.command = nil
}

func (s *Server) ask(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	// Without connections that a killed judged leaves behind.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return response.StatusCode, text, err
}

// Call sends JSON to a path of judged, none if body is nil, and returns the status
// and the decoded answer.
func (s *Server) Call(method, path string, body any) (status int, answer map[string]any) {
	s.tb.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			s.tb.Fatal(err)
		}
	}
	status, text, err := s.ask(s.tb.Context(), method, path, text)
	if err != nil {
		s.tb.Fatal(err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			s.tb.Fatalf("%s %s: %d and no JSON: %.300s", method, path, status, text)
		}
	}
	return status, answer
}

// Store stores a config, as JSON of the API's CanaryConfig; Config makes one.
func (s *Server) Store(config map[string]any) {
	s.tb.Helper()
	if status, answer := s.Call(http.MethodPost, "/v1/configs", map[string]any{"config": config}); status != http.StatusOK {
		s.tb.Fatalf("store the config %v: %d %v", config["name"], status, answer)
	}
}

// Config returns a config that compares one latency between two versions, which
// each analysis brings as scopes {version: Good} and {version: Slow}, or other
// sides. schedule is that of the API: {"duration": "1800s", ...}.
func Config(name string, schedule map[string]any) map[string]any {
	return ConfigOf(name, schedule, "version")
}

// ConfigOf is Config with another variable in place of version.
func ConfigOf(name string, schedule map[string]any, variable string) map[string]any {
	return map[string]any{
		"name": name, "schedule": schedule,
		"metrics": []any{map[string]any{
			"name": "latency", "source": Source, "query": `latency{version="${` + variable + `}"}`, "unit": "ms", "direction": "INCREASE",
			"margin": map[string]any{"relative": 0.05}, "tolerance": map[string]any{"relative": 0.05},
		}},
	}
}

// Past is a schedule of half an hour, for analyses of a past window.
func Past() map[string]any { return map[string]any{"duration": "1800s", "interval": "60s"} }

// Brief is a schedule of some seconds, with a look at each, for live analyses. Ten
// are the least that a PASS needs.
func Brief(seconds int) map[string]any {
	return map[string]any{"duration": fmt.Sprint(seconds, "s"), "interval": "1s", "lookEvery": "1s", "grace": "0s"}
}

// Analysis returns an analysis as the API shows it.
func (s *Server) Analysis(id string) map[string]any {
	s.tb.Helper()
	status, answer := s.Call(http.MethodGet, "/v1/analyses/"+id, nil)
	if status != http.StatusOK {
		s.tb.Fatalf("get analysis %s: %d %v", id, status, answer)
	}
	a, ok := answer["analysis"].(map[string]any)
	if !ok {
		s.tb.Fatalf("get analysis %s: %v", id, answer)
	}
	return a
}

// Login returns the URL with the token as a password, for deployers that know of
// nothing but a URL.
func (s *Server) Login() string {
	return strings.Replace(s.URL, "http://", "http://judged:"+s.Token+"@", 1)
}
