package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes. Slack repeats the
	// message, 12 bytes for a character of two UTF-16 units.
	maxAnswer = 64 << 10
	// maxRetryAfter bounds how long a server may ask to wait.
	maxRetryAfter = time.Hour
)

// client sends the requests of one channel. It follows no redirects: a POST
// that is led elsewhere was meant for an address that nobody configured.
type client struct {
	http *http.Client
	now  func() time.Time
}

func newClient(s Settings) (*client, error) {
	tlsConfig, err := newTLS(s.TLS)
	if err != nil {
		return nil, err
	}
	return &client{now: s.Now, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:        tlsConfig,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			MaxConnsPerHost:        8,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}, nil
}

// request is one POST.
type request struct {
	address *url.URL
	header  http.Header
	body    []byte
	// secrets are values that no error may repeat, beside those in the address.
	secrets []string
}

// target is what errors call the address.
func (r request) target() string { return "POST " + r.address.Scheme + "://" + r.address.Host }

// post sends the request and returns the body of a success (2xx), cut at
// maxAnswer.
func (c *client) post(ctx context.Context, r request) ([]byte, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.address.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Reason: Permanent, Err: errors.New(r.target() + ": the request cannot be made")}
	}
	req.Header = r.header.Clone()
	req.Header.Set("User-Agent", "judged")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, r.noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	// A success stays one if its body breaks off: sending again would deliver
	// twice. What the body says is checked by those who need it.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, r.refused(resp, body, c.now())
	}
	return body, nil
}

// noAnswer sorts the errors of a request that brought no answer.
func (r request) noAnswer(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return late(ctx, r.target())
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the url.Error repeats the address
	}
	failed := &Error{Err: &described{fmt.Sprintf("%s: %s", r.target(), r.scrub(err.Error())), err}, Hint: tlsHint(err)}
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case failed.Hint != "":
	case isOp && op.Op == "proxyconnect":
		failed.Hint = "the proxy comes from HTTP_PROXY or HTTPS_PROXY; NO_PROXY names hosts to reach directly"
	case isOp && op.Op == "remote error":
		failed.Hint = "the server refuses the TLS handshake: does it ask for a client certificate (tls.cert_file and tls.key_file)?"
	case errors.Is(err, syscall.ECONNREFUSED):
		failed.Hint = "is it running, and are host and port right?"
	default:
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			failed.Hint = "is the host name right?"
		}
	}
	return failed
}

// refused sorts an answer that is no success, by its status.
func (r request) refused(resp *http.Response, body []byte, now time.Time) *Error {
	status := resp.StatusCode
	text := fmt.Sprintf("%s answered %s", r.target(), strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status))))
	if says := r.scrub(string(body)); says != "" {
		text += ": " + says
	}
	failed := &Error{Reason: Permanent, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
	switch {
	case status < 400:
		if to, err := resp.Location(); err == nil {
			text = fmt.Sprintf("%s answered %d, a redirect to %s, which is not followed", r.target(), status, httpx.Printable(to.Scheme+"://"+to.Host))
		}
		failed.Hint = "set the address to where it leads, if that is where messages should go"
	case status == http.StatusTooManyRequests:
		failed.Reason = Throttled
		failed.Hint = "send fewer events there: narrow the routes"
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		failed.Reason = Temporary
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		failed.Hint = "check the channel's credentials: are they set, current, and allowed to post there?"
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMethodNotAllowed:
		failed.Hint = "is the channel's address right, and does what it leads to still exist?"
	case status == http.StatusRequestEntityTooLarge:
		failed.Hint = "the server takes only shorter messages: shorten the channel's templates"
	}
	if failed.Reason == Permanent {
		failed.RetryAfter = 0
	}
	failed.Err = errors.New(text)
	return failed
}

// userInfo finds the password of an address, which error texts of proxies hold.
var userInfo = regexp.MustCompile(`://[^/\s@"']*@`)

// scrub makes a text of the other side safe to show: without secrets, on one
// line, short.
func (r request) scrub(text string) string {
	hide := slices.Clone(r.secrets)
	for segment := range strings.SplitSeq(r.address.EscapedPath(), "/") {
		if len(segment) >= 8 { // tokens, not words such as "hooks"
			hide = append(hide, segment)
		}
	}
	for _, values := range r.address.Query() {
		hide = append(hide, values...)
	}
	for _, v := range slices.Clone(hide) {
		hide = append(hide, url.QueryEscape(v), url.PathEscape(v))
	}
	// Longest first, so that a secret inside another leaves no rest.
	slices.SortFunc(hide, func(a, b string) int { return len(b) - len(a) })
	for _, v := range hide {
		if len(v) >= 4 {
			text = strings.ReplaceAll(text, v, "[secret]")
		}
	}
	return httpx.Printable(userInfo.ReplaceAllString(text, "://[secret]@"))
}

// retryAfter reads Retry-After; 0: not given, not readable or past.
func retryAfter(value string, now time.Time) time.Duration {
	asked, ok := httpx.RetryAfter(value, now)
	if !ok {
		return 0
	}
	return min(asked, maxRetryAfter)
}

// parseAddress reads an administrator's address. Its errors do not repeat it:
// it may be a secret as a whole.
func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("the address cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the address does not start with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("the address names no host")
	case u.User != nil:
		return nil, errors.New("the address has a user name in it; send credentials in a header")
	}
	u.Fragment = ""
	return u, nil
}

// readAddress reads an address that is kept as a secret.
func readAddress(what string, s metrics.Secret) (*url.URL, error) {
	v, err := readSecret(what, s)
	if err != nil {
		return nil, err
	}
	u, err := parseAddress(v)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", what, s, err)
	}
	return u, nil
}

// headers are what an administrator adds to every request of a channel.
type headers map[string]metrics.Secret

// reserved are the headers that this package and the transport set.
var reserved = []string{
	"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Accept-Encoding", "User-Agent",
	"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature",
}

// read fetches the values and checks the names.
func (h headers) read() (header http.Header, secrets []string, err error) {
	header = http.Header{}
	for name, secret := range h {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !headerName.MatchString(name):
			return nil, nil, fmt.Errorf("%q is no header name", name)
		case slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Ce-"):
			return nil, nil, fmt.Errorf("the header %s is set by judged itself", canonical)
		case header.Get(canonical) != "":
			return nil, nil, fmt.Errorf("the header %s is set twice", canonical)
		}
		v, err := readSecret("the header "+canonical, secret)
		if err != nil {
			return nil, nil, err
		}
		header.Set(canonical, v)
		secrets = append(secrets, v)
		if _, rest, ok := strings.Cut(v, " "); ok { // "Bearer abc" may come back as abc
			secrets = append(secrets, rest)
		}
	}
	return header, secrets, nil
}

// headerName: RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")

// jsonRequest is a POST of a JSON text.
func jsonRequest(address *url.URL, body any) (request, error) {
	b, err := json.Marshal(body)
	return request{address: address, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: b}, err
}
