package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// start is when the tests' clocks begin.
var start = time.Now().Truncate(time.Second)

// authority is a CA of a test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var serial atomic.Int64

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{
		SerialNumber: big.NewInt(serial.Load()), Subject: pkix.Name{CommonName: name},
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// issue returns certificate and key, PEM.
func (a *authority) issue(t testing.TB, name string, from, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})
}

// site is a server over TLS whose files and clock a test changes.
type site struct {
	t        *testing.T
	dir      string
	ca       *authority
	reloader *Reloader
	address  string
	offset   atomic.Int64
	resumed  bool // whether the last get resumed a session

	mu      sync.Mutex
	reports []string
}

func (s *site) now() time.Time { return start.Add(time.Duration(s.offset.Load())) }
func (s *site) later()         { s.offset.Add(int64(5 * time.Second)) }

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// renew writes a pair with this name in it.
func (s *site) renew(name string) {
	s.t.Helper()
	cert, key := s.ca.issue(s.t, name, start.Add(-time.Hour), start.Add(time.Hour))
	s.write("tls.crt", cert)
	s.write("tls.key", key)
}

func (s *site) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, fmt.Sprint(err))
}

// told checks what was reported since the last time.
func (s *site) told(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reports) != len(want) {
		s.t.Fatalf("reported: %q, want %q", s.reports, want)
	}
	for i := range want {
		if !strings.Contains(s.reports[i], want[i]) {
			s.t.Errorf("reported: %s, want %s", s.reports[i], want[i])
		}
	}
	s.reports = nil
}

func (s *site) options() Options {
	return Options{CertFile: s.path("tls.crt"), KeyFile: s.path("tls.key"), Report: s.report, Now: s.now}
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), ca: newAuthority(t, "server CA")}
	s.renew("first")
	return s
}

func (s *site) serve(o Options) {
	s.t.Helper()
	var err error
	if s.reloader, err = New(o); err != nil {
		s.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	server := &http.Server{
		TLSConfig: s.reloader.Config(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Proto)
			for _, c := range r.TLS.PeerCertificates {
				fmt.Fprint(w, " ", c.Subject.CommonName)
			}
		}),
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	s.t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			s.t.Error(err)
		}
	})
}

// client trusts the server's CA and shows its own certificate, if there is one.
func (s *site) client(pair ...[]byte) *tls.Config {
	s.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12, Time: func() time.Time { return start }}
	c.RootCAs.AddCert(s.ca.cert)
	if len(pair) == 2 {
		own, err := tls.X509KeyPair(pair[0], pair[1])
		if err != nil {
			s.t.Fatal(err)
		}
		// The client decides what it shows, even if the server does not ask for it.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	return c
}

// get asks over a new connection, and returns the server's name and its words.
func (s *site) get(c *tls.Config) (name, body string, err error) {
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + s.address)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	s.resumed = resp.TLS.DidResume
	text, err := io.ReadAll(resp.Body)
	return resp.TLS.PeerCertificates[0].Subject.CommonName, string(text), err
}

