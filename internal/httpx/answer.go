package httpx

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// exchange is one request on its way, as error texts name it: without query
// and credentials.
type exchange struct {
	client  *Client
	method  string
	address string // scheme://host/path
	secrets secrets
}

func (x exchange) String() string { return x.method + " " + x.address }

// Answer is what a server answered, whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	from exchange
}

// Fail returns the error that the answer means although its status is a
// success: text says what is wrong with it, hint what to do next.
func (a *Answer) Fail(reason metrics.Reason, text string, cause error, hint string) error {
	f := failure{
		reason: reason,
		text:   fmt.Sprintf("%s answered %s: %s", a.from, statusText(a.Status), printable(a.from.secrets.scrub(text), excerptBytes)),
		cause:  cause,
		hint:   hint,
	}
	return f.error(a.from.client.name, 1)
}

// maxErrorBody bounds what is read of an error answer; its beginning is shown.
const maxErrorBody = 64 << 10

// read reads the answer and sorts it.
func (x exchange) read(ctx, tryCtx context.Context, resp *http.Response) (*Answer, *failure) {
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header, from: x}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// An error answer that breaks off is still an error answer.
		answer.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return answer, x.refused(answer)
	}
	limit := x.client.maxBytes
	tooLarge := &failure{
		reason: metrics.TooLarge,
		text:   fmt.Sprintf("%s answered with more than %s", x, bytesText(limit)),
		hint:   "aggregate the query, make its step coarser or its window shorter; the limit is the source's max_response_bytes",
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &failure{
			reason: metrics.BadAnswer,
			text:   fmt.Sprintf("%s answered in the encoding %q, which was not asked for", x, printable(encoding, 40)),
		}
	}
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	body, got, err := readAll(resp.Body, limit)
	if got > limit {
		return nil, tooLarge
	}
	if err != nil {
		return nil, x.brokeOff(ctx, tryCtx, resp, got, err)
	}
	answer.Body = body
	if x.client.options.JSON {
		if f := answer.notJSON(); f != nil {
			return nil, f
		}
	}
	return answer, nil
}

// readAll reads to the end, to an error, or to more than limit bytes, and
// returns how many came. It reads into pieces and joins them once: a buffer
// that grows by copying costs several times the answer.
func readAll(r io.Reader, limit int64) (body []byte, got int64, err error) {
	const first, largest = 32 << 10, 1 << 20
	pieces := [][]byte{make([]byte, 0, first)}
	for got <= limit {
		last := &pieces[len(pieces)-1]
		if len(*last) == cap(*last) {
			pieces = append(pieces, make([]byte, 0, min(2*cap(*last), largest)))
			continue
		}
		n, err := r.Read((*last)[len(*last):cap(*last)])
		*last = (*last)[:len(*last)+n]
		got += int64(n)
		if errors.Is(err, io.EOF) && got <= limit {
			return slices.Concat(pieces...), got, nil
		}
		if err != nil && got <= limit {
			return nil, got, err
		}
	}
	return nil, got, nil
}

// brokeOff sorts an answer whose body could not be read to its end.
func (x exchange) brokeOff(ctx, tryCtx context.Context, resp *http.Response, got int64, err error) *failure {
	if tryCtx.Err() != nil {
		return x.late(ctx, fmt.Sprintf("had sent only %s", bytesText(got)))
	}
	of := ""
	if resp.ContentLength > 0 {
		of = " of the promised " + bytesText(resp.ContentLength)
	}
	f := &failure{
		reason: metrics.BadAnswer,
		text:   fmt.Sprintf("%s: the answer breaks off after %s%s: %s", x, bytesText(got), of, x.cause(err)),
		cause:  err,
		hint:   "does the server, or a proxy before it, stop or limit long answers?",
		retry:  true,
		fault:  true,
	}
	if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		f.text = fmt.Sprintf("%s: the compressed answer is corrupt after %s: %s", x, bytesText(got), x.cause(err))
	}
	return f
}

