package auth

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNewToken(t *testing.T) {
	t.Parallel()
	token, hash := NewToken()
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, TokenPrefix))
	if err != nil || len(secret) != 32 || !strings.HasPrefix(token, TokenPrefix) {
		t.Errorf("the token is %d bytes (%v)", len(secret), err)
	}
	if other, _ := NewToken(); other == token {
		t.Error("two tokens are the same")
	}
	if sum := hashToken(token); hex.EncodeToString(sum[:]) != hash {
		t.Errorf("the hash %s is not the token's", hash)
	}
}

func TestStaticTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	entry := func(name, hash, more string) string {
		return fmt.Sprintf("- {name: %s, tenant: payments, sha256: %s%s}\n", name, hash, more)
	}
	ci, ciHash := NewToken()
	old, oldHash := NewToken()
	spare, spareHash := NewToken()
	writeFile(t, path, "tokens:\n"+entry("ci", ciHash, ", claims: {team: [a, b], level: 3}")+
		entry("old", strings.ToUpper(oldHash), ", not_after: "+clock.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	var log logged
	a := newAuthenticator(t, Options{TokensFile: path, Now: clock.now, Logger: log.logger()})

	want := &Caller{Name: "ci", Tenant: "payments", Method: StaticToken, Claims: map[string]any{"team": []any{"a", "b"}, "level": 3.0}}
	if diff := cmp.Diff(want, mustKnow(t, a, ci)); diff != "" {
		t.Error(diff)
	}
	mustKnow(t, a, old)
	mustRefuse(t, a, spare, UnknownToken, "does not know the bearer token")
	mustRefuse(t, a, ci+"x", UnknownToken, "does not know")
	mustRefuse(t, a, ciHash, UnknownToken, "does not know")
	mustRefuse(t, a, "hunter2hunter2", UnknownToken, "has 14 characters; this server's have 22 or more")
	clock.advance(time.Hour + time.Second)
	mustRefuse(t, a, old, Expired, `of "old" expired at `)

	// A token that is added is known five seconds later, one that is taken away
	// is not.
	writeFile(t, path, "tokens:\n"+entry("spare", spareHash, ""))
	mustRefuse(t, a, spare, UnknownToken, "")
	clock.advance(tokensInterval)
	mustKnow(t, a, spare)
	mustRefuse(t, a, ci, UnknownToken, "")

	// What is broken changes nothing, and is said once.
	for text, said := range map[string]string{
		"":                            "no list named tokens",
		"tokens: [" + ci + "]":        "has fields that are unknown or of a wrong type",
		"tokens: [":                   "did not find expected node",
		"tokens:\n- {name: ci":        "did not find expected ','",
		"tokens: [{name: spare}]":     "64 hexadecimal digits",
		strings.Repeat(" ", 1<<20+10): "more than 1048576 bytes",
	} {
		writeFile(t, path, text)
		for range 2 {
			clock.advance(tokensInterval)
			mustKnow(t, a, spare)
		}
		if n := strings.Count(log.String(), said); n != 1 {
			t.Errorf("%q: %q was said %d times\n%s", text, said, n, log.String())
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock.advance(tokensInterval)
	mustKnow(t, a, spare)

	// An empty list is meant.
	writeFile(t, path, "tokens: []")
	clock.advance(tokensInterval)
	mustRefuse(t, a, spare, UnknownToken, "")
	for _, token := range []string{ci, old, spare} {
		if strings.Contains(log.String(), token) {
			t.Errorf("the log has a token in it:\n%s", log.String())
		}
	}
}

func TestParseTokens(t *testing.T) {
	t.Parallel()
	secret, hash := NewToken()
	for name, c := range map[string]struct{ text, want string }{
		"no name":       {"tokens: [{sha256: " + hash + "}]", `token 1 (""): its name is empty`},
		"long tenant":   {"tokens: [{name: a, tenant: " + strings.Repeat("t", 257) + ", sha256: " + hash + "}]", "its tenant is longer"},
		"twice":         {"tokens: [{name: a, sha256: " + hash + "}, {name: b, sha256: " + hash + "}]", `token 2 ("b") has the sha256 of token 1`},
		"token as hash": {"tokens: [{name: a, sha256: " + secret + "}]", "never the token"},
		"unknown field": {"tokens: [{name: a, token: " + secret + "}]", "unknown or of a wrong type"},
		"wrong type":    {"tokens: [{name: a, claims: " + secret + "}]", "unknown or of a wrong type"},
		"wrong tag":     {"tokens: [{name: a, claims: {a: !!timestamp " + secret + "}}]", "unknown or of a wrong type"},
		"no time":       {"tokens: [{name: a, sha256: " + hash + ", not_after: " + secret + "}]", "its not_after is not a time"},
		"claims":        {"tokens: [{name: a, sha256: " + hash + ", claims: {a: .nan}}]", "its claims cannot be written as JSON"},
		"too many":      {"tokens: [" + strings.Repeat("{name: a}, ", 1001) + "]", "has 1001 tokens, at most 1000"},
	} {
		_, err := parseTokens([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	_, hash := NewToken()
	f.Add([]byte("tokens:\n- {name: ci, tenant: t, sha256: " + hash + ", not_after: 2030-01-01, claims: {a: [1, {b: null}]}}"))
	f.Add([]byte("tokens: &a [*a]"))
	f.Add([]byte("tokens: []"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tokens, err := parseTokens(text)
		if err != nil {
			return
		}
		for _, token := range tokens {
			if badName(token.caller.Name) != "" || token.caller.Claims == nil || token.caller.Method != StaticToken {
				t.Fatalf("took %+v", token.caller)
			}
			if _, err := json.Marshal(token.caller.Claims); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	clock := newClock()
	until := clock.now().Add(time.Hour)
	cert := func(cn string, dns []string, uris ...string) *x509.Certificate {
		c := &x509.Certificate{
			Subject: pkix.Name{CommonName: cn, Organization: []string{"Example"}}, DNSNames: dns, NotAfter: until, SerialNumber: big.NewInt(255),
		}
		for _, u := range uris {
			c.URIs = append(c.URIs, mustURL(t, u))
		}
		return c
	}
	fixed := newAuthenticator(t, Options{MTLS: &MTLS{Tenant: "ops"}, Now: clock.now})
	segment := newAuthenticator(t, Options{MTLS: &MTLS{TenantSegment: 2}, Now: clock.now})
	ask := func(a *Authenticator, c *x509.Certificate) (*Caller, error) {
		return a.Authenticate(t.Context(), Credentials{Peer: []*x509.Certificate{c}})
	}
	const id = "spiffe://example.org/ns/payments/sa/ci"

	for name, c := range map[string]struct {
		a            *Authenticator
		cert         *x509.Certificate
		name, tenant string
	}{
		"SPIFFE id":         {fixed, cert("cn", []string{"a.example.com"}, "https://example.com", id), id, "ops"},
		"DNS name":          {fixed, cert("cn", []string{"a.example.com", "b.example.com"}), "a.example.com", "ops"},
		"common name":       {fixed, cert("cn", nil), "cn", "ops"},
		"tenant in the id":  {segment, cert("", nil, id), id, "payments"},
		"dots in a segment": {segment, cert("", nil, "spiffe://example.org/ns/a.b_c-D"), "spiffe://example.org/ns/a.b_c-D", "a.b_c-D"},
	} {
		got, err := ask(c.a, c.cert)
		if err != nil || got.Name != c.name || got.Tenant != c.tenant || got.Method != Certificate {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err := ask(fixed, cert("cn", []string{"a.example.com"}, id))
	want := map[string]any{
		"uri": []any{id}, "dns": []any{"a.example.com"}, "email": []any{}, "cn": "cn", "o": []any{"Example"}, "ou": []any{}, "issuer": "", "serial": "ff",
	}
	if err != nil || !cmp.Equal(got.Claims, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got.Claims))
	}

	for name, c := range map[string]struct {
		a    *Authenticator
		cert *x509.Certificate
		want string
	}{
		"no name":            {fixed, cert("", nil), "says nobody's name"},
		"control characters": {fixed, cert("a\nb", nil), "invisible character"},
		"two ids":            {fixed, cert("", nil, id, id+"2"), "has two SPIFFE ids"},
		"no id":              {segment, cert("cn", nil), "has no SPIFFE id, which says the tenant"},
		"short id":           {segment, cert("", nil, "spiffe://example.org/payments"), "has 1 segments; number 2"},
		"no path":            {fixed, cert("", nil, "spiffe://example.org"), "is not of the form"},
		"empty segment":      {segment, cert("", nil, "spiffe://example.org/ns//sa"), "is not of the form"},
		"last is empty":      {segment, cert("", nil, "spiffe://example.org/ns/"), "is not of the form"},
		"dots":               {segment, cert("", nil, "spiffe://example.org/ns/.."), "is not of the form"},
		"escaped slash":      {segment, cert("", nil, "spiffe://example.org/ns%2Fpayments/other"), "is not of the form"},
		"escaped letter":     {segment, cert("", nil, "spiffe://example.org/ns/%70ayments"), "is not of the form"},
		"port":               {segment, cert("", nil, "spiffe://example.org:1/ns/a"), "is not of the form"},
		"user":               {segment, cert("", nil, "spiffe://u@example.org/ns/a"), "is not of the form"},
		"query":              {segment, cert("", nil, "spiffe://example.org/ns/a?b"), "is not of the form"},
		"fragment":           {segment, cert("", nil, "spiffe://example.org/ns/a#b"), "is not of the form"},
	} {
		got, err := ask(c.a, c.cert)
		if e, ok := errors.AsType[*UnauthenticatedError](err); !ok || e.Reason != WrongCertificate || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want %q", name, got, err, c.want)
		}
	}
	// The connection may be older than that.
	clock.advance(time.Hour + time.Second)
	if _, err := ask(fixed, cert("cn", nil)); err == nil || !strings.Contains(err.Error(), "the client certificate expired at ") {
		t.Errorf("an expired certificate: %v", err)
	}
}

// TestPrecedence: who is meant if there are several, and that nobody becomes
// somebody else because their token is no good.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	token, hash := NewToken()
	writeFile(t, path, "tokens: [{name: ci, sha256: "+hash+"}]")
	peer := []*x509.Certificate{{Subject: pkix.Name{CommonName: "proxy"}, NotAfter: time.Now().Add(time.Hour)}}
	everything := Options{TokensFile: path, MTLS: &MTLS{}, Anonymous: true, AnonymousTenant: "guests"}
	for _, c := range []struct {
		o             Options
		authorization string
		peer          []*x509.Certificate
		want          string // name, or what the error says
	}{
		{everything, "Bearer " + token, peer, "ci"},
		{everything, "Bearer " + token + "x", peer, "does not know the bearer token"},
		{everything, "Basic dXNlcjpwYXNzd29yZA==", peer, `this server's have 22 or more`},
		{everything, basic("judged", token), peer, "ci"},
		{everything, basic("", token), nil, "ci"},
		{everything, basic(token, ""), peer, "without a password"},
		{everything, basic("judged", token+"x"), peer, "does not know the bearer token"},
		{everything, basic("judged", "\""+token), peer, "a character in it"},
		{everything, "Basic " + token, peer, "without a password"},
		{everything, "Digest " + token, peer, `not of the form "Bearer TOKEN"`},
		{everything, token, peer, `not of the form "Bearer TOKEN"`},
		{everything, "Bearer ", peer, `not of the form`},
		{everything, "Bearer " + token + " " + token, peer, "a character in it"},
		{everything, "Bearer \"" + token + "\"", peer, "a character in it"},
		{everything, "", peer, "proxy"},
		{everything, "", nil, "anonymous"},
		{Options{TokensFile: path}, "", peer, `who is calling: send the header "Authorization: Bearer TOKEN"`},
		{Options{TokensFile: path, MTLS: &MTLS{}}, "", nil, `TOKEN@host), or connect with a client certificate`},
		{Options{MTLS: &MTLS{}}, "Bearer " + token, peer, "takes no tokens"},
		{Options{Anonymous: true}, "Bearer " + token, nil, "anonymous"},
	} {
		got, err := newAuthenticator(t, c.o).Authenticate(t.Context(), Credentials{Authorization: c.authorization, Peer: c.peer})
		switch {
		case err == nil && got.Name == c.want:
		case err != nil && strings.Contains(err.Error(), c.want) && !strings.Contains(err.Error(), token) && !strings.Contains(err.Error(), "dXNl"):
		default:
			t.Errorf("%+v: %+v, %v; want %s", c, got, err, c.want)
		}
	}
	got, err := newAuthenticator(t, everything).Authenticate(t.Context(), Credentials{})
	if err != nil || got.Tenant != "guests" || got.Method != Unidentified {
		t.Errorf("%+v, %v", got, err)
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	issuer := func(change func(*Issuer)) Options {
		i := Issuer{URL: "https://issuer.example.com", Audiences: []string{"judged"}}
		change(&i)
		return Options{Issuers: []Issuer{i}}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	writeFile(t, empty, "")
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"nothing":        {Options{}, "nobody could log in"},
		"no URL":         {issuer(func(i *Issuer) { i.URL = "" }), "URL is missing"},
		"no host":        {issuer(func(i *Issuer) { i.URL = "issuer.example.com" }), "is not of the form https://HOST/PATH"},
		"plain HTTP":     {issuer(func(i *Issuer) { i.URL = "http://issuer.example.com" }), "is not https://"},
		"password":       {issuer(func(i *Issuer) { i.URL = "https://me:hunter2@issuer.example.com" }), "has a user name in it"},
		"query":          {issuer(func(i *Issuer) { i.URL = "https://issuer.example.com/?a=b" }), "query"},
		"no audience":    {issuer(func(i *Issuer) { i.Audiences = nil }), "needs audiences"},
		"empty audience": {issuer(func(i *Issuer) { i.Audiences = []string{""} }), "needs audiences"},
		"HMAC":           {issuer(func(i *Issuer) { i.Algorithms = []string{"RS256", "HS256"} }), `the algorithm "HS256"`},
		"none":           {issuer(func(i *Issuer) { i.Algorithms = []string{"none"} }), `the algorithm "none"`},
		"two tenants":    {issuer(func(i *Issuer) { i.Tenant, i.TenantClaim = "a", "b" }), "choose one"},
		"skew":           {issuer(func(i *Issuer) { i.ClockSkew = time.Hour }), "off by 1h0m0s"},
		"empty claim":    {issuer(func(i *Issuer) { i.RequireClaims = map[string][]string{"env": nil} }), "requires the claim env"},
		"CA file":        {issuer(func(i *Issuer) { i.CAFile = empty }), "has no PEM certificate in it"},
		"bearer file":    {issuer(func(i *Issuer) { i.BearerFile = empty }), "does not hold one token"},
		"no CA file":     {issuer(func(i *Issuer) { i.CAFile = empty + "x" }), "its CA file cannot be read"},
		"twice": {Options{Issuers: []Issuer{
			{URL: "https://i.example.com", Audiences: []string{"a"}}, {URL: "https://i.example.com", Audiences: []string{"b"}},
		}}, "is there twice"},
		"tokens file":      {Options{TokensFile: empty + "x"}, "the file of tokens cannot be read"},
		"segment":          {Options{MTLS: &MTLS{TenantSegment: -1}}, "the first is 1"},
		"segment and name": {Options{MTLS: &MTLS{TenantSegment: 1, Tenant: "a"}}, "choose one"},
	} {
		_, err := New(t.Context(), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestClaimPaths(t *testing.T) {
	t.Parallel()
	var claims map[string]any
	const text = `{"sub": "a", "tenant": {"id": "b", "x.y": {"z": "c"}}, "kubernetes.io": {"namespace": "d"},
		"https://example.com/tenant": "e", "a.b": "f", "a": {"b": "g", "c": "h"}, "n": null}`
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"sub": "a", "tenant.id": "b", "tenant.x.y.z": "c", "kubernetes.io.namespace": "d", "https://example.com/tenant": "e",
		"a.b": "f", "a.c": "h", // the longest name first
	} {
		if got, ok := claim(claims, path); !ok || got != want {
			t.Errorf("%s is %v", path, got)
		}
	}
	for _, path := range []string{"", ".", "x", "sub.x", "tenant.", "tenant.id.x", "a.b.c", "kubernetes.io.x", "n.x"} {
		if got, ok := claim(claims, path); ok {
			t.Errorf("%s is %v, and should not be there", path, got)
		}
	}
	if got, ok := claim(claims, "n"); !ok || got != nil {
		t.Errorf("null is %v, %v", got, ok)
	}
}

// TestCacheIsBounded: in entries and in bytes, and the last used stay.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		p := &provider{}
		p.keys.Store(&keySet{})
		c := newCache(50, 1000)
		size := rapid.IntRange(1, 400).Draw(t, "size")
		most := min(50, 1000/size)
		n := most + rapid.IntRange(0, 50).Draw(t, "more")
		hash := func(i int) [32]byte { return hashToken(fmt.Sprint(i)) }
		put := func(i int) {
			c.put(&verification{hash: hash(i), size: size, caller: &Caller{}, until: now, provider: p, keys: p.keys.Load()})
		}
		for i := range n {
			put(i)
			if i%7 == 0 {
				put(i) // by two requests
			}
			if i >= most/2 && c.get(hash(0), now) == nil {
				t.Fatal("the one that is always used is gone")
			}
		}
		if len(c.byHash) != most || c.order.Len() != most || c.bytes != most*size {
			t.Fatalf("%d entries, %d in order, %d bytes; want %d of %d bytes", len(c.byHash), c.order.Len(), c.bytes, most, size)
		}
		if c.get(hash(0), now.Add(1)) != nil {
			t.Fatal("one that is over was found")
		}
		p.keys.Store(&keySet{})
		if c.get(hash(n-1), now) != nil {
			t.Fatal("one of old keys was found")
		}
	})
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	weak := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 1023), big.NewInt(1)), E: 65537}
	good := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 2047), big.NewInt(1)), E: 65537}
	set := func(keys ...any) []byte {
		keys = append([]any{}, keys...) // not null
		text, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	got, err := parseKeys(set(
		jose.JSONWebKey{KeyID: "good", Key: good},
		jose.JSONWebKey{KeyID: "weak", Key: weak},
		jose.JSONWebKey{KeyID: "shared secret", Key: []byte("0123456789abcdef0123456789abcdef")},
		jose.JSONWebKey{KeyID: "encryption", Key: good, Use: "enc"},
		map[string]any{"kty": "new", "kid": "unknown"},
		"no key",
		jose.JSONWebKey{KeyID: "good too", Key: good, Use: "sig"},
	))
	if err != nil || len(got.keys) != 2 || got.keys[0].KeyID != "good" || got.keys[1].KeyID != "good too" {
		t.Errorf("%+v, %v", got, err)
	}
	// An issuer that takes back all its keys is believed; one that answers
	// something else is not.
	if got, err := parseKeys(set()); err != nil || len(got.keys) != 0 {
		t.Errorf("an empty set: %+v, %v", got, err)
	}
	for _, text := range []string{"", "{}", "[]", "null", `{"keys": null}`, `{"keys": {}}`, "<html>"} {
		if got, err := parseKeys([]byte(text)); err == nil {
			t.Errorf("%q was taken: %+v", text, got)
		}
	}
	many := make([]any, maxKeys+1)
	if _, err := parseKeys(set(many...)); err == nil || !strings.Contains(err.Error(), "at most 100") {
		t.Errorf("too many keys: %v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeys(text)
		if err != nil {
			return
		}
		for _, key := range set.keys {
			if !key.IsPublic() || !key.Valid() {
				t.Fatalf("took %+v", key)
			}
		}
	})
}

// FuzzAuthenticate: nothing that is made up gets in or is repeated.
func FuzzAuthenticate(f *testing.F) {
	path := filepath.Join(f.TempDir(), "tokens.yaml")
	_, hash := NewToken()
	writeFile(f, path, "tokens: [{name: ci, sha256: "+hash+"}]")
	const issuer = "https://issuer.example.com"
	p, err := newProvider(Issuer{URL: issuer, Audiences: []string{"judged"}}, Options{Now: time.Now, Logger: (&logged{}).logger()})
	if err != nil {
		f.Fatal(err)
	}
	keys, err := parseKeys([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1"}]}`))
	if err != nil {
		f.Fatal(err)
	}
	p.keys.Store(keys)
	p.began = time.Now().Add(time.Hour) // nobody is asked: there is nobody to ask
	p.now = func() time.Time { return p.began }
	a, err := New(f.Context(), Options{TokensFile: path})
	if err != nil {
		f.Fatal(err)
	}
	a.providers[issuer] = p

	claims := encode([]byte(`{"iss":"` + issuer + `","aud":"judged","exp":4102444800,"sub":"a"}`))
	f.Add("Bearer " + encode([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + claims + "." + encode(make([]byte, 64)))
	f.Add("Bearer " + encode([]byte(`{"alg":"ES256","kid":"2"}`)) + "." + claims + "." + encode(make([]byte, 64)))
	f.Add("Bearer " + encode([]byte(`{"alg":"none"}`)) + "." + claims + ".")
	f.Add("Bearer judged_0000000000000000000000")
	f.Add("Basic abc")
	f.Add(basic("judged", "judged_0000000000000000000000"))
	f.Fuzz(func(t *testing.T, header string) {
		c, err := a.Authenticate(t.Context(), Credentials{Authorization: header})
		if header == "" {
			return
		}
		if c != nil || err == nil {
			t.Fatalf("let in %+v", c)
		}
		e, ok := errors.AsType[*UnauthenticatedError](err)
		if !ok || e.Reason == "" || len(e.Error()) > 4000 {
			t.Fatalf("%#v", err)
		}
		_, token, _ := strings.Cut(header, " ")
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 20 && strings.Contains(e.Error(), part) {
				t.Fatalf("the error repeats the token: %v", err)
			}
		}
	})
}

func TestContext(t *testing.T) {
	t.Parallel()
	if c, ok := From(t.Context()); ok || c != nil {
		t.Errorf("a context without a caller has %+v", c)
	}
	alice := &Caller{Name: "alice"}
	if c, ok := From(With(t.Context(), alice)); !ok || c != alice {
		t.Errorf("the caller is %+v", c)
	}
}

// TestTogether is for the race detector: calls while keys and tokens change.
func TestTogether(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	token, hash := NewToken()
	text := "tokens: [{name: ci, sha256: " + hash + "}]"
	writeFile(t, path, text)
	clock := newClock()
	a := newAuthenticator(t, Options{
		TokensFile: path, Now: clock.now, Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}, pace: pace{refresh: time.Millisecond},
	})
	good := issuer.sign(nil)
	mustKnow(t, a, good)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				clock.advance(10 * time.Millisecond)
				for _, token := range []string{good, token} {
					if _, err := call(t, a, token); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 5 {
		issuer.do("POST", "/rotate", "")
		next := filepath.Join(filepath.Dir(path), "next")
		writeFile(t, next, text+strings.Repeat("\n", i))
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
}
