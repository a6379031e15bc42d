package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// newTLS returns the TLS side of the settings. A CA file replaces the
// system's authorities.
func newTLS(s metrics.TLS) (*tls.Config, error) {
	if s.CAFile == "" {
		return httpx.NewTLS(s, nil)
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("the CA file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA file %s has no PEM certificate in it", s.CAFile)
	}
	return httpx.NewTLS(s, roots)
}

// tlsHint says what to do about a failed handshake, "" if err is none.
func tlsHint(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "set tls.ca_file to the authority that signed the server's certificate"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "use the name in the server's certificate, or set tls.server_name to it"
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "the server's certificate has to be renewed, or this machine's clock is wrong"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS there: is it another port?"
	}
	return ""
}
