package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

var (
	eventTime = time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC)
	sendTime  = eventTime.Add(7 * time.Second)
)

func given(v string) metrics.Secret { return metrics.Secret{Value: v} }

// failEvent is a FAIL with everything set.
func failEvent() Event {
	score := 12.5
	return Event{
		ID: "ev-1", Time: eventTime, Type: Verdict, Tenant: "shop", Analysis: "a-7", Config: "checkout-canary", Application: "checkout",
		Verdict: "FAIL", PreviousVerdict: "INCONCLUSIVE", Score: &score,
		Summary: "latency-p99 is 31 % higher than the baseline.", Reasons: []string{"a critical signal failed"},
		Findings: []Finding{{"latency-p99", "high", "+31 % (+24 % to +38 %)"}, {"errors", "high", "+2 %"}}, MoreFindings: 3,
		Baseline: map[string]string{"version": "v1.8.2"}, Canary: map[string]string{"version": "v1.9.0"},
		Window: Window{eventTime.Add(-time.Hour), eventTime}, URL: "https://judged.example.com/analyses/a-7",
	}
}

// hostile is what somebody writes into every text of an event to make it more
// than text: mentions, links, tags, headers, directions of writing.
const hostile = "<!channel> <@U1> <https://evil.example|ok> & <script>alert(1)</script>\r\nBcc: evil@example.com\r\n\r\n.\r\n\u202egpj.exe\x00\x1b[31m {{.URL}} ${jndi:x} \"'`*_~"

func hostileEvent() Event {
	return Event{
		ID: hostile, Time: eventTime, Type: Verdict, Tenant: hostile, Analysis: hostile, Config: hostile, Application: hostile,
		Verdict: "FAIL", PreviousVerdict: hostile, Summary: hostile, Reasons: []string{hostile}, Findings: []Finding{{hostile, hostile, hostile}},
		Baseline: map[string]string{hostile: hostile}, Canary: map[string]string{hostile: hostile},
		URL: "javascript:alert(1)//" + hostile,
	}
}

// received is a request as the sink saw it.
type received struct {
	*http.Request

	body []byte
}

// sink is an HTTP server over TLS that keeps what it was sent.
type sink struct {
	*httptest.Server

	caFile string
	mu     sync.Mutex
	got    []received
}

func newSink(t *testing.T, answer http.HandlerFunc) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.got = append(s.got, received{r, body})
		s.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	s.caFile = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, s.caFile, "CERTIFICATE", s.Certificate().Raw)
	return s
}

// only returns the only request so far.
func (s *sink) only(t *testing.T) received {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) != 1 {
		t.Fatalf("the server got %d requests, want 1", len(s.got))
	}
	return s.got[0]
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// open opens a channel that trusts the sink.
func (s *sink) open(t *testing.T, settings Settings) Channel {
	t.Helper()
	settings.TLS.CAFile = s.caFile
	return open(t, settings)
}

func open(t *testing.T, settings Settings) Channel {
	t.Helper()
	settings.Name = "ops"
	settings.Now = func() time.Time { return sendTime }
	c, err := Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c Channel, e Event) {
	t.Helper()
	if err := c.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// wantError checks class and text of an error.
func wantError(t *testing.T, err error, reason Reason, wants ...string) *Error {
	t.Helper()
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if failed.Reason != reason {
		t.Errorf("the reason is %s, want %s: %v", failed.Reason, reason, err)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	return failed
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate writes a certificate for localhost, signed by a CA of its own.
func certificate(t *testing.T) (caFile, certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	caFile, certFile, keyFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	valid := func(c x509.Certificate) *x509.Certificate {
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		return &c
	}
	caKey, key := newKey(), newKey()
	ca := valid(x509.Certificate{Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	leaf := valid(x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, caFile, "CERTIFICATE", caDER)
	writePEM(t, certFile, "CERTIFICATE", leafDER)
	writePEM(t, keyFile, "PRIVATE KEY", keyDER)
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	return caFile, certFile, keyFile
}

// listen serves raw connections, one at a time each.
func listen(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}
