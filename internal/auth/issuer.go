package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Issuer is an OpenID Connect issuer, and how its tokens are read. URL and
// Audiences are required.
type Issuer struct {
	// URL is the issuer's, exactly as its tokens have it in iss: the last slash
	// matters. It is https, or http on this machine.
	URL string
	// Audiences are those that mean this server; a token must have one of them.
	Audiences []string
	// Algorithms are the signatures that are allowed. Default: all asymmetric
	// ones, RS256 to RS512, PS256 to PS512, ES256 to ES512 and EdDSA.
	Algorithms []string
	// NameClaim is where the caller's name stands: a claim, or a path of claims
	// with dots between. Default "sub". An "email" must not be marked as
	// unverified.
	NameClaim string
	// NamePrefix is put before names, so that two issuers' are not mistaken for
	// each other.
	NamePrefix string
	// Tenant is the tenant of all of the issuer's callers.
	Tenant string
	// TenantClaim is where the caller's tenant stands, a path like NameClaim. It
	// excludes Tenant.
	TenantClaim string
	// RequireClaims are claims, by path, that must have one of these values (or
	// hold one, if they are lists). An issuer that gives tokens to the whole
	// world needs them.
	RequireClaims map[string][]string
	// ClockSkew is how far the issuer's clock may be off. Default 30s.
	ClockSkew time.Duration
	// CAFile holds the authorities that the issuer's own certificate is checked
	// against, PEM, instead of the system's.
	CAFile string
	// BearerFile holds a token to show when asking for the issuer's metadata
	// and keys, as an API server of Kubernetes wants.
	BearerFile string
}

// algorithms are all that go-oidc knows; every one is asymmetric. HMAC would
// let whoever can verify a token also make one.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

func (i Issuer) withDefaults() (Issuer, error) {
	if err := checkURL(i.URL); err != nil {
		return i, fmt.Errorf("the issuer's URL %w", err)
	}
	problem := func(format string, args ...any) (Issuer, error) {
		return i, fmt.Errorf("the issuer %s "+format, append([]any{i.URL}, args...)...)
	}
	if len(i.Audiences) == 0 || slices.Contains(i.Audiences, "") {
		return problem("needs audiences: without, a token that was meant for any other service would do")
	}
	for _, a := range i.Algorithms {
		if !slices.Contains(algorithms, a) {
			return problem("has the algorithm %q; allowed are %s", a, strings.Join(algorithms, ", "))
		}
	}
	if i.Tenant != "" && i.TenantClaim != "" {
		return problem("has both a tenant and a claim for it; choose one")
	}
	if bad := badName(i.Tenant); bad != "" && i.Tenant != "" {
		return problem("has a tenant whose name %s", bad)
	}
	const mostSkew = 10 * time.Minute
	if i.ClockSkew < 0 || i.ClockSkew > mostSkew {
		return problem("may have a clock that is off by %v; possible are 0 to %v", i.ClockSkew, mostSkew)
	}
	for path, values := range i.RequireClaims {
		if len(values) == 0 {
			return problem("requires the claim %s without saying what it must be", path)
		}
	}
	if i.NameClaim == "" {
		i.NameClaim = "sub"
	}
	if i.ClockSkew == 0 {
		i.ClockSkew = 30 * time.Second
	}
	if len(i.Algorithms) == 0 {
		i.Algorithms = algorithms
	}
	i.Audiences, i.Algorithms, i.RequireClaims = slices.Clone(i.Audiences), slices.Clone(i.Algorithms), maps.Clone(i.RequireClaims)
	return i, nil
}

// checkURL says why an issuer cannot be asked at an address. Over plain HTTP
// anybody on the way could put in a key of theirs.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New("is missing")
	case err != nil || u.Host == "":
		return errors.New("is not of the form https://HOST/PATH")
	case u.User != nil:
		return fmt.Errorf("(of %s) has a user name in it", u.Host)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s has a query or a fragment in it", address)
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("%s is not https://, which only an issuer on this machine may do without", address)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// provider verifies the tokens of one issuer.
type provider struct {
	issuer Issuer
	pace   pace
	now    func() time.Time
	log    *slog.Logger

	// keys are the issuer's; nil: not had yet. As long as the issuer says the
	// same, it is the same pointer.
	keys atomic.Pointer[keySet]

	mu      sync.Mutex
	began   time.Time     // the last time that the issuer was asked
	failure error         // of that time
	running chan struct{} // closed when the asking under way ends; nil: none is
	wake    chan struct{} // asks run to ask
	ended   chan struct{} // closed when run has ended

	jwksURL string // run's own: where the keys are; empty: not known
}

