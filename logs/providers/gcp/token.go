package gcp

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// tokens gives access tokens, each until shortly before its end.
type tokens struct {
	http *httpx.Client
	// key is a service account's; without one the metadata server is asked.
	key     metrics.Secret
	account string // whose key it has to be; empty: anybody's
	now     func() time.Time
	// cache has one place: who takes what is in it out may renew it.
	cache chan token
}

type token struct {
	value string
	until time.Time
}

const (
	// renewBefore is how long before its end a token is renewed: longer than a
	// request with all its tries may take.
	renewBefore = 5 * time.Minute
	readOnly    = "https://www.googleapis.com/auth/logging.read"
)

// newTokens reads the key once, so that a missing one is noticed now.
func newTokens(s metrics.Settings) (*tokens, error) {
	t := &tokens{key: s.BasicPassword, account: s.BasicUser, now: time.Now, cache: make(chan token, 1)}
	t.cache <- token{}
	file := os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	switch {
	case t.account != "" && t.key.IsZero():
		return nil, errors.New("there is a basic_user without a basic_password, its key")
	case t.key.IsZero() && file != "":
		t.key = metrics.Secret{File: file}
	}
	address := "http://" + cmp.Or(os.Getenv("GCE_METADATA_HOST"), "metadata.google.internal") + "/computeMetadata/v1/instance/service-accounts/default/token"
	if !t.key.IsZero() {
		key, err := t.readKey()
		if err != nil {
			return nil, err
		}
		address = key.TokenURI
	}
	var err error
	t.http, err = httpx.New(metrics.Settings{
		Name: s.Name, URL: address, TLS: metrics.TLS{CAFile: s.TLS.CAFile}, Timeout: s.Timeout, Attempts: s.Attempts,
		MaxResponseBytes: 1 << 20, // an answer has some kilobytes
	}, httpx.Options{JSON: true, Explain: explainToken})
	return t, err
}

// get returns a token that holds for some minutes.
func (t *tokens) get(ctx context.Context) (string, error) {
	var cached token
	select {
	case cached = <-t.cache:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { t.cache <- cached }()
	if t.now().Add(renewBefore).Before(cached.until) {
		return cached.value, nil
	}
	fresh, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	cached = fresh
	return cached.value, nil
}

// forget drops a token that was refused.
func (t *tokens) forget(refused string) {
	select {
	case cached := <-t.cache:
		if cached.value == refused {
			cached = token{}
		}
		t.cache <- cached
	default: // somebody is renewing it
	}
}

func (t *tokens) fetch(ctx context.Context) (token, error) {
	asked := t.now()
	method, body, assertion := http.MethodGet, "", ""
	if !t.key.IsZero() {
		key, err := t.readKey()
		if err == nil {
			assertion, err = key.assertion(asked)
		}
		if err != nil {
			return token{}, &metrics.Error{Op: "query", Reason: metrics.Misconfigured, Err: err, Hint: "the key is read whenever a token is renewed"}
		}
		method = http.MethodPost
		body = url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, t.http.URL("", nil).String(), strings.NewReader(body))
	if err != nil {
		return token{}, err
	}
	if assertion == "" {
		req.Header.Set("Metadata-Flavor", "Google")
	} else {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := t.http.Do(httpx.Reads(req))
	if err != nil {
		if e, ok := errors.AsType[*metrics.Error](err); ok && assertion == "" && e.Reason == metrics.Unavailable {
			e.Hint = "there are no credentials: set bearer, basic_user and basic_password, or GOOGLE_APPLICATION_CREDENTIALS, where there is no metadata server"
		}
		return token{}, logs.Withhold(err, assertion)
	}
	var says struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // s
	}
	if json.Unmarshal(answer.Body, &says) != nil || says.AccessToken == "" || says.ExpiresIn <= 0 || strings.ContainsAny(says.AccessToken, "\r\n") {
		// Part of the answer may be a secret: nothing of it is shown.
		return token{}, answer.Fail(metrics.BadAnswer, "it has no access token, or one without an end", nil, "is that the address of Google's token service?")
	}
	return token{says.AccessToken, asked.Add(time.Duration(min(says.ExpiresIn, 86400)) * time.Second)}, nil
}

// serviceAccount is a key as Google hands it out.
type serviceAccount struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`

	private *rsa.PrivateKey
}

func (t *tokens) readKey() (serviceAccount, error) {
	var key serviceAccount
	bad := func(format string, args ...any) (serviceAccount, error) {
		return key, fmt.Errorf("the service account's key, %s, "+format, append([]any{t.key}, args...)...)
	}
	text, err := t.key.Read()
	if err != nil {
		return bad("cannot be read: %w", err)
	}
	if json.Unmarshal([]byte(text), &key) != nil { // whose error may show the key
		return bad("is not JSON")
	}
	if key.Type != "service_account" {
		return bad("has the type %q; only service_account is known here, for others set bearer", httpx.Printable(key.Type))
	}
	block, _ := pem.Decode([]byte(key.PrivateKey))
	if block == nil {
		return bad("has no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return bad("has a private key that is not RSA in PKCS 8")
	}
	key.private = private
	key.TokenURI = cmp.Or(key.TokenURI, "https://oauth2.googleapis.com/token")
	if t.account != "" && t.account != key.ClientEmail {
		return bad("is that of %s, not of the basic_user %s", httpx.Printable(key.ClientEmail), t.account)
	}
	return key, nil
}

// assertion is the signed claim that is exchanged for a token (RFC 7523).
//
// https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
func (k serviceAccount) assertion(now time.Time) (string, error) {
	part := func(v any) string {
		b, _ := json.Marshal(v) //nolint:errchkjson // of strings and numbers
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "RS256", "typ": "JWT", "kid": k.PrivateKeyID}) + "." + part(map[string]any{
		"iss": k.ClientEmail, "scope": readOnly, "aud": k.TokenURI, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("the service account's key cannot sign: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func explainToken(_ int, body []byte) httpx.Explanation {
	var says struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &says) != nil || says.Error == "" {
		return httpx.Explanation{}
	}
	return httpx.Explanation{
		Message: strings.TrimSuffix(says.Error+": "+says.Description, ": "),
		Hint:    "is the service account's key still active, and this machine's clock right?",
	}
}
