package gcp

import (
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
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs/sourcetest"
	"github.com/judged-dev/judged/metrics"
)

const account = "judge@shop.iam.gserviceaccount.com"

// newKey writes a service account's key to a file.
func newKey(t *testing.T, uri string, change func(map[string]string)) (file string, private *rsa.PrivateKey) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key := map[string]string{
		"type": "service_account", "client_email": account, "private_key_id": "k1", "token_uri": uri,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	if change != nil {
		change(key)
	}
	file = filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, mustJSON(key), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, private
}

// claims checks an assertion's signature and returns what it claims.
func claims(assertion string, private *rsa.PrivateKey) (map[string]any, error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return nil, err
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(text, &out)
}

// guarded lets only those with the newest token in.
func guarded(newest *atomic.Int64) http.Handler {
	good := server([]sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer ya29.token-number-%d", newest.Load()) {
			answers(401, `{"error":{"status":"UNAUTHENTICATED","message":"not `+r.Header.Get("Authorization")+`"}}`)(w, r)
			return
		}
		good.ServeHTTP(w, r)
	})
}

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	var issued atomic.Int64
	var private *rsa.PrivateKey
	issuer := httptest.NewServer(nil)
	t.Cleanup(issuer.Close)
	uri := issuer.URL + "/token"
	issuer.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := claims(r.FormValue("assertion"), private)
		if err != nil || r.URL.Path != "/token" || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" ||
			got["iss"] != account || got["aud"] != uri || got["scope"] != "https://www.googleapis.com/auth/logging.read" ||
			got["exp"].(float64)-got["iat"].(float64) != 3600 {
			answers(400, fmt.Sprintf(`{"error":"invalid_grant","error_description":"%v %v"}`, err, got))(w, r)
			return
		}
		fmt.Fprintf(w, `{"access_token":"ya29.token-number-%d","expires_in":3599,"token_type":"Bearer"}`, issued.Add(1))
	})
	var file string
	file, private = newKey(t, uri, nil)
	src := openWith(t, guarded(&issued), metrics.Settings{BasicUser: account, BasicPassword: metrics.Secret{File: file}})
	once := func(wantIssued int64) {
		t.Helper()
		if got, _, err := read(t, src); err != nil || len(got) != 1 {
			t.Fatalf("got %q and %v, want a line", got, err)
		}
		if n := issued.Load(); n != wantIssued {
			t.Errorf("%d tokens were issued, want %d", n, wantIssued)
		}
	}
	once(1)
	once(1) // kept
	// A token whose end is near is renewed before it is used.
	now := time.Now()
	src.(*source).tokens.now = func() time.Time { return now.Add(55 * time.Minute) }
	once(2)
	// One that Google refuses, too: here others have been issued meanwhile.
	issued.Store(4)
	if _, _, err := read(t, src); err != nil {
		t.Fatal(err)
	}
	once(5)

	// The key is gone, and what was issued is refused for good.
	issued.Store(100)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, _, err := read(t, src)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want Misconfigured and the file's name", err)
	}
}

func TestTokensAreNotShown(t *testing.T) {
	t.Parallel()
	var echo atomic.Bool
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if echo.Load() {
			answers(400, "you sent "+r.FormValue("assertion"))(w, r)
			return
		}
		fmt.Fprint(w, `{"access_token":"ya29.hunter2-hunter2-hunter2","expires_in":3599}`)
	}))
	t.Cleanup(issuer.Close)
	file, _ := newKey(t, issuer.URL, nil)
	for _, status := range []int{200, 400, 401, 403, 500} {
		src := openWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answers(status, fmt.Sprintf("you sent %q", r.Header))(w, r)
		}), metrics.Settings{BasicPassword: metrics.Secret{File: file}})
		_, _, err := read(t, src)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)), "hunter2") || !strings.Contains(err.Error(), "you sent") {
			t.Errorf("%d: got %v, want an error without the token", status, err)
		}
	}
	echo.Store(true)
	_, _, err := read(t, openWith(t, http.NotFoundHandler(), metrics.Settings{BasicPassword: metrics.Secret{File: file}}))
	if err == nil || strings.Contains(err.Error(), "eyJ") || !strings.Contains(err.Error(), "you sent [secret]") {
		t.Errorf("got %v, want an error without the assertion", err)
	}
}

