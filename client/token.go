package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/judged-dev/judged/metrics"
)

// TokenSource returns the bearer token of the next call. It is asked before
// every call, and again when a server refuses the token. It is safe for
// concurrent use and honours ctx; its errors hold no secret.
type TokenSource func(ctx context.Context) (string, error)

// StaticToken is a token that never changes.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// FileToken is a token in a file, read before every call: Kubernetes replaces
// the tokens that it projects into pods about once an hour.
func FileToken(path string) TokenSource { return secretToken(metrics.Secret{File: path}) }

// EnvToken is a token in an environment variable.
func EnvToken(name string) TokenSource { return secretToken(metrics.Secret{Env: name}) }

func secretToken(s metrics.Secret) TokenSource {
	return func(context.Context) (string, error) { return s.Read() }
}

// Credentials are those of a program at an OpenID Connect issuer, for
// ClientCredentials.
type Credentials struct {
	// TokenURL is the issuer's token endpoint: token_endpoint in its
	// /.well-known/openid-configuration.
	TokenURL string
	ClientID string
	// Secret is asked whenever a token is, so that it may change: FileToken,
	// EnvToken.
	Secret TokenSource
	// Scopes are asked for; which ones depends on the issuer.
	Scopes []string
	// Audience is the server that the token is for, where the issuer wants to be
	// told (Auth0's audience; others have a scope for it).
	Audience string
	// HTTP sends the requests; nil is a client of its own.
	HTTP *http.Client
}

// tokenTimeout bounds a request to the issuer.
const tokenTimeout = 30 * time.Second

// ClientCredentials gets tokens from an issuer by the client credentials grant
// (RFC 6749, section 4.4), each until ten seconds before it expires.
func ClientCredentials(c Credentials) (TokenSource, error) {
	u, err := url.Parse(c.TokenURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("client credentials: TokenURL is no address of a token endpoint: it is the issuer's token_endpoint, such as https://issuer.example.com/token")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("client credentials: the secret would go to %s://%s in plain text: use an https:// address", u.Scheme, u.Host)
	case c.ClientID == "" || c.Secret == nil:
		return nil, errors.New("client credentials: both ClientID and Secret are needed")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{CheckRedirect: stay}
	}
	s := &credentials{
		config: clientcredentials.Config{ClientID: c.ClientID, TokenURL: c.TokenURL, Scopes: c.Scopes},
		secret: c.Secret, http: c.HTTP, host: u.Host, turn: make(chan struct{}, 1),
	}
	if c.Audience != "" {
		s.config.EndpointParams = url.Values{"audience": {c.Audience}}
	}
	return s.token, nil
}

type credentials struct {
	secret TokenSource
	http   *http.Client
	host   string
	// turn has room for one: who waits for it can stop waiting, unlike at a mutex.
	turn   chan struct{}
	config clientcredentials.Config // with its turn
	last   *oauth2.Token            // with its turn
}

func (s *credentials) token(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if s.last.Valid() { // not of a nil one
		return s.last.AccessToken, nil
	}
	secret, err := s.secret(ctx)
	if err != nil {
		return "", fmt.Errorf("the client secret of %s cannot be read: %w", s.config.ClientID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	s.config.ClientSecret = secret
	token, err := s.config.Token(context.WithValue(ctx, oauth2.HTTPClient, s.http))
	s.config.ClientSecret = ""
	if err != nil {
		return "", s.failed(err)
	}
	s.last = token
	return token.AccessToken, nil
}

// failed says why an issuer gave no token, without the body of its answer, which
// may repeat what it was sent.
func (s *credentials) failed(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return &issuerError{fmt.Errorf("the issuer %s gave no token: %w", s.host, err)}
	}
	status := 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	text := fmt.Sprintf("the issuer %s gave no token to %s: status %d", s.host, s.config.ClientID, status)
	if refused.ErrorCode != "" {
		text += ", " + short(refused.ErrorCode)
	}
	if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		return &issuerError{errors.New(text)}
	}
	return errors.New(text + ": check the client's id, secret, scopes and audience")
}

// issuerError is one that may pass by itself.
type issuerError struct{ err error }

func (e *issuerError) Error() string { return e.err.Error() }
func (e *issuerError) Unwrap() error { return e.err }

func short(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return fmt.Sprintf("%q", s)
}

// bearer is RFC 6750's b64token: whatever else stands in a file of tokens is no
// token.
func bearer(token string) error {
	if token == "" {
		return errors.New("it is empty")
	}
	for _, c := range token {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/=", c) {
			return errors.New("it has characters that no token has: spaces, line breaks or others")
		}
	}
	return nil
}
