package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestIssuersThatLie: what an issuer, or somebody on the way, may answer
// instead of metadata and keys. None of it opens the server, and the log says
// what is wrong.
func TestIssuersThatLie(t *testing.T) {
	t.Parallel()
	const metadata = "/.well-known/openid-configuration"
	says := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			text := strings.ReplaceAll(fmt.Sprintf(format, args...), "SELF", "http://"+r.Host)
			if r.TLS != nil {
				text = strings.ReplaceAll(text, "http://"+r.Host, "https://"+r.Host)
			}
			fmt.Fprint(w, text)
		}
	}
	good := says(`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`)
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)

	for name, c := range map[string]struct {
		tls            bool
		metadata, keys http.HandlerFunc
		want           string
	}{
		"another name":         {metadata: says(`{"issuer": "SELF/", "jwks_uri": "SELF/keys"}`), want: "must be written exactly so in the settings"},
		"no metadata":          {metadata: says("<html>"), want: "the answer is not the metadata"},
		"no address of keys":   {metadata: says(`{"issuer": "SELF"}`), want: "(jwks_uri) is missing"},
		"keys over plain HTTP": {metadata: says(`{"issuer": "SELF", "jwks_uri": "http://keys.example.com/"}`), want: "(jwks_uri) http://keys.example.com/ is not https://"},
		"keys over less than the issuer": {
			tls: true, metadata: says(`{"issuer": "SELF", "jwks_uri": "http://127.0.0.1:1/"}`), want: "is not https:// as the issuer is",
		},
		"metadata elsewhere": {metadata: http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP, want: "redirects elsewhere"},
		"keys elsewhere":     {metadata: good, keys: http.RedirectHandler(other.URL, http.StatusTemporaryRedirect).ServeHTTP, want: "redirects elsewhere"},
		"no keys":            {metadata: good, keys: http.NotFound, want: "404 Not Found"},
		"other keys":         {metadata: good, keys: says(`{"keys": "secret"}`), want: "not a JSON Web Key Set"},
		"too much":           {metadata: good, keys: says(`{"keys": [%s]}`, strings.Repeat(" ", maxAnswer)), want: "more than 1048576 bytes"},
		"half": {metadata: good, keys: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"keys": []`)
		}, want: "the answer broke off"},
		"own token is wrong": {metadata: func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "bad token "+r.Header.Get("Authorization"), http.StatusForbidden)
		}, want: "403 Forbidden: does it want a token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle(metadata, c.metadata)
			if c.keys != nil {
				mux.Handle("/keys", c.keys)
			}
			server := httptest.NewUnstartedServer(mux)
			server.Config.ErrorLog = nil
			dir := t.TempDir()
			issuer := Issuer{Audiences: []string{"judged"}, BearerFile: filepath.Join(dir, "token")}
			writeFile(t, issuer.BearerFile, "the-servers-own-token")
			if c.tls {
				server.StartTLS()
				issuer.CAFile = filepath.Join(dir, "ca")
				writeFile(t, issuer.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			issuer.URL = server.URL
			var log logged
			a := newAuthenticator(t, Options{Logger: log.logger(), Issuers: []Issuer{issuer}})
			token := forge(t, map[string]any{"alg": "RS256", "kid": "1"}, map[string]any{"iss": server.URL}, func([]byte) []byte { return []byte("x") })
			got, err := call(t, a, token)
			if _, ok := errors.AsType[*UnavailableError](err); !ok {
				t.Errorf("%+v, %v; want that the issuer is unavailable", got, err)
			}
			if !strings.Contains(log.String(), c.want) || strings.Contains(log.String(), "the-servers-own-token") {
				t.Errorf("the log is\n%s, want %q and no token in it", log.String(), c.want)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

// TestIssuerThatMoves: keys are looked for again where the issuer says when
// they are no longer where they were. And a token's signature is checked with
// the key that it names, not with any.
func TestIssuerThatMoves(t *testing.T) {
	t.Parallel()
	var private [2]*rsa.PrivateKey
	set := jose.JSONWebKeySet{}
	for i := range private {
		var err error
		if private[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &private[i].PublicKey, KeyID: fmt.Sprint(i), Use: "sig"})
	}
	var place atomic.Value
	place.Store("/first")
	var url string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, url, url+fmt.Sprint(place.Load()))
		case place.Load():
			published := set
			if r.URL.Path == "/first" {
				published.Keys = set.Keys[:1]
			}
			if err := json.NewEncoder(w).Encode(published); err != nil {
				t.Error(err)
			}
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	url = server.URL
	clock := newClock()
	a := newAuthenticator(t, Options{Now: clock.now, Issuers: []Issuer{{URL: url, Audiences: []string{"judged"}}}})
	token := func(kid string, key *rsa.PrivateKey) string {
		claims := map[string]any{"iss": url, "sub": "alice", "aud": "judged", "exp": clock.now().Add(time.Hour).Unix()}
		header := map[string]any{"alg": "RS256"}
		if kid != "" {
			header["kid"] = kid
		}
		return forge(t, header, claims, rs256(t, key))
	}
	mustKnow(t, a, token("0", private[0]))
	place.Store("/second")
	clock.advance(10 * time.Second)
	eventually(t, func() bool { // the first asking finds nothing, the next one asks where
		clock.advance(10 * time.Second)
		_, err := call(t, a, token("1", private[1]))
		return err == nil
	})
	mustRefuse(t, a, token("0", private[1]), WrongSignature, "signature is wrong")
	mustKnow(t, a, token("", private[0])) // names none: any will do
	mustKnow(t, a, token("", private[1]))
}
