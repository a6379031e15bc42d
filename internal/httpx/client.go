package httpx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/metrics"
)

// Options are what a driver knows about its backend. The zero value suits a
// backend that answers errors in plain text.
type Options struct {
	// DefaultURL is the address if the settings have none; empty: the settings
	// must have one.
	DefaultURL string
	// Headers are sent with every request beside the settings' own, e.g. the
	// two keys of Datadog.
	Headers map[string]metrics.Secret
	// JSON promises that every good answer is one JSON value; anything else
	// becomes a BadAnswer error before a vendor's client sees it.
	JSON bool
	// Explain reads the backend's own words from an answer that is no success.
	Explain func(status int, body []byte) Explanation
	// ResetHeader names a header that holds the seconds until a rate limit
	// ends, for backends that do not send Retry-After.
	ResetHeader string
}

// Explanation is what a backend's error answer says.
type Explanation struct {
	// Message is the backend's text; empty: the beginning of the answer is
	// shown.
	Message string
	// Hint says what to do next; empty: the hint for the answer's status.
	Hint string
	// Final: trying again cannot help, although the status sounds like it.
	Final bool
}

// Client sends the requests of one source. It is safe for concurrent use.
type Client struct {
	name        string
	base        *url.URL
	credentials credentials
	options     Options
	timeout     time.Duration
	attempts    int
	maxBytes    int64

	transport *transport
	retry     failsafe.Executor[*Answer]
	gate      *fetch.Gate
	breaker   circuitbreaker.CircuitBreaker[*Answer]
	unbroken  failsafe.Executor[*Answer] // runs under the breaker
	// lastFault is the last failure that the breaker counted.
	lastFault atomic.Pointer[failure]
}

var _ http.RoundTripper = (*Client)(nil)

// New returns a client for the source or a Misconfigured error. It reads the
// files and environment variables that the settings name, and does not
// connect.
func New(s metrics.Settings, o Options) (*Client, error) {
	misconfigured := func(err error, hint string) error {
		return &metrics.Error{Op: "open", Source: s.Name, Reason: metrics.Misconfigured, Err: err, Hint: hint}
	}
	base, err := parseBase(cmp.Or(s.URL, o.DefaultURL))
	if err != nil {
		return nil, misconfigured(err, "an address looks like https://host:port/path")
	}
	if s.Timeout < 0 || s.Attempts < 0 || s.Concurrency < 0 || s.MaxResponseBytes < 0 ||
		s.RequestsPerSecond < 0 || s.Burst < 0 || s.RequestsPerDay < 0 || s.MaxWait < 0 {
		return nil, misconfigured(errors.New("a limit is negative"), "leave it out for the default")
	}
	if math.IsNaN(s.RequestsPerSecond) || math.IsInf(s.RequestsPerSecond, 0) {
		return nil, misconfigured(fmt.Errorf("requests_per_second is %v", s.RequestsPerSecond), "leave it out for any number")
	}
	creds, err := newCredentials(s, o.Headers)
	if err != nil {
		return nil, misconfigured(err, "")
	}
	concurrency := cmp.Or(s.Concurrency, DefaultConcurrency)
	transport, err := newTransport(s.TLS, concurrency)
	if err != nil {
		return nil, misconfigured(err, "")
	}
	c := &Client{
		name:        s.Name,
		base:        base,
		credentials: creds,
		options:     o,
		timeout:     cmp.Or(s.Timeout, DefaultTimeout),
		attempts:    cmp.Or(s.Attempts, DefaultAttempts),
		maxBytes:    cmp.Or(s.MaxResponseBytes, DefaultMaxResponseBytes),
		transport:   transport,
		gate: fetch.NewGate(fetch.Limits{
			Concurrency: concurrency, PerSecond: s.RequestsPerSecond, Burst: s.Burst, PerDay: s.RequestsPerDay, MaxWait: s.MaxWait,
		}),
		breaker: newBreaker(),
	}
	c.retry = newRetry(c.attempts, c.breaker)
	c.unbroken = failsafe.With(c.breaker)
	return c, nil
}

