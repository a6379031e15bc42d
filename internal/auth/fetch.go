package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// fetcher asks an issuer, for one refresh: its files are read each time, so
// that they can be renewed. There are no retries here; the next refresh is
// one.
type fetcher struct {
	http   *http.Client
	bearer string
}

// maxAnswer bounds what an issuer answers, in bytes. Metadata and keys have a
// few thousand.
const maxAnswer = 1 << 20

func newFetcher(i Issuer) (*fetcher, error) {
	f := &fetcher{}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if i.CAFile != "" {
		pem, err := os.ReadFile(i.CAFile)
		if err != nil {
			return nil, fmt.Errorf("its CA file cannot be read: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("its CA file %s has no PEM certificate in it", i.CAFile)
		}
	}
	if i.BearerFile != "" {
		text, err := os.ReadFile(i.BearerFile)
		if err != nil {
			return nil, fmt.Errorf("its bearer file cannot be read: %w", err)
		}
		f.bearer = strings.TrimSpace(string(text))
		if _, err := bearer("Bearer " + f.bearer); err != nil {
			return nil, fmt.Errorf("its bearer file %s does not hold one token", i.BearerFile)
		}
	}
	f.http = &http.Client{
		// The token must not follow to another host, and keys are only as
		// trustworthy as whoever chose their address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	return f, nil
}

func (f *fetcher) close() { f.http.CloseIdleConnections() }

// discover asks an issuer where its keys are (OpenID Connect Discovery 1.0,
// section 4).
func (f *fetcher) discover(ctx context.Context, issuer string) (string, error) {
	address := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	text, err := f.get(ctx, address)
	if err != nil {
		return "", err
	}
	var found oidc.ProviderConfig
	if json.Unmarshal(text, &found) != nil {
		return "", fmt.Errorf("GET %s: the answer is not the metadata of an OpenID Connect issuer", address)
	}
	if found.IssuerURL != issuer {
		return "", fmt.Errorf("GET %s: the issuer there calls itself %s; it must be written exactly so in the settings", address, quote(found.IssuerURL))
	}
	if err := checkURL(found.JWKSURL); err != nil {
		return "", fmt.Errorf("GET %s: the address of the keys (jwks_uri) %w", address, err)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(found.JWKSURL, "https:") {
		return "", fmt.Errorf("GET %s: the address of the keys (jwks_uri), %s, is not https:// as the issuer is", address, found.JWKSURL)
	}
	return found.JWKSURL, nil
}

// get returns a whole answer. Errors repeat nothing of it: it may repeat the
// bearer token.
func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "judged")
	if f.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+f.bearer)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // says GET and the address itself
		}
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("GET %s: %d %s: does it want a token (bearer_file), or another one?", address, resp.StatusCode, http.StatusText(resp.StatusCode))
	case resp.StatusCode/100 == 3:
		return nil, fmt.Errorf("GET %s: redirects elsewhere, which is not followed: use the address that answers", address)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("GET %s: %d %s", address, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("GET %s: the answer broke off: %w", address, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("GET %s: the answer has more than %d bytes", address, maxAnswer)
	}
	return text, nil
}