func (s *site) mustGet(c *tls.Config, wantName, wantBody string) {
	s.t.Helper()
	if name, body, err := s.get(c); err != nil || name != wantName || body != wantBody {
		s.t.Fatalf("%q said %q (%v), want %q to say %q", name, body, err, wantName, wantBody)
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve(s.options())
	s.mustGet(s.client(), "first", "HTTP/2.0")
	if got := s.reloader.NotAfter(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("expires at %v", got)
	}

	// Written over; noticed when the next reading is due, not earlier.
	s.renew("second")
	s.mustGet(s.client(), "first", "HTTP/2.0")
	s.later()
	s.mustGet(s.client(), "second", "HTTP/2.0")
	s.told("<nil>")

	// A link that moves to another folder, as Kubernetes does it; the times and
	// sizes of the files may be the same.
	for _, name := range []string{"v1", "v2"} {
		if err := os.Mkdir(s.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := s.ca.issue(t, name, start.Add(-time.Hour), start.Add(2*time.Hour))
		s.write(name+"/tls.crt", cert)
		s.write(name+"/tls.key", key)
		for _, file := range []string{"/tls.crt", "/tls.key"} {
			if err := os.Chtimes(s.path(name+file), start, start); err != nil {
				t.Fatal(err)
			}
		}
	}
	point := func(target string) {
		t.Helper()
		if err := errors.Join(os.Symlink(target, s.path("..tmp")), os.Rename(s.path("..tmp"), s.path("..data"))); err != nil {
			t.Fatal(err)
		}
	}
	point("v1")
	for _, file := range []string{"tls.crt", "tls.key"} {
		if err := errors.Join(os.Symlink("..data/"+file, s.path("link")), os.Rename(s.path("link"), s.path(file))); err != nil {
			t.Fatal(err)
		}
	}
	s.later()
	s.mustGet(s.client(), "v1", "HTTP/2.0")
	point("v2")
	s.later()
	s.mustGet(s.client(), "v2", "HTTP/2.0")
	s.told("<nil>", "<nil>")
	if got := s.reloader.NotAfter(); !got.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("expires at %v", got)
	}
	// Nothing changed, nothing is said.
	s.later()
	s.mustGet(s.client(), "v2", "HTTP/2.0")
	s.told()
}

func TestBrokenPairs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve(s.options())
	cert, key := s.ca.issue(t, "second", start.Add(-time.Hour), start.Add(time.Hour))
	stays := func(report string) {
		t.Helper()
		for range 2 { // said once
			s.later()
			s.mustGet(s.client(), "first", "HTTP/2.0")
		}
		s.told(report)
	}
	s.write("tls.crt", cert)
	stays("private key does not match")
	s.write("tls.crt", cert[:len(cert)/2])
	stays("cannot be used together")
	if err := os.Remove(s.path("tls.crt")); err != nil {
		t.Fatal(err)
	}
	stays("the certificate cannot be read")
	s.write("tls.crt", bytes.Repeat([]byte("x"), maxFile+1))
	stays("more than 1048576 bytes")
	old, oldKey := s.ca.issue(t, "expired", start.Add(-2*time.Hour), start.Add(-time.Hour))
	s.write("tls.crt", old)
	s.write("tls.key", oldKey)
	stays("expired at " + start.Add(-time.Hour).UTC().Format(time.RFC3339))
	early, earlyKey := s.ca.issue(t, "early", start.Add(40*time.Hour), start.Add(50*time.Hour))
	s.write("tls.crt", early)
	s.write("tls.key", earlyKey)
	stays("is valid only from")

	s.write("tls.crt", cert)
	s.write("tls.key", key)
	s.later()
	s.mustGet(s.client(), "second", "HTTP/2.0")
	s.told("<nil>")

	// When its time is over and there is none better, it stays, and that is said.
	s.offset.Add(int64(2 * time.Hour))
	s.mustGet(s.client(), "second", "HTTP/2.0")
	s.told("expired at")
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	oldCA, newCA := newAuthority(t, "old CA"), newAuthority(t, "new CA")
	s.write("ca.crt", oldCA.pem)
	o := s.options()
	o.ClientCAFile = s.path("ca.crt")
	s.serve(o)
	from, until := start.Add(-time.Hour), start.Add(time.Hour)
	alice := s.client(oldCA.issue(t, "alice", from, until))
	bob := s.client(newCA.issue(t, "bob", from, until))
	// A session that is resumed must not save alice from being checked.
	alice.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	refused := func(c *tls.Config) {
		t.Helper()
		if name, body, err := s.get(c); err == nil {
			t.Fatalf("%s let it in and said %s", name, body)
		}
	}

	s.mustGet(s.client(), "first", "HTTP/2.0") // a token may follow
	s.mustGet(alice, "first", "HTTP/2.0 alice")
	s.mustGet(alice, "first", "HTTP/2.0 alice")
	if !s.resumed {
		t.Error("the session was not resumed, so what follows does not show that one is checked")
	}
	refused(bob)
	refused(s.client(oldCA.issue(t, "late", from, start.Add(-time.Minute))))

	// Half a file takes nobody's rights away and gives none.
	both := slices.Concat(newCA.pem, oldCA.pem)
	s.write("ca.crt", both[:len(both)-40])
	s.later()
	s.mustGet(alice, "first", "HTTP/2.0 alice")
	refused(bob)
	s.told("cut off or damaged")

	s.write("ca.crt", both)
	s.later()
	s.mustGet(alice, "first", "HTTP/2.0 alice")
	s.mustGet(bob, "first", "HTTP/2.0 bob")
	s.told("<nil>")

	// A broken pair does not keep the authorities from changing.
	s.write("ca.crt", newCA.pem)
	s.write("tls.key", nil)
	s.later()
	s.mustGet(bob, "first", "HTTP/2.0 bob")
	refused(alice)
	s.told("cannot be used together")
}

