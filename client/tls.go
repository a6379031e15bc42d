package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// tlsFiles are the paths of WithTLS.
type tlsFiles struct{ cert, key, ca string }

// freshTLS sends requests over connections that were made with the files as
// they are now.
type freshTLS struct {
	files tlsFiles
	dial  func() *http.Transport

	mu    sync.Mutex
	texts [3][]byte
	now   *http.Transport
	// failed is why the files of now are not the latest.
	failed error
}

func newFreshTLS(files tlsFiles, dial func() *http.Transport) (*freshTLS, error) {
	if (files.cert == "") != (files.key == "") {
		return nil, errors.New("a client certificate needs both its file and its key's")
	}
	f := &freshTLS{files: files, dial: dial}
	return f, f.read()
}

// RoundTrip implements http.RoundTripper.
func (f *freshTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.failed = f.read()
	way, failed := f.now, f.failed
	f.mu.Unlock()
	response, err := way.RoundTrip(r)
	if err != nil && failed != nil {
		err = fmt.Errorf("%w (with older files than there are: %w)", err, failed)
	}
	return response, err
}

// CloseIdleConnections is what http.Client asks for.
func (f *freshTLS) CloseIdleConnections() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.CloseIdleConnections()
}

// read makes connections anew if a file has other contents than before. They
// are compared rather than their times, which say the same of files that are
// renamed into place, or reached through links as in Kubernetes' volumes.
func (f *freshTLS) read() error {
	var texts [3][]byte
	same := f.now != nil
	for i, path := range []string{f.files.cert, f.files.key, f.files.ca} {
		if path == "" {
			continue
		}
		var err error
		if texts[i], err = readPEM(path); err != nil {
			return err
		}
		same = same && bytes.Equal(texts[i], f.texts[i])
	}
	if same {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.files.cert != "" {
		pair, err := tls.X509KeyPair(texts[0], texts[1])
		if err != nil {
			return fmt.Errorf("the client certificate %s and its key %s: %w", f.files.cert, f.files.key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if f.files.ca != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(texts[2]) {
			return fmt.Errorf("the file of authorities %s has no PEM certificate in it", f.files.ca)
		}
	}
	before := f.now
	f.now = f.dial()
	f.now.TLSClientConfig = config
	f.texts = texts
	if before != nil {
		before.CloseIdleConnections() // those with calls on them end with their calls
	}
	return nil
}

// maxPEM bounds a file, in bytes: the authorities of an operating system have a
// quarter of it.
const maxPEM = 1 << 20

func readPEM(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s has more than %d bytes", path, maxPEM)
	}
	return text, err
}
