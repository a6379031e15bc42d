// Package client talks to a judged server: judge samples at hand, or start an
// analysis and wait for its verdict.
//
// It wraps the generated clients of package judgedv1connect, which offer every
// method and option of the services.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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
	poll     time.Duration
}

// Option changes how a Client talks.
type Option func(*options)

type options struct {
	http connect.HTTPClient
	rpc  []connect.ClientOption
}

// WithHTTPClient sends requests through c, for example to add credentials.
// Give it no timeout: WaitForVerdict may wait for an hour.
func WithHTTPClient(c connect.HTTPClient) Option { return func(o *options) { o.http = c } }

// WithH2C speaks HTTP/2 without TLS to an http:// address: one connection for
// everything. The default is HTTP/1.1 there, which every proxy understands.
func WithH2C() Option {
	return func(o *options) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		protocols.SetHTTP2(true)
		o.http = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, Protocols: protocols}}
	}
}

// WithJSON sends JSON instead of binary messages, to read along.
func WithJSON() Option {
	return func(o *options) { o.rpc = append(o.rpc, connect.WithProtoJSON()) }
}

// maxResponse bounds what is read of one answer.
const maxResponse = 256 << 20

// New returns a client of the server at baseURL, such as
// http://judged.internal:8080. It does not connect.
func New(baseURL string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a judged server: it looks like http://judged.internal:8080", baseURL)
	}
	o := options{http: &http.Client{}, rpc: []connect.ClientOption{connect.WithReadMaxBytes(maxResponse)}}
	for _, opt := range opts {
		opt(&o)
	}
	baseURL = strings.TrimRight(baseURL, "/")
	return &Client{
		judge:    judgedv1connect.NewJudgeServiceClient(o.http, baseURL, o.rpc...),
		analyses: judgedv1connect.NewAnalysisServiceClient(o.http, baseURL, o.rpc...),
		poll:     2 * time.Second,
	}, nil
}

// Judge judges samples that the request brings along. Errors are *Error.
func (c *Client) Judge(ctx context.Context, r *judgedv1.JudgeRequest) (*judgedv1.Judgment, error) {
	response, err := retry(ctx, "judge", true, func() (*connect.Response[judgedv1.JudgeResponse], error) {
		return c.judge.Judge(ctx, connect.NewRequest(r))
	})
	if err != nil {
		return nil, err
	}
	return response.Msg.GetJudgment(), nil
}

// StartAnalysis begins an analysis and returns at once. Give the request an
// idempotency key: only then is it safe to send again, and is sent again when
// the server cannot be reached. Errors are *Error.
func (c *Client) StartAnalysis(ctx context.Context, r *judgedv1.StartAnalysisRequest) (*judgedv1.Analysis, error) {
	response, err := retry(ctx, "start the analysis", r.GetIdempotencyKey() != "", func() (*connect.Response[judgedv1.StartAnalysisResponse], error) {
		return c.analyses.StartAnalysis(ctx, connect.NewRequest(r))
	})
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

// GetAnalysis returns an analysis as it is now. Errors are *Error.
func (c *Client) GetAnalysis(ctx context.Context, id string) (*judgedv1.Analysis, error) {
	response, err := retry(ctx, "get the analysis", true, func() (*connect.Response[judgedv1.GetAnalysisResponse], error) {
		return c.analyses.GetAnalysis(ctx, connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id}))
	})
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

// CancelAnalysis ends an analysis early and returns it as it ended; one that
// has ended stays as it is. Errors are *Error.
func (c *Client) CancelAnalysis(ctx context.Context, id, reason string) (*judgedv1.Analysis, error) {
	response, err := retry(ctx, "cancel the analysis", true, func() (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
		return c.analyses.CancelAnalysis(ctx, connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id, Reason: reason}))
	})
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

// attempts counts all tries of a call, the first included.
const attempts = 4

// retry calls until it works, while the server says that it may.
func retry[T any](ctx context.Context, op string, again bool, call func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		answer, err := call()
		if err == nil {
			return answer, nil
		}
		if !again || attempt == attempts || !transient(err) || !pause(ctx, attempt, err) {
			return answer, newError(op, err)
		}
	}
}

// transient reports whether the same call may work in a moment.
func transient(err error) bool {
	var e *connect.Error
	if !errors.As(err, &e) {
		return false
	}
	// resource_exhausted is also said of requests that are too large.
	return e.Code() == connect.CodeUnavailable || e.Code() == connect.CodeResourceExhausted && e.Meta().Get("Retry-After") != ""
}

// pause waits as long as the server asks, or longer with every attempt; false
// if ctx ended meanwhile.
func pause(ctx context.Context, attempt int, err error) bool {
	wait := min(200*time.Millisecond<<min(attempt-1, 10), 10*time.Second)
	if e, ok := errors.AsType[*connect.Error](err); ok {
		if seconds, err := strconv.Atoi(e.Meta().Get("Retry-After")); err == nil && seconds > 0 {
			wait = time.Duration(min(seconds, 60)) * time.Second
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
