package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The tests below talk to tools/issuer, an OpenID Connect issuer in a process
// of its own, made of another library than the one that is tested.

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "judged-auth-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// issuerBinary builds the issuer once.
var issuerBinary = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	path := filepath.Join(scratch, "issuer")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, ".")
	build.Dir = filepath.Join("..", "..", "tools", "issuer")
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off") // flags for this module need not suit that one
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in tools/issuer: %w\n%s", err, out)
	}
	return path, nil
})

// testIssuer is a running issuer.
type testIssuer struct {
	t          testing.TB
	URL, admin string
	stop       func()
}

func startIssuer(t testing.TB, args ...string) *testIssuer {
	t.Helper()
	binary, err := issuerBinary()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("the test's issuer cannot be built here, so OpenID Connect is not tested: %v", err)
	}
	cmd := exec.Command(binary, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	i := &testIssuer{t: t}
	i.stop = sync.OnceFunc(func() {
		stdin.Close() // the issuer ends with it
		if err := cmd.Wait(); err != nil {
			t.Errorf("the issuer: %v\n%s", err, stderr.String())
		}
	})
	t.Cleanup(i.stop)
	var place struct{ Issuer, Admin string }
	if line, err := bufio.NewReader(stdout).ReadBytes('\n'); err != nil || json.Unmarshal(line, &place) != nil {
		t.Fatalf("the issuer said %q (%v)\n%s", line, err, stderr.String())
	}
	i.URL, i.admin = place.Issuer, place.Admin
	return i
}

func (i *testIssuer) do(method, path, body string) string {
	i.t.Helper()
	req, err := http.NewRequest(method, i.admin+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		i.t.Fatalf("%s %s: %s (%v) %s", method, path, resp.Status, err, text)
	}
	return string(text)
}

type claimSet map[string]any

// sign returns a token with these claims over the usual ones.
func (i *testIssuer) sign(c claimSet) string {
	i.t.Helper()
	if c == nil {
		c = claimSet{}
	}
	text, err := json.Marshal(c)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.do("POST", "/sign", string(text))
}

func (i *testIssuer) requests() (discovery, keys int) {
	i.t.Helper()
	var n struct{ Discovery, Keys int }
	if err := json.Unmarshal([]byte(i.do("GET", "/requests", "")), &n); err != nil {
		i.t.Fatal(err)
	}
	return n.Discovery, n.Keys
}

// published returns the key that the issuer publishes, and its id.
func (i *testIssuer) published() (string, *rsa.PublicKey) {
	i.t.Helper()
	resp, err := http.Get(i.URL + "/keys")
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		i.t.Fatal(err)
	}
	key, ok := set.Keys[0].Key.(*rsa.PublicKey)
	if !ok {
		i.t.Fatalf("the issuer's key is a %T", set.Keys[0].Key)
	}
	return set.Keys[0].KeyID, key
}

// clock is a clock that a test moves.
type clock struct {
	start  time.Time
	offset atomic.Int64
}

func newClock() *clock { return &clock{start: time.Now()} }