// notJSON says what is wrong with a body that is not one JSON value.
func (a *Answer) notJSON() *failure {
	if json.Valid(a.Body) {
		return nil
	}
	f := &failure{reason: metrics.BadAnswer}
	says := fmt.Sprintf("%s answered %s with ", a.from, statusText(a.Status))
	if len(a.Body) == 0 {
		f.text = says + "nothing"
		f.hint = "is the path of the source's url right?"
		return f
	}
	if page, ok := htmlPage(a.Header, a.Body); ok {
		f.text = says + a.from.secrets.scrub(page)
		f.hint = loginHint
		return f
	}
	var nothing struct{}
	err := json.Unmarshal(a.Body, &nothing)
	why := ""
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		why = fmt.Sprintf(" (%s after %s)", printable(syntax.Error(), 80), bytesText(syntax.Offset))
		if syntax.Offset >= int64(len(a.Body)) {
			f.hint = "the answer is cut off: does a proxy limit its length?"
		}
	}
	f.text = fmt.Sprintf("%s%s that are not JSON%s: %s", says, bytesText(int64(len(a.Body))), why, a.from.excerpt(a.Body))
	f.cause = err
	return f
}

// refused sorts an answer that is no success, by its status.
func (x exchange) refused(a *Answer) *failure {
	f := &failure{asked: retryAfter(a.Header, x.client.options.ResetHeader, time.Now())}
	switch s := a.Status; {
	case s == http.StatusBadRequest && wantsTLS(a.Body):
		f.reason = metrics.Misconfigured
		f.hint = "the server speaks TLS there: use https://"
	case s == http.StatusBadRequest, s == http.StatusUnprocessableEntity:
		f.reason = metrics.BadQuery
	case s == http.StatusRequestEntityTooLarge, s == http.StatusRequestURITooLong:
		f.reason = metrics.BadQuery
		f.hint = "the query is too long for the server or a proxy before it"
	case s == http.StatusUnauthorized, s == http.StatusProxyAuthRequired:
		f.reason = metrics.Denied
		f.hint = "check the source's credentials: are they set, current, and of the kind that the server expects?"
	case s == http.StatusForbidden:
		f.reason = metrics.Denied
		f.hint = "do the source's credentials have the right to read this?"
	case s == http.StatusNotFound, s == http.StatusMethodNotAllowed, s == http.StatusGone, s == http.StatusNotImplemented:
		f.reason = metrics.Misconfigured
		f.hint = "is the path of the source's url right?"
	case s == http.StatusTooManyRequests:
		f.reason = metrics.Throttled
		f.retry = true
		f.hint = "ask less often, lower the source's concurrency, or have its rate limit raised"
	case s == http.StatusRequestTimeout:
		f.reason = metrics.Unavailable
		f.retry = true
	case s >= 500:
		f.reason = metrics.Unavailable
		f.retry, f.fault = true, true
	default:
		f.reason = metrics.BadAnswer
	}
	var says Explanation
	if x.client.options.Explain != nil {
		says = x.client.options.Explain(a.Status, a.Body)
	}
	if says.Message != "" {
		says.Message = printable(x.secrets.scrub(says.Message), excerptBytes)
	} else if page, ok := htmlPage(a.Header, a.Body); ok {
		says.Message = x.secrets.scrub(page)
		if a.Status < 500 && says.Hint == "" {
			says.Hint = loginHint
		}
	} else {
		says.Message = x.excerpt(a.Body)
	}
	f.text = fmt.Sprintf("%s answered %s", x, statusText(a.Status))
	if says.Message != "" {
		f.text += ": " + says.Message
	}
	if says.Hint != "" {
		f.hint = says.Hint
	}
	if says.Final {
		f.retry, f.fault = false, false
	}
	if f.retry && f.asked > maxRetryAfter {
		f.hint = fmt.Sprintf("the server asks to wait for %s", f.asked.Round(time.Second))
	}
	return f
}

// wantsTLS recognises what Go's server, nginx and Apache answer to plain HTTP
// on a TLS port.
func wantsTLS(body []byte) bool {
	for _, text := range []string{"HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled server port"} {
		if bytes.Contains(body, []byte(text)) {
			return true
		}
	}
	return false
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprintf("%d", status)
}

func bytesText(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
