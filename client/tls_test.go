package client_test

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
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/client"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func sign(t *testing.T, name string, by *authority) (*authority, tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: by == nil,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return &authority{certificate, key, certPEM}, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, keyPEM
}

// A client whose certificate and authorities are replaced goes on, and one whose
// files break goes on with those it has.
func TestTLSFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")
	write := func(path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var config atomic.Pointer[tls.Config]
	// renew gives the server another authority's certificate, and the client's
	// files that authority's, too.
	renew := func(name string) {
		t.Helper()
		ca, _, _ := sign(t, "authority of "+name, nil)
		_, serverPair, _ := sign(t, "server", ca)
		clientCert, _, clientKey := sign(t, name, ca)
		roots := x509.NewCertPool()
		roots.AddCert(ca.certificate)
		config.Store(&tls.Config{
			Certificates: []tls.Certificate{serverPair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
			NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
		})
		write(certFile, clientCert.pem)
		write(keyFile, clientKey)
		write(caFile, ca.pem)
	}
	renew("first")
	var caller atomic.Value
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller.Store(r.TLS.PeerCertificates[0].Subject.CommonName + " " + r.Proto)
		w.Header().Set("Content-Type", "application/proto")
	}))
	web.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config.Load(), nil }}
	web.EnableHTTP2 = true
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn) // it says what the client says
	web.StartTLS()
	defer web.Close()
	c, err := client.New(web.URL, client.WithTLS(certFile, keyFile, caFile))
	if err != nil {
		t.Fatal(err)
	}
	c.Hurry()
	check := func(want string) {
		t.Helper()
		if _, err := c.GetAnalysis(t.Context(), "x"); err != nil || caller.Load() != want {
			t.Errorf("called as %q, want %q: %v", caller.Load(), want, err)
		}
	}
	check("first HTTP/2.0")
	renew("second")
	check("second HTTP/2.0")
	write(certFile, []byte("half of a"))
	check("second HTTP/2.0")
	web.CloseClientConnections()
	check("second HTTP/2.0")
	renew("third")
	write(caFile, nil)
	web.CloseClientConnections()
	// Now the old authority does not do any more: the error says which file broke.
	if _, err := c.GetAnalysis(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), caFile) {
		t.Errorf("got %v", err)
	}
	renew("fourth")
	check("fourth HTTP/2.0")
}