func TestMetadataServer(t *testing.T) {
	var newest atomic.Int64
	newest.Store(7)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/token" {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"access_token":"ya29.token-number-7","expires_in":3599,"token_type":"Bearer"}`)
	}))
	defer metadata.Close()
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(metadata.URL, "http://"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	src := openWith(t, guarded(&newest), metrics.Settings{})
	if got, _, err := read(t, src); err != nil || len(got) != 1 {
		t.Errorf("got %q and %v, want a line", got, err)
	}
	for text, want := range map[string]string{`{"expires_in":10}`: "no access token", `{"access_token":"ya29.hunter2","expires_in":-1}`: "no access token", "<html>": "HTML page"} {
		metadata.Config.Handler = answers(200, text)
		_, _, err := read(t, openWith(t, guarded(&newest), metrics.Settings{}))
		if reason, _ := metrics.ReasonOf(err); reason != metrics.BadAnswer || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	metadata.Close()
	_, _, err := read(t, openWith(t, guarded(&newest), metrics.Settings{}))
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok || e.Reason != metrics.Unavailable || e.Source != "google" || !strings.Contains(err.Error(), "GOOGLE_APPLICATION_CREDENTIALS") {
		t.Errorf("got %v, want a hint at credentials", err)
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	const address = "https://logging.googleapis.com/v2/projects/shop"
	good, _ := newKey(t, "", nil)
	other, _ := newKey(t, "", func(k map[string]string) { k["type"] = "external_account" })
	broken, _ := newKey(t, "", func(k map[string]string) { k["private_key"] = "hunter2" })
	notJSON := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(notJSON, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := func(file string) metrics.Secret { return metrics.Secret{File: file} }
	for _, test := range []struct {
		settings metrics.Settings
		contains string
	}{
		{metrics.Settings{URL: "https://logging.googleapis.com/v2"}, "names no project"},
		{metrics.Settings{}, "url"},
		{metrics.Settings{URL: address, BasicUser: account}, "without a basic_password"},
		{metrics.Settings{URL: address, BasicUser: "x@y", BasicPassword: key(good)}, "not of the basic_user x@y"},
		{metrics.Settings{URL: address, BasicPassword: key(other)}, "external_account"},
		{metrics.Settings{URL: address, BasicPassword: key(broken)}, "no private key in PEM"},
		{metrics.Settings{URL: address, BasicPassword: key(notJSON)}, "is not JSON"},
		{metrics.Settings{URL: address, BasicPassword: key(good + ".gone")}, "cannot be read"},
		{metrics.Settings{URL: address, BasicPassword: key(good), Bearer: metrics.Secret{Value: "x"}}, "together"},
	} {
		_, err := Open(test.settings)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), test.contains) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: got %v, want Misconfigured and %q", test.settings, err, test.contains)
		}
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", good)
	for url, want := range map[string]string{
		address:       "projects/shop",
		address + "/": "projects/shop",
		"https://logging.googleapis.com/v2/projects/shop/locations/global/buckets/_Default/views/_AllLogs": "projects/shop/locations/global/buckets/_Default/views/_AllLogs",
		"https://proxy/google/v2/organizations/12":                                                         "organizations/12",
	} {
		src, err := Open(metrics.Settings{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if s := src.(*source); s.resource != want || !strings.HasSuffix(s.http.URL("/entries:list", nil).Path, "/v2/entries:list") {
			t.Errorf("%s: the resource is %s at %s, want %s", url, s.resource, s.http.URL("/entries:list", nil), want)
		}
	}
}
