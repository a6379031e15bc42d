package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MTLS says how clients' certificates are read. TLS must have verified them
// against authorities that sign clients of this server only.
//
// The caller's name is the certificate's SPIFFE id (its URI spiffe://...);
// without one, its first DNS name; without that, its common name.
type MTLS struct {
	// Tenant is the tenant of all of them.
	Tenant string
	// TenantSegment takes the tenant from the SPIFFE id: the path's segment of
	// this number, 1 for the first. In spiffe://example.org/ns/payments/sa/ci
	// the second is "payments". It excludes Tenant.
	TenantSegment int
}

func (m *MTLS) check() error {
	switch {
	case m.TenantSegment < 0:
		return fmt.Errorf("the tenant's segment of SPIFFE ids is %d; the first is 1", m.TenantSegment)
	case m.TenantSegment > 0 && m.Tenant != "":
		return errors.New("the tenant of clients' certificates is both given and taken from SPIFFE ids; choose one")
	}
	return nil
}

// caller reads a verified certificate. A connection may outlive it, so its
// time is looked at again.
func (m *MTLS) caller(cert *x509.Certificate, now time.Time) (*Caller, error) {
	if now.After(cert.NotAfter) {
		return nil, refuse(Expired, "the client certificate expired at %s: connect again with a new one", moment(cert.NotAfter))
	}
	id, err := spiffeID(cert)
	if err != nil {
		return nil, err
	}
	c := &Caller{Method: Certificate, Tenant: m.Tenant, Claims: certificateClaims(cert)}
	switch {
	case id != nil:
		c.Name = id.String()
	case len(cert.DNSNames) > 0:
		c.Name = cert.DNSNames[0]
	default:
		c.Name = cert.Subject.CommonName
	}
	if c.Name == "" {
		return nil, refuse(WrongCertificate, "the client certificate has no SPIFFE id, no DNS name and no common name, so it says nobody's name")
	}
	if bad := badName(c.Name); bad != "" {
		return nil, refuse(WrongCertificate, "the name in the client certificate %s, so it cannot be used", bad)
	}
	if m.TenantSegment > 0 {
		if id == nil {
			return nil, refuse(WrongCertificate, "the client certificate of %s has no SPIFFE id, which says the tenant", quote(c.Name))
		}
		segments := strings.Split(id.Path, "/")[1:]
		if len(segments) < m.TenantSegment {
			return nil, refuse(WrongCertificate, "the SPIFFE id %s has %d segments; number %d says the tenant", quote(c.Name), len(segments), m.TenantSegment)
		}
		c.Tenant = segments[m.TenantSegment-1]
	}
	return c, nil
}

var spiffe = regexp.MustCompile(`^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$`)

func isDots(segment string) bool { return segment == "." || segment == ".." }

// spiffeID returns the certificate's SPIFFE id, nil if it has none. The
// standard allows one, and a path of letters, digits and ._- only
// (SPIFFE-ID, sections 2.1 and 2.2; X.509-SVID, section 2).
func spiffeID(cert *x509.Certificate) (*url.URL, error) {
	var id *url.URL
	for _, u := range cert.URIs {
		if u.Scheme != "spiffe" {
			continue
		}
		if id != nil {
			return nil, refuse(WrongCertificate, "the client certificate has two SPIFFE ids, %s and %s; it may have one", quote(id.String()), quote(u.String()))
		}
		id = u
	}
	if id == nil {
		return nil, nil //nolint:nilnil // a certificate without a SPIFFE id is no mistake
	}
	if !spiffe.MatchString(id.String()) || slices.ContainsFunc(strings.Split(id.Path, "/"), isDots) {
		return nil, refuse(WrongCertificate, "the client certificate's SPIFFE id %s is not of the form spiffe://DOMAIN/PATH", quote(id.String()))
	}
	return id, nil
}

func certificateClaims(cert *x509.Certificate) map[string]any {
	list := func(values []string) []any {
		out := []any{}
		for _, v := range values {
			out = append(out, strings.ToValidUTF8(v, "\uFFFD"))
		}
		return out
	}
	var uris []string
	for _, u := range cert.URIs {
		uris = append(uris, u.String())
	}
	return map[string]any{
		"uri":    list(uris),
		"dns":    list(cert.DNSNames),
		"email":  list(cert.EmailAddresses),
		"cn":     strings.ToValidUTF8(cert.Subject.CommonName, "\uFFFD"),
		"o":      list(cert.Subject.Organization),
		"ou":     list(cert.Subject.OrganizationalUnit),
		"issuer": strings.ToValidUTF8(cert.Issuer.String(), "\uFFFD"),
		"serial": fmt.Sprintf("%x", cert.SerialNumber),
	}
}