func (c *clock) now() time.Time          { return c.start.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// logged collects a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// hurried never asks by itself, so that tests can count; what failed is tried
// again at once.
var hurried = pace{refresh: time.Hour, retry: 10 * time.Millisecond, longest: 10 * time.Millisecond}

func newAuthenticator(t testing.TB, o Options) *Authenticator {
	t.Helper()
	if o.pace == (pace{}) {
		o.pace = hurried
	}
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func call(t testing.TB, a *Authenticator, token string) (*Caller, error) {
	t.Helper()
	return a.Authenticate(t.Context(), Credentials{Authorization: "Bearer " + token})
}

func mustKnow(t testing.TB, a *Authenticator, token string) *Caller {
	t.Helper()
	c, err := call(t, a, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustRefuse also checks that no part of the token is in the error.
func mustRefuse(t testing.TB, a *Authenticator, token string, reason Reason, text string) {
	t.Helper()
	c, err := call(t, a, token)
	e, ok := errors.AsType[*UnauthenticatedError](err)
	if !ok || c != nil || e.Reason != reason || !strings.Contains(e.Error(), text) {
		t.Fatalf("%+v, %v; want the reason %s and %q", c, err, reason, text)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) >= 8 && strings.Contains(e.Error(), part) {
			t.Fatalf("the error repeats the token: %v", err)
		}
	}
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// forge makes a token of header and claims, signed by sign.
func forge(t testing.TB, header, claims map[string]any, sign func(signed []byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := encode(h) + "." + encode(c)
	return signed + "." + encode(sign([]byte(signed)))
}

func rs256(t testing.TB, key *rsa.PrivateKey) func([]byte) []byte {
	return func(signed []byte) []byte {
		t.Helper()
		sum := sha256.Sum256(signed)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func TestTokensOfAnIssuer(t *testing.T) {
	t.Parallel()
	issuer, other := startIssuer(t), startIssuer(t)
	clock := newClock()
	a := newAuthenticator(t, Options{Now: clock.now, Issuers: []Issuer{{
		URL: issuer.URL, Audiences: []string{"judged", "https://judged.example.com"}, TenantClaim: "kubernetes.io.namespace",
		NamePrefix: "k8s:", RequireClaims: map[string][]string{"env": {"prod", "staging"}},
	}}})
	now := clock.now()
	usual := claimSet{"kubernetes.io": map[string]any{"namespace": "payments"}, "env": "prod"}
	with := func(more claimSet) claimSet {
		out := claimSet{}
		maps.Copy(out, usual)
		maps.Copy(out, more)
		return out
	}

	good := issuer.sign(usual)
	c := mustKnow(t, a, good)
	if c.Name != "k8s:alice" || c.Tenant != "payments" || c.Method != OIDC || c.Claims["iss"] != issuer.URL || c.Claims["env"] != "prod" {
		t.Errorf("the caller is %+v", c)
	}
	for _, scheme := range []string{"bearer ", "BEARER  "} {
		if _, err := a.Authenticate(t.Context(), Credentials{Authorization: scheme + good}); err != nil {
			t.Errorf("%q: %v", scheme, err)
		}
	}
	for name, claims := range map[string]claimSet{
		"another audience":            {"aud": "https://judged.example.com"},
		"one audience of several":     {"aud": []string{"other", "judged"}},
		"expired, within the skew":    {"exp": now.Add(-20 * time.Second).Unix()},
		"not yet, within the skew":    {"nbf": now.Add(20 * time.Second).Unix()},
		"a list that has the value":   {"env": []string{"dev", "staging"}},
		"times with fractions":        {"exp": float64(now.Unix()) + 60.5, "nbf": float64(now.Unix()) - 0.5},
		"a claim that looks like aud": {"AUD": "other", "EXP": 0},
	} {
		if c, err := call(t, a, issuer.sign(with(claims))); err != nil || c.Name != "k8s:alice" {
			t.Errorf("%s: %v", name, err)
		}
	}

	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	kid, public := issuer.published()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	claims := with(claimSet{"iss": issuer.URL, "sub": "alice", "aud": "judged", "exp": now.Add(time.Hour).Unix()})
	header := func(alg string) map[string]any { return map[string]any{"alg": alg, "kid": kid, "typ": "JWT"} }
	parts := strings.Split(good, ".")
	changed := encode(bytes.Replace(decoded(t, parts[1]), []byte("alice"), []byte("admin"), 1))

	for _, c := range []struct {
		name, token string
		reason      Reason
		text        string
	}{
		{"expired", issuer.sign(with(claimSet{"exp": now.Add(-time.Minute).Unix()})), Expired, "expired at " + now.Add(-time.Minute).UTC().Format(time.RFC3339) + ", 1m"},
		{"without an end", issuer.sign(with(claimSet{"exp": nil})), WrongClaims, "does not say when it expires"},
		{"end of another case", issuer.sign(with(claimSet{"exp": nil, "EXP": now.Add(time.Hour).Unix()})), WrongClaims, "does not say when it expires"},
		{"end is a text", issuer.sign(with(claimSet{"exp": "tomorrow"})), Malformed, "not those of OpenID Connect"},
		{"not yet valid", issuer.sign(with(claimSet{"nbf": now.Add(2 * time.Minute).Unix()})), NotYetValid, "valid only from"},
		{"audience", issuer.sign(with(claimSet{"aud": []string{"prometheus"}})), WrongAudience, `"prometheus" is not among this server's: "judged", "https://judged.example.com"`},
		{"no audience", issuer.sign(with(claimSet{"aud": nil})), WrongAudience, "has no audience"},
		{"audience of another case", issuer.sign(with(claimSet{"aud": "prometheus", "AUD": "judged"})), WrongAudience, "prometheus"},
		{"issuer, signed by another", other.sign(with(nil)), UnknownIssuer, fmt.Sprintf("%q, which is none that this server trusts", other.URL)},
		{"issuer's name, signed by another", other.sign(with(claimSet{"iss": issuer.URL})), KeyNotFound, "does not publish"},
		{"issuer's name changes", issuer.sign(with(claimSet{"iss": other.URL})), UnknownIssuer, other.URL},
		{"issuer of another case", issuer.sign(with(claimSet{"iss": other.URL, "i\u017fs": issuer.URL})), Malformed, "two issuers"}, // encoding/json takes the second for iss, too
		{"no tenant", issuer.sign(claimSet{"env": "prod"}), WrongClaims, "no claim kubernetes.io.namespace"},
		{"tenant is a list", issuer.sign(with(claimSet{"kubernetes.io": map[string]any{"namespace": []string{"a"}}})), WrongClaims, "is a list"},
		{"empty name", issuer.sign(with(claimSet{"sub": ""})), WrongClaims, "sub is empty"},
		{"invisible name", issuer.sign(with(claimSet{"sub": "al\u202eice"})), WrongClaims, "invisible"},
		{"required claim is missing", issuer.sign(with(claimSet{"env": nil})), WrongClaims, `no claim env, which this server wants to be one of "prod", "staging"`},
		{"required claim is another", issuer.sign(with(claimSet{"env": "dev"})), WrongClaims, `is "dev"`},
		{"required claim is elsewhere in a list", issuer.sign(with(claimSet{"env": []string{"dev"}})), WrongClaims, "list of env lacks"},
		{"changed claims", parts[0] + "." + changed + "." + parts[2], WrongSignature, "changed on the way"},
		{"no signature", parts[0] + "." + parts[1] + ".", WrongSignature, "signature is wrong"},
		{"signed by a stranger", forge(t, header("RS256"), claims, rs256(t, stranger)), WrongSignature, "signature is wrong"},
		{"signed by a stranger, no key id", forge(t, map[string]any{"alg": "RS256"}, claims, rs256(t, stranger)), WrongSignature, "signature is wrong"},
		{"brings its own key", forge(t, map[string]any{
			"alg": "RS256", "kid": kid, "jwk": jose.JSONWebKey{Key: &stranger.PublicKey, Algorithm: "RS256", KeyID: kid},
		}, claims, rs256(t, stranger)), WrongSignature, "signature is wrong"},
		{"alg none", forge(t, header("none"), claims, func([]byte) []byte { return nil }), WrongAlgorithm, `"none"`},
		{"alg None", forge(t, header("nOnE"), claims, func([]byte) []byte { return nil }), WrongAlgorithm, `"nOnE"`},
		{"HMAC with the public key", forge(t, header("HS256"), claims, func(signed []byte) []byte {
			mac := hmac.New(sha256.New, publicPEM)
			mac.Write(signed)
			return mac.Sum(nil)
		}), WrongAlgorithm, `"HS256"`},
		{"HMAC said to be RS256", forge(t, header("RS256"), claims, func(signed []byte) []byte {
			mac := hmac.New(sha256.New, publicPEM)
			mac.Write(signed)
			return mac.Sum(nil)
		}), WrongSignature, "signature is wrong"},
		{"another algorithm than the key's", forge(t, header("ES256"), claims, rs256(t, stranger)), WrongSignature, "signature is wrong"},
		{"logout token", forge(t, map[string]any{"alg": "RS256", "kid": kid, "typ": "logout+jwt"}, claims, rs256(t, stranger)), WrongClaims, `"logout+jwt"`},
		{"garbage", "garbage", Malformed, "three parts"},
		{"four parts", "a.b.c.d", Malformed, "three parts"},
		{"three parts of garbage", "garbage1.garbage2.garbage3", Malformed, "its first part is not a header"},
		{"claims are garbage", parts[0] + ".garbage2." + parts[2], Malformed, "its second part is not a set of claims"},
		{"issuer is a number", parts[0] + "." + encode([]byte(`{"iss":1}`)) + "." + parts[2], Malformed, "its second part"},
		{"huge", strings.Repeat("a", maxToken+8), Malformed, "a token may have 16384"},
		{"huge, with dots", strings.Repeat("a", maxToken/2) + ".b." + strings.Repeat("c", maxToken/2), Malformed, "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mustRefuse(t, a, c.token, c.reason, c.text)
		})
	}
}

func decoded(t testing.TB, part string) []byte {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestClientCredentials: the token that the issuer itself hands out, by the
// protocol.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	a := newAuthenticator(t, Options{Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}, Tenant: "ci"}}})
	grant := func(scope string) string {
		t.Helper()
		resp, err := http.PostForm(issuer.URL+"/oauth/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"deployer"}, "client_secret": {"secret"}, "scope": {scope},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
			t.Fatalf("%s, %v", resp.Status, err)
		}
		return answer.AccessToken
	}
	if c := mustKnow(t, a, grant("openid")); c.Name != "deployer" || c.Tenant != "ci" {
		t.Errorf("the caller is %+v", c)
	}
	mustRefuse(t, a, grant("audience:grafana"), WrongAudience, `"grafana"`)
}

func TestNames(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	a := newAuthenticator(t, Options{Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}, NameClaim: "email"}}})
	if c := mustKnow(t, a, issuer.sign(claimSet{"email": "a@example.com", "email_verified": true})); c.Name != "a@example.com" || c.Tenant != "" {
		t.Errorf("the caller is %+v", c)
	}
	mustKnow(t, a, issuer.sign(claimSet{"email": "a@example.com"}))
	mustRefuse(t, a, issuer.sign(claimSet{"email": "a@example.com", "email_verified": false}), WrongClaims, "not verified")
	mustRefuse(t, a, issuer.sign(nil), WrongClaims, "no claim email")
}

func TestRotation(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	clock := newClock()
	a := newAuthenticator(t, Options{Now: clock.now, Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}})
	asked := func(want int) {
		t.Helper()
		if discovery, keys := issuer.requests(); discovery != 1 || keys != want {
			t.Fatalf("the issuer was asked %d times for its keys and %d for where they are, want %d and 1", keys, discovery, want)
		}
	}
	first := issuer.sign(nil)
	mustKnow(t, a, first)
	asked(1)

	// A new key: known as soon as the issuer may be asked again.
	issuer.do("POST", "/rotate", "")
	second := issuer.sign(nil)
	mustRefuse(t, a, second, KeyNotFound, "known only in 10s")
	asked(1)
	clock.advance(10 * time.Second)
	mustKnow(t, a, second)
	mustKnow(t, a, first)
	asked(2)

	// The old key is taken back: its tokens go, also those that were checked.
	issuer.do("POST", "/drop", "")
	mustKnow(t, a, first)
	kid, _ := issuer.published()
	asked(3) // by published
	clock.advance(10 * time.Second)
	forged := forge(t, map[string]any{"alg": "RS256", "kid": "x" + kid}, map[string]any{"iss": issuer.URL}, func([]byte) []byte { return []byte("x") })
	mustRefuse(t, a, forged, KeyNotFound, "does not publish")
	asked(4)
	mustRefuse(t, a, first, KeyNotFound, "does not publish")
	mustKnow(t, a, second)
	asked(4)
}

// TestRefresh: a key that was taken back is forgotten without any token being
// the reason.
func TestRefresh(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	a := newAuthenticator(t, Options{
		Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}, pace: pace{refresh: 20 * time.Millisecond},
	})
	first := issuer.sign(nil)
	mustKnow(t, a, first)
	issuer.do("POST", "/rotate", "")
	issuer.do("POST", "/drop", "")
	eventually(t, func() bool { _, err := call(t, a, first); return err != nil })
	mustRefuse(t, a, first, KeyNotFound, "does not publish")
	mustKnow(t, a, issuer.sign(nil))
}

// eventually waits for what must come; ten seconds are a hundred times what it
// takes.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not come about within ten seconds")
		}
	}
}