func TestRequired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := newAuthority(t, "CA")
	s.write("ca.crt", ca.pem)
	o := s.options()
	o.ClientCAFile, o.RequireClientCert, o.MinVersion = s.path("ca.crt"), true, tls.VersionTLS13
	s.serve(o)
	alice := s.client(ca.issue(t, "alice", start.Add(-time.Hour), start.Add(time.Hour)))
	s.mustGet(alice, "first", "HTTP/2.0 alice")
	if _, _, err := s.get(s.client()); err == nil {
		t.Error("a client without certificate was let in")
	}
	alice.MaxVersion = tls.VersionTLS12
	if _, _, err := s.get(alice); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.2 was let in (%v)", err)
	}
}

// TestTogether is for the race detector: handshakes while files change.
func TestTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options()
	o.Interval = 1 // every handshake reads
	s.serve(o)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				s.offset.Add(1)
				conn, err := tls.Dial("tcp", s.address, s.client())
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
				s.reloader.NotAfter()
			}
		})
	}
	for i := range 10 {
		s.renew(fmt.Sprint(i))
	}
	group.Wait()
	s.later()
	s.mustGet(s.client(), "9", "HTTP/2.0")
}

func TestNew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("empty", nil)
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no key":      {func(o *Options) { o.KeyFile = "" }, "needs both"},
		"missing":     {func(o *Options) { o.CertFile = s.path("none") }, "the certificate cannot be read"},
		"not a key":   {func(o *Options) { o.KeyFile = s.path("tls.crt") }, "cannot be used together"},
		"empty CA":    {func(o *Options) { o.ClientCAFile = s.path("empty") }, "has no PEM certificate in it"},
		"key as CA":   {func(o *Options) { o.ClientCAFile = s.path("tls.key") }, `"PRIVATE KEY"`},
		"no CA":       {func(o *Options) { o.RequireClientCert = true }, "no client CA file"},
		"old version": {func(o *Options) { o.MinVersion = tls.VersionTLS11 }, "must be 1.2 or 1.3"},
	} {
		o := s.options()
		c.change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	// Expired from the start: said, and used.
	s.offset.Add(int64(2 * time.Hour))
	s.serve(s.options())
	s.told("expired at")
	s.mustGet(s.client(), "first", "HTTP/2.0")
}

func FuzzParsePool(f *testing.F) {
	a := newAuthority(f, "CA")
	f.Add(a.pem)
	f.Add(slices.Concat(a.pem, []byte("words\n"), a.pem))
	f.Add(a.pem[:100])
	f.Fuzz(func(t *testing.T, text []byte) {
		pool, err := parsePool(text)
		if (pool == nil) == (err == nil) {
			t.Fatalf("pool %v and error %v", pool, err)
		}
		// What is taken is at least what the standard library would take.
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
			t.Fatal("took authorities that are none")
		}
	})
}