func parseBase(address string) (*url.URL, error) {
	if address == "" {
		return nil, errors.New("the source has no url")
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		// The error repeats the address, which may hold a password.
		return nil, errors.New("the source's url cannot be parsed")
	case u.User != nil:
		return nil, fmt.Errorf("the url of %s has a user name in it; use basic_user and basic_password", u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the source's url starts with %q, not with http:// or https://", u.Scheme+":")
	case u.Hostname() == "":
		return nil, errors.New("the source's url names no host")
	case u.Fragment != "":
		return nil, fmt.Errorf("the url of %s has a fragment (#...), which is never sent", u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// URL returns the address of a path below the source's own, with the query
// added to the source's.
func (c *Client) URL(path string, query url.Values) *url.URL {
	u := *c.base
	u.Path += path
	if len(query) > 0 {
		all := u.Query()
		maps.Copy(all, query)
		u.RawQuery = all.Encode()
	}
	return &u
}

// Timeout returns how long one try may take.
func (c *Client) Timeout() time.Duration { return c.timeout }

// HTTPClient returns a client for a vendor's SDK. Its errors are url.Errors
// around what Do returns; pass them through [Client.Error].
func (c *Client) HTTPClient() *http.Client { return &http.Client{Transport: c} }

// Close closes idle connections.
func (c *Client) Close() error {
	c.transport.close()
	return nil
}

// Load returns how busy the source is; drivers hand it on (metrics.Limited).
func (c *Client) Load() metrics.Load { return c.gate.Load() }

// Reads marks a request as one that only reads, whatever its method, so that
// it may be sent again. GET, HEAD and OPTIONS need no mark. It is the mark of
// net/http: an Idempotency-Key without a value, which is not sent.
func Reads(req *http.Request) *http.Request {
	req.Header["Idempotency-Key"] = nil
	return req
}

func mayRepeat(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	default:
		_, marked := req.Header["Idempotency-Key"]
		return marked
	}
}

// RoundTrip implements http.RoundTripper by Do. An answer that is no success
// is an error.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		StatusCode:    answer.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        answer.Header,
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Request:       req,
	}, nil
}

// Do sends the request, again if that may help, and returns the whole answer
// of a success (2xx). The error is a *metrics.Error; with it comes the last
// answer, if the server gave one.
func (c *Client) Do(req *http.Request) (*Answer, error) {
	if req.URL.Scheme != c.base.Scheme || req.URL.Host != c.base.Host {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &metrics.Error{
			Op: "query", Source: c.name, Reason: metrics.Misconfigured,
			Err: fmt.Errorf("will not ask %s with the credentials of %s", req.URL.Host, c.base.Host),
		}
	}
	body, err := readRequest(req)
	if err != nil {
		return nil, &metrics.Error{Op: "query", Source: c.name, Reason: metrics.Misconfigured, Err: err}
	}
	r := &requestRun{client: c, req: req, body: body, repeats: mayRepeat(req)}
	ctx := req.Context()
	answer, err := c.retry.WithContext(ctx).GetWithExecution(func(failsafe.Execution[*Answer]) (*Answer, error) { return r.attempt(ctx) })
	if err == nil {
		return answer, nil
	}
	failed, ok := errors.AsType[*failure](err)
	switch {
	case ok:
	case ctx.Err() != nil: // which failsafe reports in place of what attempt returned
		failed = c.gaveUp(ctx, r.held, r.last)
	case errors.Is(err, circuitbreaker.ErrOpen):
		failed = c.broken(req)
	default:
		failed = &failure{reason: metrics.Unavailable, text: err.Error(), cause: err}
	}
	return answer, failed.error(c.name, r.tries)
}

// requestRun is one request with all of its tries.
type requestRun struct {
	client  *Client
	req     *http.Request
	body    []byte
	repeats bool

	tries  int
	last   *failure
	held   *fetch.LimitError // that ended the last attempt
	pauses backoff
	// renewed: it was sent again because a credential or an authority had been
	// replaced, which is done once.
	renewed bool
}

// attempt sends the request once more, when the source's limits allow it.
func (r *requestRun) attempt(ctx context.Context) (*Answer, error) {
	c := r.client
	leave, err := c.gate.Enter(ctx)
	if err != nil {
		r.held, _ = errors.AsType[*fetch.LimitError](err)
		if r.held == nil || ctx.Err() != nil {
			return nil, err
		}
		return nil, c.notAsked(r.held, r.last)
	}
	r.held = nil
	sent := false
	defer func() { leave(sent) }()
	return c.unbroken.Get(func() (*Answer, error) {
		sent = true
		r.tries++
		answer, used, failed := c.try(ctx, r.req, r.body)
		if failed == nil {
			return answer, nil
		}
		if failed.fault {
			c.lastFault.Store(failed)
		}
		r.again(ctx, failed, used)
		r.last = failed
		return answer, failed
	})
}

// again decides whether there is another try, and when.
func (r *requestRun) again(ctx context.Context, failed *failure, used secrets) {
	c := r.client
	if !r.renewed && (failed.reason == metrics.Denied && c.credentials.replaced(used) || failed.untrusted && c.transport.reload()) {
		// The server refused what is outdated, so it did nothing: this request
		// may be repeated whatever its method, at once.
		r.renewed, failed.retry = true, true
		return
	}
	failed.retry = failed.retry && r.repeats && r.tries < c.attempts
	if failed.asked > 0 {
		failed.retryAt = time.Now().Add(failed.asked)
	}
	if failed.retry {
		failed.pause = r.pauses.next(failed.asked)
		if failed.asked > maxRetryAfter || outlasts(ctx, failed.pause) {
			failed.retry = false
		}
	}
}

// outlasts reports whether a pause is longer than the context.
func outlasts(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= pause
}

// readRequest returns the request's body, so that every try can send it.
func readRequest(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// try sends the request once. A server's answer is returned with the failure
// that it means, and the secrets that were sent.
func (c *Client) try(ctx context.Context, req *http.Request, body []byte) (*Answer, secrets, *failure) {
	secrets, err := c.credentials.read()
	if err != nil {
		// They could be read when the source was opened: a file that is being
		// replaced is there again in a moment.
		return nil, secrets, &failure{reason: metrics.Misconfigured, text: err.Error(), cause: err, hint: "the secret is read at every request", retry: true}
	}
	tryCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	sent := req.Clone(tryCtx)
	sent.Body, sent.GetBody, sent.ContentLength = nil, nil, int64(len(body))
	if len(body) > 0 {
		sent.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		sent.Body, _ = sent.GetBody()
	}
	// The transport asks for gzip and unpacks it only if nobody else did.
	sent.Header.Del("Accept-Encoding")
	sent.Header.Set("User-Agent", userAgent)
	secrets.apply(sent)

	x := exchange{client: c, method: sent.Method, address: sent.URL.Scheme + "://" + sent.URL.Host + sent.URL.Path, secrets: secrets}
	resp, err := c.transport.current().Do(sent)
	if err != nil {
		return nil, secrets, x.noAnswer(ctx, tryCtx, err)
	}
	defer resp.Body.Close()
	answer, failed := x.read(ctx, tryCtx, resp)
	return answer, secrets, failed
}

// userAgent is judged/VERSION.
var userAgent = "judged/" + version()

func version() string {
	const unknown = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return unknown
	}
	return info.Main.Version
}