// TestForgedKeyIDs: whatever key ids are made up, from however many callers at
// once, the issuer is asked once every ten seconds.
func TestForgedKeyIDs(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	clock := newClock()
	a := newAuthenticator(t, Options{Now: clock.now, Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}})
	mustKnow(t, a, issuer.sign(nil))
	for range 3 {
		clock.advance(10 * time.Second)
		var group sync.WaitGroup
		for worker := range 20 {
			group.Go(func() {
				for n := range 50 {
					forged := forge(t, map[string]any{"alg": "RS256", "kid": fmt.Sprintf("%d-%d", worker, n)},
						map[string]any{"iss": issuer.URL}, func([]byte) []byte { return []byte("x") })
					_, err := call(t, a, forged)
					if e, ok := errors.AsType[*UnauthenticatedError](err); !ok || e.Reason != KeyNotFound {
						t.Errorf("a forged key id: %v", err)
					}
				}
			})
		}
		group.Wait()
	}
	if discovery, keys := issuer.requests(); discovery != 1 || keys != 4 {
		t.Errorf("3000 forged key ids made the server ask for keys %d times, want 4: once at the start and once in each of 3 spans", keys)
	}
}

func TestIssuerIsDown(t *testing.T) {
	t.Parallel()
	issuer := startIssuer(t)
	address := strings.TrimPrefix(issuer.URL, "http://")
	early := issuer.sign(nil)
	issuer.stop()

	var log logged
	clock := newClock()
	a := newAuthenticator(t, Options{Now: clock.now, Logger: log.logger(), Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}})
	unavailable := func(token string) {
		t.Helper()
		c, err := call(t, a, token)
		e, ok := errors.AsType[*UnavailableError](err)
		if !ok || c != nil || e.Issuer != issuer.URL || e.RetryAfter < time.Second || e.RetryAfter > 10*time.Second || e.Unwrap() == nil {
			t.Fatalf("%+v, %#v; want that the issuer is unavailable", c, err)
		}
		if strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), token) {
			t.Errorf("the caller is told too much: %v", err)
		}
	}
	unavailable(early)
	eventually(t, func() bool { return strings.Contains(log.String(), "connection refused") })

	// It is asked by itself, and is back.
	issuer = startIssuer(t, "-listen", address)
	eventually(t, func() bool { return strings.Contains(log.String(), "answers again") })
	good := issuer.sign(nil)
	mustKnow(t, a, good)
	mustRefuse(t, a, early, KeyNotFound, "does not publish") // of the process before

	// Keys that are known stay good while it is down, and what is not known is
	// not called forged.
	another := issuer.sign(claimSet{"sub": "bob"})
	issuer.do("POST", "/rotate", "")
	unknown := issuer.sign(nil)
	issuer.do("POST", "/fail?on=true", "")
	clock.advance(10 * time.Second)
	unavailable(unknown)
	mustKnow(t, a, good)
	mustKnow(t, a, another)
	issuer.do("POST", "/fail?on=false", "")
	eventually(t, func() bool { _, err := call(t, a, unknown); return err == nil })
}

