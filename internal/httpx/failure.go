package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/metrics"
)

// failure is a try that did not bring an answer to use. Its texts are free of
// secrets.
type failure struct {
	reason metrics.Reason
	text   string
	hint   string
	cause  error

	// retry: another try may succeed.
	retry bool
	// fault: the breaker counts it, since the server itself is in trouble.
	fault bool
	// untrusted: the server's certificate is of none of the authorities.
	untrusted bool
	// asked is how long the server wants to be left alone; pause how long it is.
	asked, pause time.Duration
	// retryAt is when the server may be asked again; zero if nobody knows.
	retryAt time.Time
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// described is a cause with a text free of secrets.
type described struct {
	text    string
	cause   error
	retryAt time.Time
}

func (d *described) Error() string { return d.text }
func (d *described) Unwrap() error { return d.cause }

// RetryAt returns when the server may be asked again, for package fetch; zero
// if nobody knows.
func (d *described) RetryAt() time.Time { return d.retryAt }

// error returns the failure as its caller sees it.
func (f *failure) error(source string, tries int) error {
	text := f.text
	if tries > 1 {
		text += fmt.Sprintf(" (tried %d times)", tries)
	}
	return &metrics.Error{Op: "query", Source: source, Reason: f.reason, Err: &described{text, bare(f.cause), f.retryAt}, Hint: f.hint}
}

// bare takes the url.Errors off a cause: their texts hold the whole address.
func bare(err error) error {
	for {
		u, ok := err.(*url.Error) //nolint:errorlint // peeled one by one
		if !ok {
			return err
		}
		err = u.Err
	}
}

// cause is an error's text without secrets and without the address, which the
// exchange's own text gives.
func (x exchange) cause(err error) string {
	return printable(x.secrets.scrub(bare(err).Error()), excerptBytes)
}

// Error fills in what was asked and returns err as a *metrics.Error: one that
// Do made, if there is one in the chain, else a BadAnswer with err's text,
// such as a vendor's SDK returns for an answer that it cannot read.
func (c *Client) Error(query string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*metrics.Error](err); ok {
		named := *e
		named.Source, named.Query = c.name, query
		return &named
	}
	f := failure{reason: metrics.BadAnswer, cause: err}
	switch {
	case errors.Is(err, context.Canceled):
		f.reason, f.text = metrics.Canceled, "the caller gave up"
	case errors.Is(err, context.DeadlineExceeded):
		f.reason, f.text = metrics.Unavailable, "no answer before the deadline"
	default:
		secrets, _ := c.credentials.read() // what could not be read cannot be repeated either
		f.text = exchange{secrets: secrets}.cause(err)
	}
	e, _ := errors.AsType[*metrics.Error](f.error(c.name, 1))
	e.Query = query
	return e
}

// gaveUp is the failure of a request whose context ended while it paused, or
// while it waited for its turn.
func (c *Client) gaveUp(ctx context.Context, held *fetch.LimitError, last *failure) *failure {
	if last != nil && errors.Is(last.cause, ctx.Err()) {
		return last // the context ended while a try was under way
	}
	f := &failure{reason: metrics.Canceled, text: "the caller gave up", cause: ctx.Err()}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.reason, f.text = metrics.Unavailable, "no answer before the deadline"
	}
	if last != nil {
		f.text += "; the last answer: " + last.text
		f.hint = last.hint
	} else if held != nil && f.reason == metrics.Unavailable {
		f.text += "; " + held.Text
		f.hint = held.Hint
	}
	return f
}

// notAsked is the failure of a request that the source's own limits held back.
func (c *Client) notAsked(held *fetch.LimitError, last *failure) *failure {
	f := &failure{reason: held.Reason, text: c.base.Host + " was not asked: " + held.Text, hint: held.Hint, cause: held, retryAt: held.Until}
	if last != nil {
		f.text += "; the last answer: " + last.text
	}
	return f
}

// broken is the failure of a request that the breaker held back.
func (c *Client) broken(req *http.Request) *failure {
	f := &failure{
		reason: metrics.Unavailable,
		text:   fmt.Sprintf("%s://%s was not asked, because most requests of the last minute failed", req.URL.Scheme, req.URL.Host),
		cause:  errBroken,
	}
	rest := max(c.breaker.RemainingDelay(), time.Second)
	f.hint, f.retryAt = fmt.Sprintf("it is tried again in %s", rest.Round(time.Second)), time.Now().Add(rest)
	if last := c.lastFault.Load(); last != nil {
		f.text += "; the last: " + last.text
	}
	return f
}

var errBroken = errors.New("too many failures")

// late is the failure of a try whose time was up, or whose caller gave up.
func (x exchange) late(ctx context.Context, meanwhile string) *failure {
	f := &failure{reason: metrics.Unavailable, cause: context.DeadlineExceeded}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f.reason, f.cause = metrics.Canceled, ctx.Err()
		f.text = fmt.Sprintf("%s: the caller gave up", x)
	case ctx.Err() != nil:
		f.text = fmt.Sprintf("%s %s before the deadline", x, meanwhile)
		f.hint = "the query may be too expensive for the time it has"
	default:
		f.text = fmt.Sprintf("%s %s within %s", x, meanwhile, x.client.timeout)
		f.hint = "the query may be too expensive, or the source's timeout too short"
		f.retry, f.fault = true, true
	}
	return f
}

// noAnswer sorts the errors of a try that brought no answer.
func (x exchange) noAnswer(ctx, tryCtx context.Context, err error) *failure {
	if tryCtx.Err() != nil {
		return x.late(ctx, "did not answer")
	}
	f := &failure{cause: err, text: fmt.Sprintf("%s: %s", x, x.cause(err))}
	misconfigured := func(hint string) *failure {
		f.reason, f.hint = metrics.Misconfigured, hint
		return f
	}
	if redirect, ok := errors.AsType[*redirectError](err); ok {
		f.text = fmt.Sprintf("%s %s", x, x.secrets.scrub(redirect.text))
		return misconfigured("set the source's url to the final address; if that is a login page, the source needs credentials or another address")
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		hint := "the server's certificate is not trusted"
		switch {
		case isType[x509.UnknownAuthorityError](err):
			hint = "set tls.ca_file to the authority that signed the server's certificate"
			f.untrusted = true
		case isType[x509.HostnameError](err):
			hint = "use the name in the server's certificate in the url, or set tls.server_name to it"
		case isType[x509.CertificateInvalidError](err):
			hint = "the server's certificate has to be renewed, or this machine's clock is wrong"
		}
		return misconfigured(hint)
	}
	if isType[tls.RecordHeaderError](err) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return misconfigured("the server does not speak TLS there: is it http:// or another port?")
	}
	op, isOp := errors.AsType[*net.OpError](err)
	if isOp && op.Op == "remote error" { // what crypto/tls calls an alert
		return misconfigured("the server refuses the TLS handshake: does it ask for a client certificate (tls.cert_file and tls.key_file)?")
	}
	if strings.Contains(err.Error(), "malformed HTTP") {
		f.reason, f.hint = metrics.BadAnswer, "what answers there does not speak HTTP: is it https:// or another port?"
		return f
	}
	f.reason, f.retry, f.fault = metrics.Unavailable, true, true
	if isOp && op.Op == "proxyconnect" {
		f.hint = "the proxy comes from HTTP_PROXY or HTTPS_PROXY; NO_PROXY names hosts to ask directly"
		return f
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		f.hint = "is the host name of the source's url right?"
		return f
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		f.hint = "is it running, and are host and port of the source's url right?"
	}
	return f
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
