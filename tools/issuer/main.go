// Command issuer is a real OpenID Connect issuer for tests: discovery, keys
// and a token endpoint by github.com/zitadel/oidc, with every knob that a test
// needs on a second, administrative port.
//
//	issuer [-listen 127.0.0.1:0] [-admin 127.0.0.1:0] [-cert FILE -key FILE] [-bearer TOKEN]
//
// When it serves, it prints one line of JSON, {"issuer": URL, "admin": URL}.
// It ends with its standard input, so that it cannot outlive the test.
//
// The token endpoint, /oauth/token, grants client credentials: any client id,
// the client secret "secret". The token's subject is the client id, and its
// audience is "judged", or what scopes of the form audience:NAME say.
//
// On the administrative port:
//
//	POST /rotate    signs with a new key from now on; the old ones stay published
//	POST /drop      no longer publishes any key but the one that signs
//	POST /sign      signs the claims in the body over sensible ones, and answers the token
//	POST /fail?on=  on=true answers everything but the administrative port with status 503
//	GET  /requests  {"discovery": n, "keys": n}, how often each was asked
//
// With -bearer, discovery and keys want this bearer token, as an API server of
// Kubernetes may.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "issuer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("issuer", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address of the issuer")
	admin := flags.String("admin", "127.0.0.1:0", "address of the administrative port")
	cert := flags.String("cert", "", "certificate of the issuer, PEM; without: plain HTTP")
	key := flags.String("key", "", "its key, PEM")
	bearer := flags.String("bearer", "", "bearer token that discovery and keys want")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var config net.ListenConfig
	public, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	private, err := config.Listen(ctx, "tcp", *admin)
	if err != nil {
		return err
	}
	scheme := "http"
	if *cert != "" {
		scheme = "https"
	}
	is, err := newIssuer(scheme+"://"+public.Addr().String(), *bearer)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	serve := func(handler http.Handler, serve func(*http.Server) error) {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		go func() { cancel(serve(server)) }()
		context.AfterFunc(ctx, func() { _ = server.Close() })
	}
	serve(is.public(), func(s *http.Server) error {
		if *cert != "" {
			return s.ServeTLS(public, *cert, *key)
		}
		return s.Serve(public)
	})
	serve(is.admin(), func(s *http.Server) error { return s.Serve(private) })
	go func() {
		_, err := io.Copy(io.Discard, stdin)
		cancel(err)
	}()
	place := map[string]string{"issuer": is.url, "admin": "http://" + private.Addr().String()}
	if err := json.NewEncoder(stdout).Encode(place); err != nil {
		return err
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type issuer struct {
	url      string
	bearer   string
	keys     *keyring
	provider *op.Provider

	failing             atomic.Bool
	discovered, keysGot atomic.Int64
}

func newIssuer(url, bearer string) (*issuer, error) {
	keys, err := newKeyring()
	if err != nil {
		return nil, err
	}
	provider, err := op.NewProvider(&op.Config{AuthMethodPost: true}, &storage{keys: keys}, op.StaticIssuer(url),
		op.WithAllowInsecure(), // plain HTTP on loopback
		op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	return &issuer{url: url, bearer: bearer, keys: keys, provider: provider}, nil
}

// public serves what the storage below can answer, and counts.
func (i *issuer) public() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+oidc.DiscoveryEndpoint, i.counted(&i.discovered))
	mux.Handle("GET "+i.provider.KeysEndpoint().Relative(), i.counted(&i.keysGot))
	mux.Handle("POST "+i.provider.TokenEndpoint().Relative(), i.provider)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.failing.Load() {
			http.Error(w, "told to fail", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (i *issuer) counted(n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		if i.bearer != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+i.bearer)) != 1 {
			http.Error(w, "this needs the bearer token", http.StatusUnauthorized)
			return
		}
		i.provider.ServeHTTP(w, r)
	})
}

func (i *issuer) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rotate", func(w http.ResponseWriter, _ *http.Request) {
		if err := i.keys.rotate(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /drop", func(http.ResponseWriter, *http.Request) { i.keys.drop() })
	mux.HandleFunc("POST /fail", func(w http.ResponseWriter, r *http.Request) {
		on, err := strconv.ParseBool(r.URL.Query().Get("on"))
		if err != nil {
			http.Error(w, "on is true or false", http.StatusBadRequest)
			return
		}
		i.failing.Store(on)
	})
	mux.HandleFunc("POST /sign", i.sign)
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"discovery": %d, "keys": %d}`, i.discovered.Load(), i.keysGot.Load())
	})
	return mux
}

// sign signs whatever it is asked to, which no issuer would.
func (i *issuer) sign(w http.ResponseWriter, r *http.Request) {
	asked := map[string]any{}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.UseNumber() // 1e9 seconds stay an integer
	if err := decoder.Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "sub": "alice", "aud": []string{"judged"}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, asked)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil }) // null takes a claim away
	token, err := i.keys.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, token)
}
