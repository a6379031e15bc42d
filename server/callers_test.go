package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/certs"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// authority signs certificates for a test.
type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial atomic.Int64
}

func (a *authority) sign(t testing.TB, template *x509.Certificate) (tls.Certificate, []byte, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(a.serial.Add(1)), time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = key
	}
	return pair, certPEM, keyPEM
}

func newAuthority(t testing.TB) (*authority, []byte) {
	t.Helper()
	a := &authority{}
	_, text, _ := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a, text
}

// Clients are known by their certificates over a real listener, whose own
// certificate may change meanwhile.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, caPEM := newAuthority(t)
	renew := func(name string) (string, string) {
		_, cert, key := ca.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		return put("tls.crt", cert), put("tls.key", key)
	}
	certFile, keyFile := renew("first")
	var moved atomic.Int64
	reloader, err := certs.New(certs.Options{
		CertFile: certFile, KeyFile: keyFile, ClientCAFile: put("ca.crt", caPEM), Now: func() time.Time { return time.Now().Add(time.Duration(moved.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := hire(t, func(o *auth.Options) { o.MTLS = &auth.MTLS{TenantSegment: 2} }, "ann@payments")
	i := start(t, server.Options{Authenticator: s.authenticator, TLS: reloader.Config()})
	address := strings.Replace(i.url, "http://", "https://", 1)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(caPEM)
	client := func(certificates ...tls.Certificate) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	workload := func(at *authority, id string) tls.Certificate {
		u, err := url.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		pair, _, _ := at.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "w"}, URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return pair
	}
	payments := client(workload(ca, "spiffe://example.org/ns/payments/sa/ci"))
	configs := judgedv1connect.NewConfigServiceClient(payments, address, connect.WithGRPC())
	created, err := configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("c")}))
	if err != nil || created.Msg.GetStored().GetAuthor() != "spiffe://example.org/ns/payments/sa/ci" {
		t.Fatalf("with a certificate: %v, %v", created, err)
	}
	for name, c := range map[string]struct {
		client *http.Client
		code   connect.Code
	}{
		"another tenant":     {client(workload(ca, "spiffe://example.org/ns/web/sa/ci")), connect.CodeNotFound},
		"no tenant":          {client(workload(ca, "spiffe://example.org/")), connect.CodeUnauthenticated},
		"no certificate":     {client(), connect.CodeUnauthenticated},
		"the tenant's own":   {client(workload(ca, "spiffe://example.org/ns/payments/sa/other")), 0},
		"a token is as good": {&http.Client{Transport: bearer{s.tokens["ann@payments"], client().Transport}}, 0},
	} {
		_, err := judgedv1connect.NewConfigServiceClient(c.client, address).GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "c"}))
		if c.code == 0 && err != nil || c.code != 0 && connect.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	strangers, _ := newAuthority(t)
	if response, err := client(workload(strangers, "spiffe://example.org/ns/payments/sa/ci")).Get(address + "/v1/configs"); err == nil {
		_ = response.Body.Close()
		t.Errorf("a certificate of strangers gets %s", response.Status)
	}
	renew("second")
	moved.Store(int64(time.Minute)) // the files are read again
	response, err := client(workload(ca, "spiffe://example.org/ns/payments/sa/ci")).Get(address + "/v1/configs/c")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.TLS.PeerCertificates[0].Subject.CommonName; got != "second" || response.StatusCode != http.StatusOK {
		t.Errorf("after a renewal the server is %q: %s", got, response.Status)
	}
}

// The tokens of an issuer are taken while they are good, and while the issuer
// cannot be asked for its keys nobody is told that they are not.
func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "issuer")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, ".")
	build.Dir = filepath.Join("..", "tools", "issuer")
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off") // flags for this module need not suit that one
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Skipf("the test's issuer cannot be built here: %v", err)
	}
	issuer := exec.Command(binary)
	stdin, err1 := issuer.StdinPipe()
	stdout, err2 := issuer.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := issuer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // it ends with its input
		_ = issuer.Wait()
	})
	var place struct{ Issuer, Admin string }
	if line, err := bufio.NewReader(stdout).ReadBytes('\n'); err != nil || json.Unmarshal(line, &place) != nil {
		t.Fatalf("the issuer says %q (%v)", line, err)
	}
	admin := func(path, body string) string {
		t.Helper()
		response, err := http.Post(place.Admin+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", path, response.Status, text)
		}
		return string(bytes.TrimSpace(text))
	}
	serve := func() *instance {
		a, err := auth.New(t.Context(), auth.Options{Issuers: []auth.Issuer{{URL: place.Issuer, Audiences: []string{"judged"}, TenantClaim: "team"}}})
		if err != nil {
			t.Fatal(err)
		}
		return start(t, server.Options{Authenticator: a})
	}
	i := serve()
	good := admin("/sign", `{"sub": "ann", "team": "payments"}`)
	if got := i.as(good).create(t, shopConfig("c")); got.GetAuthor() != "ann" {
		t.Errorf("the author is %q", got.GetAuthor())
	}
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"another tenant": {admin("/sign", `{"sub": "ann", "team": "web"}`), http.StatusNotFound},
		"expired":        {admin("/sign", `{"sub": "ann", "team": "payments", "exp": 1000000000}`), http.StatusUnauthorized},
		"audience":       {admin("/sign", `{"sub": "ann", "team": "payments", "aud": "another"}`), http.StatusUnauthorized},
		"no tenant":      {admin("/sign", `{"sub": "ann"}`), http.StatusUnauthorized},
		"forged":         {good[:strings.LastIndex(good, ".")+1] + strings.Repeat("A", 342), http.StatusUnauthorized},
		"good":           {good, http.StatusOK},
	} {
		if got := i.as(c.token).send(t, http.MethodGet, "/v1/configs/c", "", nil); got.status != c.status || strings.Contains(got.text, c.token) {
			t.Errorf("%s: status %d: %s", name, got.status, got.text)
		}
	}
	admin("/fail?on=true", "")
	if got := i.as(good).send(t, http.MethodGet, "/v1/configs/c", "", nil); got.status != http.StatusOK {
		t.Errorf("with known keys and an issuer that is down: status %d: %s", got.status, got.text)
	}
	fresh := serve().as(good) // has no keys
	got := fresh.send(t, http.MethodGet, "/v1/configs/c", "", nil)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("WWW-Authenticate") != "" || !strings.Contains(got.text, "ISSUER_UNAVAILABLE") {
		t.Errorf("without keys: status %d %v: %s", got.status, got.header, got.text)
	}
	_, err := fresh.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	wantCode(t, err, connect.CodeUnavailable)
}
