package httpx

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// transport is the connections of a source. They are made anew when the CA file
// has changed, so that those of an authority that is trusted no more end.
type transport struct {
	settings    metrics.TLS
	connections int

	mu     sync.Mutex
	ca     os.FileInfo // of the file when it was read; nil without one
	pem    []byte
	client *http.Client
}

func newTransport(s metrics.TLS, connections int) (*transport, error) {
	t := &transport{settings: s, connections: connections}
	return t, t.read()
}

// current returns the client for the authorities that the CA file has now. A
// file that is gone or has none, because it is being replaced, changes nothing.
func (t *transport) current() *http.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ca != nil {
		info, err := os.Stat(t.settings.CAFile) // follows the links of Kubernetes' volumes
		if err == nil && !(os.SameFile(info, t.ca) && info.Size() == t.ca.Size() && info.ModTime().Equal(t.ca.ModTime())) {
			_ = t.read()
		}
	}
	return t.client
}

// reload reads the CA file whatever its time says, and reports whether the
// authorities are others now.
func (t *transport) reload() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.client
	return t.ca != nil && t.read() == nil && t.client != before
}

// read makes the connections of the settings, if the CA file is another one.
func (t *transport) read() error {
	var (
		roots *x509.CertPool
		info  os.FileInfo
		pem   []byte
		err   error
	)
	if t.settings.CAFile != "" {
		// In this order: a file that is replaced in between is read again.
		info, err = os.Stat(t.settings.CAFile)
		if err == nil {
			pem, err = os.ReadFile(t.settings.CAFile)
		}
		if err != nil {
			return fmt.Errorf("the CA file: %w", err)
		}
		if t.client != nil && bytes.Equal(pem, t.pem) {
			t.ca = info
			return nil
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("the CA file %s has no PEM certificate in it", t.settings.CAFile)
		}
	}
	config, err := NewTLS(t.settings, roots)
	if err != nil {
		return err
	}
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	t.ca, t.pem = info, pem
	t.client = &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           t.connections,
			MaxIdleConnsPerHost:    t.connections,
			IdleConnTimeout:        90 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: 1 << 20,
		},
	}
	return nil
}

func (t *transport) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.client.CloseIdleConnections()
}

// NewTLS returns the TLS side of the settings. Without roots the system's
// authorities are trusted. The client's certificate is read again at every
// handshake, so that a renewed one is picked up.
func NewTLS(s metrics.TLS, roots *x509.CertPool) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            roots,
		ServerName:         s.ServerName,
		InsecureSkipVerify: s.InsecureSkipVerify, //nolint:gosec // the settings say so, and the docs warn
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		return nil, errors.New("a client certificate needs both cert_file and key_file")
	}
	if s.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("the client certificate %s: %w", s.CertFile, err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return config, nil
}