// TestIssuerHangs: callers wait no longer than they want to.
func TestIssuerHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	issuer := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	a, err := New(ctx, Options{Issuers: []Issuer{{URL: issuer, Audiences: []string{"judged"}}}, pace: pace{patience: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	token := Credentials{Authorization: "Bearer " + forge(t, map[string]any{"alg": "RS256", "kid": "1"}, map[string]any{"iss": issuer}, func([]byte) []byte { return nil })}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = a.Authenticate(gone, token)
	if _, ok := errors.AsType[*UnavailableError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
	// And nobody waits for a server that stops, nor does its goroutine stay.
	done := make(chan error, 1)
	go func() {
		_, err := a.Authenticate(t.Context(), token)
		done <- err
	}()
	stop()
	if _, ok := errors.AsType[*UnavailableError](<-done); !ok {
		t.Errorf("a server that stops: %v", err)
	}
	<-a.providers[issuer].ended
}

// TestAPIServer: as with Kubernetes, an authority of its own and a token to
// ask with, both in files that are renewed.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := selfSigned(t)
	cluster := startIssuer(t, "-bearer", "the-servers-own-token", "-cert", write("tls.crt", cert), "-key", write("tls.key", key))
	var log logged
	token := write("token", []byte("stale-token-12345\n"))
	a := newAuthenticator(t, Options{Logger: log.logger(), Issuers: []Issuer{{
		URL: cluster.URL, Audiences: []string{"judged"}, CAFile: filepath.Join(dir, "tls.crt"), BearerFile: token,
		TenantClaim: "kubernetes.io.namespace",
	}}})
	account := cluster.sign(claimSet{
		"sub":           "system:serviceaccount:payments:deployer",
		"kubernetes.io": map[string]any{"namespace": "payments", "serviceaccount": map[string]any{"name": "deployer"}},
	})
	eventually(t, func() bool { return strings.Contains(log.String(), "401 Unauthorized: does it want a token") })
	write("token", []byte("the-servers-own-token\n"))
	eventually(t, func() bool { _, err := call(t, a, account); return err == nil })
	if c := mustKnow(t, a, account); c.Name != "system:serviceaccount:payments:deployer" || c.Tenant != "payments" {
		t.Errorf("the caller is %+v", c)
	}
	for _, secret := range []string{"stale-token-12345", "the-servers-own-token", account} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a token in it:\n%s", log.String())
		}
	}

	// Without the authority, nothing is believed.
	log2 := logged{}
	a = newAuthenticator(t, Options{Logger: log2.logger(), Issuers: []Issuer{{URL: cluster.URL, Audiences: []string{"judged"}, BearerFile: token}}})
	if _, err := call(t, a, account); err == nil {
		t.Error("an issuer with an unknown certificate was believed")
	}
	eventually(t, func() bool { return strings.Contains(log2.String(), "certificate") })
}

func selfSigned(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})
}

// BenchmarkAuthenticate compares a token that was seen before with one that
// was not.
func BenchmarkAuthenticate(b *testing.B) {
	issuer := startIssuer(b)
	a := newAuthenticator(b, Options{Issuers: []Issuer{{URL: issuer.URL, Audiences: []string{"judged"}}}})
	token := issuer.sign(nil)
	credentials := Credentials{Authorization: "Bearer " + token}
	if _, err := a.Authenticate(b.Context(), credentials); err != nil {
		b.Fatal(err)
	}
	b.Run("seen before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Authenticate(b.Context(), credentials); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.verified = newCache(cachedTokens, cachedBytes)
			if _, err := a.Authenticate(b.Context(), credentials); err != nil {
				b.Fatal(err)
			}
		}
	})
}
