package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options say whom to believe. At least one way of recognizing callers is
// needed, or Anonymous.
type Options struct {
	// Issuers are the OpenID Connect issuers whose tokens are taken.
	Issuers []Issuer
	// MTLS takes clients' certificates; nil: they are ignored.
	MTLS *MTLS
	// TokensFile is a file of hashed tokens, see [NewToken]. It is read again,
	// at most every five seconds, when somebody shows such a token.
	TokensFile string
	// Anonymous lets in who brings nothing along, as the caller "anonymous" of
	// AnonymousTenant. A token that is no good is refused all the same, if there
	// is anything that could say so: an issuer or a file of tokens.
	Anonymous       bool
	AnonymousTenant string
	// Logger gets what happens to issuers and to the file of tokens; nil
	// discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	pace pace // zero: the usual; tests are in a hurry
}

// Credentials is what a request brings along.
type Credentials struct {
	// Authorization is the header of that name.
	Authorization string
	// Peer is the chain of the client's certificate, the client's own first,
	// as TLS has verified it: tls.ConnectionState.VerifiedChains[0].
	Peer []*x509.Certificate
}

// Authenticator finds out who is calling. It is safe for concurrent use.
type Authenticator struct {
	providers map[string]*provider // by issuer
	mtls      *MTLS
	tokens    *tokenFile
	anonymous *Caller
	now       func() time.Time
	verified  *cache
}

// New returns an Authenticator, or says what is wrong with the options. It
// reads the files that they name and asks no issuer; that happens in the
// background, until ctx ends.
func New(ctx context.Context, o Options) (*Authenticator, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{providers: map[string]*provider{}, now: o.Now, verified: newCache(cachedTokens, cachedBytes)}
	for _, issuer := range o.Issuers {
		if a.providers[issuer.URL] != nil {
			return nil, fmt.Errorf("auth: the issuer %s is there twice; give one all audiences", issuer.URL)
		}
		p, err := newProvider(issuer, o)
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		a.providers[issuer.URL] = p
	}
	if o.MTLS != nil {
		if err := o.MTLS.check(); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		m := *o.MTLS
		a.mtls = &m
	}
	if o.TokensFile != "" {
		var err error
		if a.tokens, err = newTokenFile(o.TokensFile, o.Now, o.Logger); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
	}
	if o.Anonymous {
		a.anonymous = &Caller{Name: "anonymous", Tenant: o.AnonymousTenant, Method: Unidentified, Claims: map[string]any{}}
	}
	if len(a.providers) == 0 && a.mtls == nil && a.tokens == nil && a.anonymous == nil {
		return nil, errors.New("auth: nobody could log in: give issuers, a file of tokens, or clients' certificates, or let everybody in")
	}
	for _, p := range a.providers {
		go p.run(ctx)
	}
	return a, nil
}

// Authenticate returns who is calling. The error is [*UnauthenticatedError] or
// [*UnavailableError]; neither ever holds a token. It may wait for an issuer, for
// at most five seconds or as long as ctx lasts; a token that was seen before
// takes microseconds.
func (a *Authenticator) Authenticate(ctx context.Context, c Credentials) (*Caller, error) {
	takesTokens := len(a.providers) > 0 || a.tokens != nil
	switch {
	case c.Authorization != "" && takesTokens:
		token, err := bearer(c.Authorization)
		if err != nil {
			return nil, err
		}
		return a.token(ctx, token)
	case c.Authorization != "" && a.anonymous == nil:
		return nil, refuse(NoCredentials, "this server takes no tokens; show a client certificate, and send no Authorization header")
	case a.mtls != nil && len(c.Peer) > 0:
		return a.mtls.caller(c.Peer[0], a.now())
	case a.anonymous != nil:
		return a.anonymous, nil
	}
	var ways []string
	if takesTokens {
		ways = append(ways, `send the header "Authorization: Bearer TOKEN" (or, where all there is to set is a URL, https://any:TOKEN@host)`)
	}
	if a.mtls != nil {
		ways = append(ways, "connect with a client certificate")
	}
	return nil, refuse(NoCredentials, "this server wants to know who is calling: %s", strings.Join(ways, ", or "))
}

// token asks the one who may know the token.
func (a *Authenticator) token(ctx context.Context, token string) (*Caller, error) {
	switch {
	case len(a.providers) > 0 && strings.Count(token, ".") == 2:
		return a.jwt(ctx, token)
	case a.tokens != nil:
		return a.tokens.caller(token)
	default:
		return nil, refuse(Malformed, "the bearer token is not a JSON Web Token (three parts with dots between), which this server wants")
	}
}

// jwt checks a token of an issuer, unless that has just been done.
func (a *Authenticator) jwt(ctx context.Context, token string) (*Caller, error) {
	now := a.now()
	hash := hashToken(token)
	if caller := a.verified.get(hash, now); caller != nil {
		return caller, nil
	}
	t, err := peek(token)
	if err != nil {
		return nil, err
	}
	p := a.providers[t.issuer]
	if p == nil {
		return nil, refuse(UnknownIssuer, "the token's issuer (iss) is %s, which is none that this server trusts", quote(t.issuer))
	}
	v, err := p.verify(ctx, t, now)
	if err != nil {
		return nil, err
	}
	v.hash, v.size = hash, len(token)
	a.verified.put(v)
	return v.caller, nil
}
