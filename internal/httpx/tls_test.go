package httpx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// certificate writes a self-signed certificate and its key, as PEM.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string, cert *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, DNSNames: []string{name},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", keyDER)
	return certFile, keyFile, cert
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, first := certificate(t, dir, "judge-1")
	clients := x509.NewCertPool()
	clients.AddCert(first)
	var who []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		who = append(who, name)
		w.Header().Set("Connection", "close") // a new handshake each time
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile := filepath.Join(dir, "ca.pem")
	writePEM(t, caFile, "CERTIFICATE", s.Certificate().Raw)

	good := metrics.TLS{CAFile: caFile, CertFile: certFile, KeyFile: keyFile}
	c := newClient(t, metrics.Settings{URL: s.URL, TLS: good, Attempts: 1}, Options{})
	if _, err := get(t, t.Context(), c); err != nil {
		t.Fatal(err)
	}
	// A renewed certificate is picked up without opening the source again.
	_, _, second := certificate(t, dir, "judge-2")
	clients.AddCert(second)
	if _, err := get(t, t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(who, " "); got != "judge-1 judge-2" {
		t.Errorf("the server saw %s, want judge-1 judge-2", got)
	}

	tests := []struct {
		name   string
		url    string
		tls    metrics.TLS
		reason metrics.Reason
		want   string
	}{
		{"unknown authority", s.URL, metrics.TLS{CertFile: certFile, KeyFile: keyFile}, metrics.Misconfigured, "set tls.ca_file to the authority"},
		{"another name", s.URL, metrics.TLS{CAFile: caFile, ServerName: "prometheus.example"}, metrics.Misconfigured, "set tls.server_name"},
		{"no client certificate", s.URL, metrics.TLS{CAFile: caFile}, metrics.Misconfigured, "does it ask for a client certificate (tls.cert_file and tls.key_file)?"},
		{"no TLS asked", strings.Replace(s.URL, "https", "http", 1), metrics.TLS{}, metrics.Misconfigured, "Client sent an HTTP request to an HTTPS server. (the server speaks TLS there: use https://)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := get(t, t.Context(), newClient(t, metrics.Settings{URL: test.url, TLS: test.tls}, Options{}))
			wantError(t, err, test.reason, test.want)
		})
	}
	t.Run("no TLS there", func(t *testing.T) {
		t.Parallel()
		plain := newServer(t, answer(200, ""))
		_, err := get(t, t.Context(), newClient(t, metrics.Settings{URL: strings.Replace(plain.URL, "http", "https", 1)}, Options{}))
		wantError(t, err, metrics.Misconfigured, "is it http:// or another port?")
	})
}

func TestNoSuchHost(t *testing.T) {
	t.Parallel()
	c := newClient(t, metrics.Settings{URL: "http://no-such-host.invalid:9090", Attempts: 1}, Options{})
	_, err := get(t, t.Context(), c)
	wantError(t, err, metrics.Unavailable, "GET http://no-such-host.invalid:9090/data: dial tcp: lookup no-such-host.invalid")
}