func newProvider(i Issuer, o Options) (*provider, error) {
	i, err := i.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &provider{
		issuer: i, pace: o.pace.withDefaults(), now: o.Now, log: o.Logger.With(slog.String("issuer", i.URL)),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if _, err := newFetcher(i); err != nil { // the files are there now, at least
		return nil, fmt.Errorf("the issuer %s: %w", i.URL, err)
	}
	return p, nil
}

// verify checks the token and returns whose it is.
func (p *provider) verify(ctx context.Context, t unverified, now time.Time) (*verification, error) {
	if !slices.Contains(p.issuer.Algorithms, t.alg) {
		return nil, refuse(WrongAlgorithm, "the token is signed with the algorithm %s; allowed are %s", quote(t.alg), strings.Join(p.issuer.Algorithms, ", "))
	}
	// A logout token, say, is signed with the same keys and must not let
	// anybody in (RFC 8725, section 3.11).
	switch strings.TrimPrefix(strings.ToLower(t.typ), "application/") {
	case "", "jwt", "at+jwt":
	default:
		return nil, refuse(WrongClaims, "the token is of the type %s, not an identity or access token (JWT, at+jwt)", quote(t.typ))
	}
	keys, err := p.keysFor(ctx, t.kid)
	if err != nil {
		return nil, err
	}
	signature := &signature{keys: keys}
	token, err := oidc.NewVerifier(p.issuer.URL, signature, &oidc.Config{
		SupportedSigningAlgs: p.issuer.Algorithms,
		// Both are checked below: several audiences will do, the clock may be
		// off, and each needs a text of its own.
		SkipClientIDCheck: true, SkipExpiryCheck: true,
	}).Verify(ctx, t.raw)
	switch {
	case signature.wrong:
		return nil, refuse(WrongSignature, "the token's signature is wrong: it was changed on the way, or not made by %s", p.issuer.URL)
	case err != nil:
		return nil, refuse(Malformed, "the token of %s is signed, but its claims are not those of OpenID Connect", p.issuer.URL)
	}
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return nil, refuse(Malformed, "the token of %s is signed, but its claims are not a JSON object", p.issuer.URL)
	}
	expiry, err := p.checkClaims(claims, now)
	if err != nil {
		return nil, err
	}
	caller, err := p.caller(claims)
	if err != nil {
		return nil, err
	}
	return &verification{caller: caller, until: expiry.Add(p.issuer.ClockSkew), provider: p, keys: keys}, nil
}

// checkClaims checks whom a token with a good signature is for, and when, and
// returns when it expires. Claims are read by their exact names: encoding/json,
// which go-oidc uses, would also take "AUD" for "aud".
func (p *provider) checkClaims(claims map[string]any, now time.Time) (expiry time.Time, err error) {
	expiry, err = timeClaim(claims, "exp")
	if err != nil {
		return expiry, err
	}
	notBefore, err := timeClaim(claims, "nbf")
	if err != nil {
		return expiry, err
	}
	var audience []string
	switch aud := claims["aud"].(type) {
	case string:
		audience = []string{aud}
	case []any:
		for _, v := range aud {
			if s, ok := v.(string); ok {
				audience = append(audience, s)
			}
		}
	}
	i, skew := p.issuer, p.issuer.ClockSkew
	switch {
	case claims["iss"] != i.URL:
		return expiry, refuse(Malformed, "the token has two issuers (iss)")
	case expiry.IsZero():
		return expiry, refuse(WrongClaims, "the token does not say when it expires (exp), so it is not taken")
	case now.After(expiry.Add(skew)):
		return expiry, refuse(Expired, "the token expired at %s, %v ago: get a new one", moment(expiry), now.Sub(expiry).Round(time.Second))
	case now.Before(notBefore.Add(-skew)):
		return expiry, refuse(NotYetValid, "the token is valid only from %s on (nbf), in %v: is a clock wrong?", moment(notBefore), notBefore.Sub(now).Round(time.Second))
	case len(audience) == 0:
		return expiry, refuse(WrongAudience, "the token has no audience (aud); this server wants %s", oneOf(i.Audiences))
	case !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(i.Audiences, a) }):
		return expiry, refuse(WrongAudience, "the token's audience (aud) %s is not among this server's: %s. Ask the issuer for a token for this server",
			quoteAll(audience), quoteAll(i.Audiences))
	}
	for _, path := range slices.Sorted(maps.Keys(i.RequireClaims)) {
		if err := checkRequired(claims, path, i.RequireClaims[path]); err != nil {
			return expiry, err
		}
	}
	return expiry, nil
}

// caller reads who it is.
func (p *provider) caller(claims map[string]any) (*Caller, error) {
	i := p.issuer
	c := &Caller{Method: OIDC, Tenant: i.Tenant, Claims: claims}
	if i.TenantClaim != "" {
		tenant, err := nameClaim(claims, i.TenantClaim)
		if err != nil {
			return nil, err
		}
		c.Tenant = tenant
	}
	name, err := nameClaim(claims, i.NameClaim)
	if err != nil {
		return nil, err
	}
	// Whoever can write any address into their profile would be anybody.
	if verified, ok := claims["email_verified"]; ok && i.NameClaim == "email" && verified != true && verified != "true" {
		return nil, refuse(WrongClaims, "the token's email is not verified, so it cannot say who is calling")
	}
	c.Name = i.NamePrefix + name
	return c, nil
}

// timeClaim reads a claim in seconds since 1970; the zero time if it is not
// there.
func timeClaim(claims map[string]any, name string) (time.Time, error) {
	switch v := claims[name].(type) {
	case nil:
		return time.Time{}, nil
	case float64:
		const most = 253402300799 // the year 9999, in seconds
		return time.Unix(int64(max(-most, min(v, most))), 0), nil
	default:
		return time.Time{}, refuse(Malformed, "the token's %s is not a number of seconds", name)
	}
}
