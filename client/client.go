// Package client talks to a judged server: judge samples at hand, or start an
// analysis and wait for its verdict.
//
// Calls that can be repeated are, when the server cannot be reached or asks to
// be asked again; [Client.Watch] and [Client.WaitForVerdict] go on over broken
// connections, other replicas and restarts of the server. Errors are *[Error].
//
// The generated clients of package judgedv1connect offer the same calls without
// all that.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// Client calls one judged server. It is safe for concurrent use.
type Client struct {
	judge    judgedv1connect.JudgeServiceClient
	analyses judgedv1connect.AnalysisServiceClient
	configs  judgedv1connect.ConfigServiceClient
	feedback judgedv1connect.FeedbackServiceClient
	admin    judgedv1connect.AdminServiceClient
	token    TokenSource // nil: none is sent
	times    times
}

// times are how long a client waits for what; tests have less of it.
type times struct {
	// try bounds one try of a call. A server answers within a minute.
	try time.Duration
	// pause comes after the first failure, and doubles.
	pause time.Duration
	// quiet is how long a stream may be silent before it is opened anew: what lies
	// between may have forgotten it.
	quiet time.Duration
	// poll is how long the server is asked to wait for a change where streams do
	// not get through.
	poll time.Duration
}

// Option changes how a Client talks.
type Option func(*options)

type options struct {
	http     connect.HTTPClient
	h2c      bool
	files    *tlsFiles
	token    TokenSource
	insecure bool
	rpc      []connect.ClientOption
}

// WithHTTPClient sends requests through c. Give it no timeout: WaitForVerdict may
// wait for an hour. It excludes WithTLS and WithH2C.
func WithHTTPClient(c connect.HTTPClient) Option { return func(o *options) { o.http = c } }

// WithH2C speaks HTTP/2 without TLS to an http:// address: one connection for
// everything. The default is HTTP/1.1 there, which every proxy understands.
func WithH2C() Option { return func(o *options) { o.h2c = true } }

// WithTLS says who the client is and whom it trusts, in PEM files: its
// certificate and key, for servers that want one, and the authorities that sign
// the server's. Empty paths leave either out: no certificate, the system's
// authorities. Files that are replaced are read again, and connections are made
// anew; what cannot be used then changes nothing.
func WithTLS(certFile, keyFile, caFile string) Option {
	return func(o *options) { o.files = &tlsFiles{cert: certFile, key: keyFile, ca: caFile} }
}

// WithToken sends a bearer token with every call. It is never sent over plain
// HTTP, except to this machine; see WithInsecureToken.
func WithToken(s TokenSource) Option { return func(o *options) { o.token = s } }

// WithInsecureToken lets the token be sent over plain HTTP, where everybody on
// the way can read it and use it: inside a service mesh, for example, that
// encrypts by itself.
func WithInsecureToken() Option { return func(o *options) { o.insecure = true } }

// WithJSON sends JSON instead of binary messages, to read along.
func WithJSON() Option {
	return func(o *options) { o.rpc = append(o.rpc, connect.WithProtoJSON()) }
}

// maxResponse bounds what is read of one answer, in bytes.
const maxResponse = 256 << 20

// New returns a client of the server at baseURL, such as
// http://judged.internal:8080. It does not connect.
func New(baseURL string, opts ...Option) (*Client, error) {
	u, err := address(baseURL)
	if err != nil {
		return nil, err
	}
	o := options{rpc: []connect.ClientOption{connect.WithReadMaxBytes(maxResponse)}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.token != nil && u.Scheme == "http" && !o.insecure && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("a token would go to %s in plain text: use an https:// address (or WithInsecureToken, if something else encrypts)", u)
	}
	if o.http, err = o.transport(u); err != nil {
		return nil, err
	}
	base := u.String()
	return &Client{
		judge:    judgedv1connect.NewJudgeServiceClient(o.http, base, o.rpc...),
		analyses: judgedv1connect.NewAnalysisServiceClient(o.http, base, o.rpc...),
		configs:  judgedv1connect.NewConfigServiceClient(o.http, base, o.rpc...),
		feedback: judgedv1connect.NewFeedbackServiceClient(o.http, base, o.rpc...),
		admin:    judgedv1connect.NewAdminServiceClient(o.http, base, o.rpc...),
		token:    o.token,
		times:    times{try: 2 * time.Minute, pause: 200 * time.Millisecond, quiet: 5 * time.Minute, poll: 30 * time.Second},
	}, nil
}

// address reads the server's address. Its errors do not repeat one that may hold
// a password.
func address(baseURL string) (*url.URL, error) {
	const like = "it looks like http://judged.internal:8080"
	u, err := url.Parse(strings.TrimRight(baseURL, "/"))
	switch {
	case strings.Contains(baseURL, "@"):
		return nil, errors.New("the address of the judged server has a user or a password in it: leave them out, and use a token (WithToken)")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is no address of a judged server: %s", baseURL, like)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q is no address of a judged server: nothing may come after its path; %s", baseURL, like)
	}
	return u, nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// transport returns what sends the requests to u.
func (o options) transport(u *url.URL) (connect.HTTPClient, error) {
	switch {
	case o.http != nil && (o.files != nil || o.h2c):
		return nil, errors.New("WithHTTPClient brings its own connections: set its TLS and protocols there, and leave WithTLS and WithH2C out")
	case o.files != nil && u.Scheme == "http":
		return nil, fmt.Errorf("certificates are given, but %s is no https:// address", u)
	}
	if c, ok := o.http.(*http.Client); ok && o.token != nil {
		// net/http takes the token along to the same host, even from https to http.
		still := *c
		still.CheckRedirect = stay
		return &still, nil
	}
	if o.http != nil {
		return o.http, nil
	}
	var way http.RoundTripper = o.connections()
	if o.files != nil {
		fresh, err := newFreshTLS(*o.files, o.connections)
		if err != nil {
			return nil, err
		}
		way = fresh
	}
	return &http.Client{Transport: way, CheckRedirect: stay}, nil
}

// connections returns new ones, with HTTP/2 wherever the server can.
func (o options) connections() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	if o.h2c {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 16,
		Protocols:           protocols,
		// A watch may be silent for long: a peer that is gone has to be noticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// stay refuses redirects: a call has a body, and a token, that are meant for one
// server.
func stay(r *http.Request, _ []*http.Request) error {
	return fmt.Errorf("the server sends calls on to %s://%s: give that address instead, if it is right", r.URL.Scheme, r.URL.Host)
}

// Judge judges samples that the request brings along.
func (c *Client) Judge(ctx context.Context, r *judgedv1.JudgeRequest) (*judgedv1.Judgment, error) {
	answer, err := call(ctx, c, "judge", repeatable, c.judge.Judge, r)
	return answer.GetJudgment(), err
}
