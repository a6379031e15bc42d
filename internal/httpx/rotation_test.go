package httpx

import (
	"crypto/tls"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

var nan, inf = math.NaN(), math.Inf(1)

// volume is a folder as Kubernetes mounts secrets: files are links to
// ..data/name, and ..data is a link to a folder that is exchanged whole.
type volume struct {
	t   *testing.T
	dir string
	n   int
}

func newVolume(t *testing.T, files map[string]string) *volume {
	t.Helper()
	v := &volume{t: t, dir: t.TempDir()}
	v.exchange(files)
	for name := range files {
		v.must(os.Symlink(filepath.Join("..data", name), v.file(name)))
	}
	return v
}

func (v *volume) file(name string) string { return filepath.Join(v.dir, name) }

func (v *volume) exchange(files map[string]string) {
	v.t.Helper()
	v.n++
	folder := "..version" + string(rune('0'+v.n))
	v.must(os.Mkdir(v.file(folder), 0o700))
	for name, text := range files {
		v.must(os.WriteFile(filepath.Join(v.dir, folder, name), []byte(text), 0o600))
	}
	v.must(os.Symlink(folder, v.file("..new")))
	v.must(os.Rename(v.file("..new"), v.file("..data")))
}

func (v *volume) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// guarded is a server that takes one token, and may replace it.
type guarded struct {
	*server
	token atomic.Pointer[string]
	// refused is called for each request that is refused.
	refused func()
}

func newGuarded(t *testing.T, token string) *guarded {
	t.Helper()
	g := &guarded{refused: func() {}}
	g.token.Store(&token)
	g.server = newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*g.token.Load() {
			g.refused()
			http.Error(w, "bad token "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		}
	})
	return g
}

func TestTokenIsReplaced(t *testing.T) {
	t.Parallel()
	s := newGuarded(t, "token-1")
	v := newVolume(t, map[string]string{"token": "token-1\n"})
	c := newClient(t, metrics.Settings{URL: s.URL, Bearer: metrics.Secret{File: v.file("token")}}, Options{})
	ask := func(want int64) {
		t.Helper()
		if _, err := get(t, t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n := s.requests.Swap(0); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	ask(1)
	// The volume first: the next request has the new token.
	v.exchange(map[string]string{"token": "token-2"})
	second := "token-2"
	s.token.Store(&second)
	ask(1)
	// The server first, and the volume while a request is under way.
	third := "token-3"
	s.token.Store(&third)
	s.refused = sync.OnceFunc(func() { v.exchange(map[string]string{"token": "token-3"}) })
	ask(2)
	// A file that was written in place, without a new name.
	plain := filepath.Join(t.TempDir(), "token")
	v.must(os.WriteFile(plain, []byte("token-3"), 0o600))
	c = newClient(t, metrics.Settings{URL: s.URL, Attempts: 1, Bearer: metrics.Secret{File: plain}}, Options{})
	ask(1)
	fourth := "token-4"
	s.token.Store(&fourth)
	s.refused = sync.OnceFunc(func() { v.must(os.WriteFile(plain, []byte("token-4"), 0o600)) })
	ask(2)
	// One that stays wrong is refused for good, at once.
	fifth := "token-5"
	s.token.Store(&fifth)
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Denied, "401 Unauthorized: bad token Bearer [secret] (check the source's credentials")
	if n := s.requests.Swap(0); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	// One that is replaced at every request is tried twice, not for ever.
	c = newClient(t, metrics.Settings{URL: s.URL, Attempts: 3, Bearer: metrics.Secret{File: plain}}, Options{})
	n := 0
	s.refused = func() {
		n++
		v.must(os.WriteFile(plain, []byte("wrong-"+strings.Repeat("x", n)), 0o600))
	}
	_, err = get(t, t.Context(), c)
	wantError(t, err, metrics.Denied, "bad token Bearer [secret] (tried 2 times)")
}

// A request that changes something may be sent again when it was refused for
// its token, for then it changed nothing.
func TestTokenIsReplacedForAPost(t *testing.T) {
	t.Parallel()
	s := newGuarded(t, "token-2")
	v := newVolume(t, map[string]string{"token": "token-1"})
	s.refused = sync.OnceFunc(func() { v.exchange(map[string]string{"token": "token-2"}) })
	c := newClient(t, metrics.Settings{URL: s.URL, Bearer: metrics.Secret{File: v.file("token")}}, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL("/", nil).String(), strings.NewReader("query"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(req); err != nil {
		t.Error(err)
	}
}

// A file that is not there for a moment is read again.
func TestTokenIsAwayForAMoment(t *testing.T) {
	t.Parallel()
	s := newGuarded(t, "token-1")
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("token-1")
	c := newClient(t, metrics.Settings{URL: s.URL, Bearer: metrics.Secret{File: file}}, Options{})
	write("")
	time.AfterFunc(50*time.Millisecond, func() { write("token-1") })
	if _, err := get(t, t.Context(), c); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c.attempts = 2
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Misconfigured, "the bearer token cannot be read: stat "+file+": no such file or directory (tried 2 times) (the secret is read at every request)")
}

func TestSecretOfManyBytes(t *testing.T) {
	t.Parallel()
	_, err := New(metrics.Settings{URL: "http://h", Bearer: metrics.Secret{File: "/dev/zero"}}, Options{})
	wantError(t, err, metrics.Misconfigured, "/dev/zero is no regular file")
}

// secure is a server whose certificate is its own authority, and may be
// replaced.
type secure struct {
	*httptest.Server
	current atomic.Pointer[tls.Certificate]
	pem     string
}

func newSecure(t *testing.T) *secure {
	t.Helper()
	s := &secure{}
	s.replace(t)
	s.Server = httptest.NewUnstartedServer(answer(200, "good"))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current.Load(), nil }}
	s.StartTLS()
	// StartTLS puts a certificate of its own first.
	s.TLS.Certificates = nil
	t.Cleanup(s.Close)
	return s
}

