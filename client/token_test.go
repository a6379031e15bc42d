package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/server"
)

// guarded is a server that wants tokens: of a file that holds those of the
// names, and of an issuer, if there is one.
func guarded(t *testing.T, issuer string, names ...string) (url string, tokens map[string]string) {
	t.Helper()
	tokens = map[string]string{}
	text := "tokens:\n"
	for _, name := range names {
		token, hash := auth.NewToken()
		tokens[name] = token
		text += fmt.Sprintf("  - {name: %s, sha256: %s}\n", name, hash)
	}
	options := auth.Options{TokensFile: filepath.Join(t.TempDir(), "tokens.yaml")}
	if err := os.WriteFile(options.TokensFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if issuer != "" {
		options.Issuers = []auth.Issuer{{URL: issuer, Audiences: []string{"judged"}}}
	}
	authenticator, err := auth.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Sources: analysis.NewSources(), Authenticator: authenticator})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL, tokens
}

// callWith lists configs, which needs a caller.
func callWith(t *testing.T, url string, opts ...client.Option) error {
	t.Helper()
	c, err := client.New(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Hurry().ListConfigs(t.Context()) {
		return err
	}
	return nil
}

func TestTokens(t *testing.T) {
	url, tokens := guarded(t, "", "alice", "bob")
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(tokens["alice"] + "\n")
	t.Setenv("JUDGED_TEST_TOKEN", tokens["bob"])
	for name, source := range map[string]client.TokenSource{
		"static": client.StaticToken(tokens["alice"]), "file": client.FileToken(file), "environment": client.EnvToken("JUDGED_TEST_TOKEN"),
	} {
		if err := callWith(t, url, client.WithToken(source)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := "judged_" + strings.Repeat("x", 43)
	for name, c := range map[string]struct {
		source client.TokenSource
		want   string
	}{
		"unknown":     {client.StaticToken(wrong), "does not know the bearer token"},
		"none":        {nil, ""},
		"empty":       {client.StaticToken(""), "it is empty"},
		"with spaces": {client.StaticToken(wrong + " " + wrong), "characters that no token has"},
		"no file":     {client.FileToken(file + "x"), "no such file"},
		"no variable": {client.EnvToken("JUDGED_TEST_NONE"), "JUDGED_TEST_NONE is not set"},
	} {
		var options []client.Option
		if c.source != nil {
			options = append(options, client.WithToken(c.source))
		}
		err := callWith(t, url, options...)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != connect.CodeUnauthenticated || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A watch needs one, too.
	c, err := client.New(url, client.WithToken(client.StaticToken(wrong)))
	if err != nil {
		t.Fatal(err)
	}
	var e *client.Error
	if _, err := c.Hurry().WaitForVerdict(t.Context(), "x"); !errors.As(err, &e) || e.Code != connect.CodeUnauthenticated {
		t.Errorf("watch: %v", err)
	}
	// A token that is replaced is good at once, also if it was read just before.
	source := client.FileToken(file)
	write(wrong)
	if c, err = client.New(url, client.WithToken(func(ctx context.Context) (string, error) {
		defer write(tokens["alice"])
		return source(ctx)
	})); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Hurry().ListConfigs(t.Context()) {
		t.Errorf("replaced meanwhile: %v", err)
	}
	write(wrong)
	if _, err := c.Hurry().WaitForVerdict(t.Context(), "x"); !errors.As(err, &e) || e.Code != connect.CodeNotFound {
		t.Errorf("replaced meanwhile, watch: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	token := client.WithToken(client.StaticToken("0123456789012345678901"))
	good, bad := []client.Option{token}, func(opts ...client.Option) []client.Option { return opts }
	for _, c := range []struct {
		address string
		options []client.Option
		want    string // "" is good
	}{
		{"https://judged.example.com", good, ""},
		{"http://127.0.0.1:8390", good, ""},
		{"http://[::1]:8390/judged/", good, ""},
		{"http://localhost:8390", good, ""},
		{"http://judged.internal", nil, ""},
		{"http://judged.internal", bad(token, client.WithInsecureToken()), ""},
		{"http://judged.internal", good, "plain text"},
		{"http://127.0.0.1.example.com", good, "plain text"},
		{"http://localhost.example.com", good, "plain text"},
		{"http://10.0.0.1", good, "plain text"},
		{"", nil, "no address"},
		{"judged:8080", nil, "no address"},
		{"ftp://x", nil, "no address"},
		{"http://", nil, "no address"},
		{"https://judged/?x=1", nil, "nothing may come after"},
		{"https://me:hunter2@judged", nil, "leave them out"},
		{"https://me:hunter2@judged:x", nil, "leave them out"},
		{"http://127.0.0.1", bad(client.WithTLS("", "", "ca.pem")), "no https:// address"},
		{"https://judged", bad(client.WithTLS("cert.pem", "", "")), "both its file and its key's"},
		{"https://judged", bad(client.WithTLS("", "", "nowhere.pem")), "nowhere.pem"},
		{"https://judged", bad(client.WithTLS("", "", "ca.pem"), client.WithHTTPClient(http.DefaultClient)), "leave WithTLS"},
	} {
		_, err := client.New(c.address, c.options...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", c.address, err, c.want)
		}
	}
}

// A server that sends its callers elsewhere does not get their tokens there.
func TestRedirectsKeepTokens(t *testing.T) {
	var got atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer here.Close()
	token := client.WithToken(client.StaticToken("0123456789012345678901"))
	for _, options := range [][]client.Option{{token}, {token, client.WithHTTPClient(&http.Client{})}} {
		err := callWith(t, here.URL, options...)
		if err == nil || !strings.Contains(err.Error(), "sends calls on to "+elsewhere.URL) || got.Load() != 0 {
			t.Errorf("%d calls went elsewhere: %v", got.Load(), err)
		}
	}
}

// startIssuer runs tools/issuer, a real issuer of OpenID Connect.
func startIssuer(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "issuer")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "tools", "issuer")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the test's issuer cannot be built here: %v\n%s", err, out)
	}
	issuer := exec.Command(binary)
	stdin, err := issuer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := issuer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := issuer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // it ends with it
		_ = issuer.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var said struct{ Issuer string }
	if err != nil || json.Unmarshal(line, &said) != nil || said.Issuer == "" {
		t.Fatalf("the issuer said %q (%v)", line, err)
	}
	return said.Issuer
}

// Client credentials of a real issuer, for a server that asks that issuer.
func TestClientCredentials(t *testing.T) {
	issuer := startIssuer(t)
	url, _ := guarded(t, issuer, "somebody")
	var asked atomic.Int32
	counting := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	secret := "secret"
	source, err := client.ClientCredentials(client.Credentials{
		TokenURL: issuer + "/oauth/token", ClientID: "deployer", HTTP: counting,
		Secret: func(context.Context) (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := callWith(t, url, client.WithToken(source)); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times for a token that lasts", n)
	}
	secret = "hunter2"
	if source, err = client.ClientCredentials(client.Credentials{
		TokenURL: issuer + "/oauth/token", ClientID: "deployer", Secret: func(context.Context) (string, error) { return secret, nil },
	}); err != nil {
		t.Fatal(err)
	}
	var e *client.Error
	if err := callWith(t, url, client.WithToken(source)); !errors.As(err, &e) || e.Code != connect.CodeUnauthenticated ||
		!strings.Contains(err.Error(), "gave no token to deployer") || strings.Contains(err.Error(), secret) {
		t.Errorf("a wrong secret: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a real issuer cannot be made to do: tokens that soon expire, failures
// that pass, answers that repeat the secret.
func TestIssuersThatFail(t *testing.T) {
	var asked atomic.Int32
	var answer func(n int32, w http.ResponseWriter)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer(asked.Add(1), w)
	}))
	defer issuer.Close()
	source, err := client.ClientCredentials(client.Credentials{
		TokenURL: issuer.URL, ClientID: "deployer", Secret: client.StaticToken("hunter2"), Audience: "judged", Scopes: []string{"a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer = func(n int32, w http.ResponseWriter) {
		fmt.Fprintf(w, `{"access_token": "t%d", "token_type": "bearer", "expires_in": 9}`, n)
	}
	for want := range 3 { // each is as good as expired: ten seconds are kept in hand
		if got, err := source(t.Context()); err != nil || got != fmt.Sprint("t", want+1) {
			t.Errorf("%q, %v", got, err)
		}
	}
	answer = func(_ int32, w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_client", "error_description": "hunter2 is wrong"}`)
	}
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), `status 400, "invalid_client"`) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("refused: %v", err)
	}
	// An issuer that is away for a moment is asked again.
	url, tokens := guarded(t, "", "deployer")
	asked.Store(0)
	answer = func(n int32, w http.ResponseWriter) {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer", "expires_in": 3600}`, tokens["deployer"])
	}
	if err := callWith(t, url, client.WithToken(source)); err != nil || asked.Load() != 3 {
		t.Errorf("after %d requests: %v", asked.Load(), err)
	}
	// Nobody waits for an issuer longer than they want to.
	stuck := make(chan struct{})
	answer = func(int32, http.ResponseWriter) { <-stuck }
	defer close(stuck)
	if source, err = client.ClientCredentials(client.Credentials{TokenURL: issuer.URL, ClientID: "deployer", Secret: client.StaticToken("hunter2")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	both := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := source(ctx)
			both <- err
		}()
	}
	for range 2 {
		if err := <-both; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stuck: %v", err)
		}
	}
	for _, c := range []client.Credentials{
		{TokenURL: "http://issuer.example.com/token", ClientID: "a", Secret: client.StaticToken("b")},
		{TokenURL: "https://a:b@issuer.example.com/token", ClientID: "a", Secret: client.StaticToken("b")},
		{TokenURL: "issuer", ClientID: "a", Secret: client.StaticToken("b")},
		{TokenURL: "https://issuer.example.com/token", Secret: client.StaticToken("b")},
		{TokenURL: "https://issuer.example.com/token", ClientID: "a"},
	} {
		if _, err := client.ClientCredentials(c); err == nil {
			t.Errorf("%q, %q is taken", c.TokenURL, c.ClientID)
		}
	}
}
