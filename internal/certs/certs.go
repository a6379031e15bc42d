// Package certs serves TLS with certificates that are renewed while the
// server runs.
//
// A [Reloader] reads its files again at handshakes, at most every few seconds,
// and compares what is in them: so it does not matter whether a file is
// written over, renamed into place, or reached through a link that moves, as
// in a volume of Kubernetes, nor what its times say. What cannot be used (a
// half-written file, a key of another certificate, one that has expired) is
// reported, and the last good one stays.
//
// Connections that exist when a file changes go on with what they began with.
package certs

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options name the files. CertFile and KeyFile are required.
type Options struct {
	// CertFile is the server's certificate and the chain above it, and KeyFile
	// its private key, both PEM.
	CertFile, KeyFile string
	// ClientCAFile holds the authorities that clients' certificates are checked
	// against, PEM. Without it no client is asked for one.
	ClientCAFile string
	// RequireClientCert refuses connections without a client's certificate.
	// Otherwise a client may come without, and show a token instead; one that
	// it does show must be good.
	RequireClientCert bool
	// MinVersion is the oldest TLS version, e.g. tls.VersionTLS13. Default 1.2.
	MinVersion uint16
	// Interval is how often the files are read at most. Default 5s.
	Interval time.Duration
	// Report is told what happened when files have changed: nil for success,
	// or why the last good ones stay, once for each new reason. It is called
	// during a handshake, so it must be quick; nil: nobody wants to know.
	Report func(error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Reloader hands out the current certificate. It is safe for concurrent use.
type Reloader struct {
	options Options
	current atomic.Pointer[state]
	// checked is when the files were read last, in nanoseconds.
	checked atomic.Int64

	mu sync.Mutex // held while reading files
	// reported is the last failure that was reported.
	reported string
}

// state is what new connections get. It does not change.
type state struct {
	cert, key, ca []byte // as in the files
	leaf          *x509.Certificate
	config        *tls.Config
}

// New reads the files, or says why they cannot be used. A certificate that
// has expired is reported, and used as long as there is no better one: a
// server does more than answer callers.
func New(o Options) (*Reloader, error) {
	if o.CertFile == "" || o.KeyFile == "" {
		return nil, errors.New("certs: TLS needs both a certificate file and a key file")
	}
	if o.RequireClientCert && o.ClientCAFile == "" {
		return nil, errors.New("certs: clients' certificates are required, but there is no client CA file to check them against")
	}
	o.MinVersion = cmp.Or(o.MinVersion, tls.VersionTLS12)
	if o.MinVersion < tls.VersionTLS12 {
		return nil, fmt.Errorf("certs: the oldest TLS version is %s; it must be 1.2 or 1.3", tls.VersionName(o.MinVersion))
	}
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	r := &Reloader{options: o}
	cert, key, pair, err := readPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certs: %w", err)
	}
	ca, pool, err := readPool(o.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("certs: %w", err)
	}
	now := o.Now()
	r.current.Store(&state{cert: cert, key: key, ca: ca, leaf: pair.Leaf, config: r.config(pair, pool)})
	r.checked.Store(now.UnixNano())
	if err := valid(pair.Leaf, now); err != nil {
		r.report(fmt.Errorf("the certificate %s %w", o.CertFile, err))
	}
	return r, nil
}

// config is that of new connections.
func (r *Reloader) config(pair *tls.Certificate, clients *x509.CertPool) *tls.Config {
	c := &tls.Config{
		MinVersion:   r.options.MinVersion,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{*pair},
	}
	if clients != nil {
		c.ClientCAs = clients
		c.ClientAuth = tls.VerifyClientCertIfGiven
		if r.options.RequireClientCert {
			c.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	return c
}

// Config returns what a server listens with. It offers HTTP/2 and HTTP/1.1.
func (r *Reloader) Config() *tls.Config {
	c := r.current.Load().config.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		r.check()
		return r.current.Load().config, nil
	}
	return c
}

// NotAfter is when the current certificate expires.
func (r *Reloader) NotAfter() time.Time {
	r.check()
	return r.current.Load().leaf.NotAfter
}

// check reads the files if that is due. While one caller does, the others go
// on with what there is.
func (r *Reloader) check() {
	now := r.options.Now()
	if since := now.UnixNano() - r.checked.Load(); 0 <= since && since < int64(r.options.Interval) || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	r.checked.Store(now.UnixNano())
	r.reload(now)
}

// reload takes over what has changed, the certificate and the authorities
// each by itself.
func (r *Reloader) reload(now time.Time) {
	old := r.current.Load()
	next := *old
	pair := &old.config.Certificates[0]
	pool := old.config.ClientCAs
	var failures []error

	cert, key, newPair, err := readPair(r.options.CertFile, r.options.KeyFile)
	if err != nil {
		failures = append(failures, err)
	} else if !bytes.Equal(cert, old.cert) || !bytes.Equal(key, old.key) {
		// Better one that works than the newest.
		if err := valid(newPair.Leaf, now); err != nil {
			failures = append(failures, fmt.Errorf("the certificate %s %w", r.options.CertFile, err))
		} else {
			next.cert, next.key, next.leaf, pair = cert, key, newPair.Leaf, newPair
		}
	}
	ca, newPool, err := readPool(r.options.ClientCAFile)
	if err != nil {
		failures = append(failures, err)
	} else if !bytes.Equal(ca, old.ca) {
		next.ca, pool = ca, newPool
	}

	changed := next.leaf != old.leaf || pool != old.config.ClientCAs
	if changed {
		next.config = r.config(pair, pool)
		r.current.Store(&next)
	}
	if len(failures) == 0 {
		if err := valid(next.leaf, now); err != nil {
			failures = append(failures, fmt.Errorf("the certificate %s %w", r.options.CertFile, err))
		}
	}
	switch err := errors.Join(failures...); {
	case err != nil:
		r.report(err)
	case changed || r.reported != "":
		r.reported = ""
		r.options.Report(nil)
	}
}

func (r *Reloader) report(err error) {
	if text := err.Error(); text != r.reported {
		r.reported = text
		r.options.Report(fmt.Errorf("TLS goes on with the last good files: %w", err))
	}
}

// valid says why a certificate cannot be used now.
func valid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("expired at %s: renew it", c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("is valid only from %s on: is the clock right?", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// readPair reads a certificate and its key. If a renewal comes between the two
// they do not match, and the next reading mends it.
func readPair(certFile, keyFile string) (cert, key []byte, pair *tls.Certificate, err error) {
	if cert, err = readFile(certFile); err != nil {
		return nil, nil, nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	if key, err = readFile(keyFile); err != nil {
		return nil, nil, nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	p, err := tls.X509KeyPair(cert, key)
	if err == nil {
		return cert, key, &p, nil
	}
	return nil, nil, nil, fmt.Errorf("the certificate %s and the private key %s cannot be used together: %w", certFile, keyFile, err)
}

// readPool reads authorities; none if there is no file.
func readPool(path string) ([]byte, *x509.CertPool, error) {
	if path == "" {
		return nil, nil, nil
	}
	text, err := readFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the client CA file cannot be read: %w", err)
	}
	pool, err := parsePool(text)
	if err != nil {
		return nil, nil, fmt.Errorf("the client CA file %s: %w", path, err)
	}
	return text, pool, nil
}

// parsePool is stricter than x509.CertPool: of a file that is half written it
// takes nothing, rather than half of the authorities.
func parsePool(text []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("has a PEM block %q in it, want only CERTIFICATE", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in it cannot be parsed: %w", n+1, err)
		}
		pool.AddCert(c)
		n++
		text = rest
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, fmt.Errorf("the PEM block after certificate %d in it is cut off or damaged", n)
	case n == 0:
		return nil, errors.New("has no PEM certificate in it")
	}
	return pool, nil
}

// maxFile bounds a file: the authorities of a whole operating system have a
// quarter of it.
const maxFile = 1 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return text, err
}