func (s *secure) replace(t *testing.T) {
	t.Helper()
	certFile, keyFile, _ := certificate(t, t.TempDir(), "prometheus.example")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	s.current.Store(&pair)
	s.pem = string(text)
}

func TestAuthorityIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSecure(t)
	v := newVolume(t, map[string]string{"ca.pem": s.pem})
	c := newClient(t, metrics.Settings{URL: s.URL, Attempts: 1, TLS: metrics.TLS{CAFile: v.file("ca.pem"), ServerName: "prometheus.example"}}, Options{})
	ask := func() error {
		_, err := get(t, t.Context(), c)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	old := s.pem
	s.replace(t)
	s.CloseClientConnections()
	// Nobody has told the client yet.
	wantError(t, ask(), metrics.Misconfigured, "set tls.ca_file to the authority that signed the server's certificate")
	v.exchange(map[string]string{"ca.pem": s.pem})
	if err := ask(); err != nil {
		t.Error(err)
	}
	// A file without a certificate, or none, changes nothing.
	v.exchange(map[string]string{"ca.pem": "being written"})
	if err := ask(); err != nil {
		t.Error(err)
	}
	v.exchange(nil)
	if err := ask(); err != nil {
		t.Error(err)
	}
	// An authority that is trusted no more ends its connections.
	v.exchange(map[string]string{"ca.pem": old})
	wantError(t, ask(), metrics.Misconfigured, "certificate signed by unknown authority")
	// A file whose time and size tell nothing is read when the server's
	// certificate is unknown.
	v.exchange(map[string]string{"ca.pem": s.pem})
	c.transport.mu.Lock()
	info, err := os.Stat(v.file("ca.pem"))
	c.transport.ca = info
	c.transport.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
}

// A client certificate that is replaced file by file does not match its key for
// a moment.
func TestClientCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, first := certificate(t, dir, "judge-1")
	var seen atomic.Value
	s := newSecure(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.TLS.PeerCertificates[0].Subject.CommonName)
		w.Header().Set("Connection", "close")
	})
	s.TLS.ClientAuth = tls.RequireAnyClientCert
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, []byte(s.pem), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, metrics.Settings{URL: s.URL, TLS: metrics.TLS{CAFile: caFile, CertFile: certFile, KeyFile: keyFile, ServerName: "prometheus.example"}}, Options{})
	if _, err := get(t, t.Context(), c); err != nil || seen.Load() != first.Subject.CommonName {
		t.Fatalf("the server saw %v: %v", seen.Load(), err)
	}
	newCert, newKey, _ := certificate(t, t.TempDir(), "judge-2")
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	move(newCert, certFile)
	time.AfterFunc(50*time.Millisecond, func() { move(newKey, keyFile) })
	if _, err := get(t, t.Context(), c); err != nil || seen.Load() != "judge-2" {
		t.Errorf("the server saw %v: %v", seen.Load(), err)
	}
}
