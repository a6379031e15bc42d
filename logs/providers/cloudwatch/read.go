package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

// pageEvents is the most that CloudWatch puts into one page.
const pageEvents = 10_000

type request struct {
	LogGroupName       string `json:"logGroupName,omitempty"`
	LogGroupIdentifier string `json:"logGroupIdentifier,omitempty"`
	FilterPattern      string `json:"filterPattern,omitempty"`
	StartTime          int64  `json:"startTime"` // ms, inclusive
	EndTime            int64  `json:"endTime"`   // ms
	Limit              int    `json:"limit"`
	NextToken          string `json:"nextToken,omitempty"`
}

type page struct {
	Events *[]struct {
		EventID       string `json:"eventId"`
		LogStreamName string `json:"logStreamName"`
		Message       string `json:"message"`
		Timestamp     *int64 `json:"timestamp"` // ms
	} `json:"events"`
	NextToken string `json:"nextToken"`
}

// Read implements logs.Source.
func (s *source) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	lines := decode.NewDecoder(decode.Options{}, each)
	d, err := logs.NewDelivery(s.name, query, func(rec *logs.Record) error { return lines.Line(rec.Message, rec) })
	if err != nil {
		return logs.Summary{}, err
	}
	group, pattern := split(query.Expr)
	if group == "" {
		return logs.Summary{}, &metrics.Error{
			Op: "query", Source: s.name, Query: query.Expr, Reason: metrics.BadQuery,
			Err: errors.New("the query names no log group"), Hint: `write it as GROUP: PATTERN, for example /aws/ecs/checkout: {$.level = "error"}`,
		}
	}
	ask := request{
		FilterPattern: pattern, Limit: s.limit,
		// One more than asked for: events of the window's last millisecond must be
		// there, and what is later is left out here.
		EndTime: query.Window.End.UnixMilli() + 1,
	}
	if strings.HasPrefix(group, "arn:") {
		ask.LogGroupIdentifier = group
	} else {
		ask.LogGroupName = group
	}
	var rec logs.Record
	err = d.Pages(ctx, func(ctx context.Context, from time.Time, cursor string) (string, error) {
		ask.StartTime, ask.NextToken = from.UnixMilli(), cursor
		p, err := s.page(ctx, query.Expr, ask)
		if err != nil {
			return "", err
		}
		for _, e := range *p.Events {
			rec = logs.Record{Instance: []byte(e.LogStreamName), Message: []byte(e.Message)}
			if err := d.Line(e.EventID, time.UnixMilli(*e.Timestamp), &rec); err != nil {
				return "", err
			}
		}
		return p.NextToken, nil
	})
	if err == nil {
		err = lines.Flush()
	}
	summary := lines.Summary()
	summary.Warnings = append(summary.Warnings, d.Summary().Warnings...)
	return summary, err
}

// page asks for one page, again after a pause where AWS says that it is too much
// now: it does so with a status that says the request is wrong, so the client does
// not.
func (s *source) page(ctx context.Context, expr string, ask request) (page, error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return page{}, err
	}
	pause := time.Second
	for try := 1; ; try++ {
		p, used, refusal, err := s.try(ctx, body)
		switch {
		case err == nil:
			return p, nil
		case refusal.is(badToken...) && ask.NextToken != "" && strings.Contains(strings.ToLower(refusal.message), "token"):
			return page{}, logs.Expired(s.http.Error(expr, err))
		case !refusal.again() || try >= s.attempts:
			return page{}, s.http.Error(expr, err)
		case refusal.is(throttled...):
			if s.wait(ctx, pause) != nil {
				return page{}, s.http.Error(expr, ctx.Err())
			}
			pause = min(2*pause, 10*time.Second)
		default: // the keys, or their signature, have expired
			s.credentials.forget(used)
		}
	}
}

// try asks once, with the newest keys. The refusal is what AWS says if it refuses.
func (s *source) try(ctx context.Context, body []byte) (page, keys, refusal, error) {
	k, err := s.credentials.keys(ctx)
	if err != nil {
		if _, ok := errors.AsType[*metrics.Error](err); !ok && ctx.Err() == nil {
			err = &metrics.Error{Op: "query", Reason: metrics.Misconfigured, Err: err, Hint: "the credentials are read at every request"}
		}
		return page{}, k, refusal{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL("/", nil).String(), bytes.NewReader(body))
	if err != nil {
		return page{}, k, refusal{}, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.FilterLogEvents")
	sign(req, body, k, s.region, "logs", s.now())
	answer, err := s.http.Do(httpx.Reads(req))
	var says refusal
	var p page
	switch {
	case err == nil:
		p, err = parse(answer)
	case answer != nil:
		says = refused(answer.Body)
		if e, ok := errors.AsType[*metrics.Error](err); ok {
			says.sort(e)
		}
	}
	return p, k, says, logs.Withhold(err, k.secret, k.token)
}

func parse(answer *httpx.Answer) (page, error) {
	bad := func(text string, err error) (page, error) {
		return page{}, answer.Fail(metrics.BadAnswer, text, err, "is this the address of CloudWatch Logs?")
	}
	var p page
	if err := json.Unmarshal(answer.Body, &p); err != nil {
		return bad("it is not a page of log events: "+err.Error(), err)
	}
	if p.Events == nil {
		return bad("it has no list of events", nil)
	}
	for i, e := range *p.Events {
		if e.Timestamp == nil || e.EventID == "" {
			return bad(fmt.Sprintf("event %d has no timestamp or no id", i), nil)
		}
	}
	return p, nil
}

// refusal is an error answer of AWS.
type refusal struct{ kind, message string }

// The kinds of errors, common to all actions or of FilterLogEvents.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html
var (
	throttled = []string{"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException"}
	expired   = []string{"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
	denied    = []string{
		"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch",
		"InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
		"IncompleteSignatureException", "NotAuthorized", "OptInRequired",
	}
	badToken = []string{"InvalidParameterException", "InvalidNextTokenException", "ValidationException"}
)

func refused(body []byte) refusal {
	var says struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // some services write Message, which matches too
	}
	if json.Unmarshal(body, &says) != nil {
		return refusal{}
	}
	kind := says.Type[strings.LastIndexByte(says.Type, '#')+1:]
	// After its first line the text of a wrong signature repeats all headers.
	message, _, _ := strings.Cut(says.Message, "\n")
	return refusal{kind, strings.TrimSpace(message)}
}

func (r refusal) is(kinds ...string) bool { return slices.Contains(kinds, r.kind) }

// late: a request waited longer than a signature holds.
func (r refusal) late() bool { return strings.HasPrefix(r.message, "Signature expired") }

func (r refusal) again() bool { return r.is(throttled...) || r.is(expired...) || r.late() }

// sort gives an error its reason: AWS answers most of them with the status 400.
func (r refusal) sort(e *metrics.Error) {
	switch {
	case r.is(throttled...):
		e.Reason = metrics.Throttled
	case r.is(denied...), r.is(expired...):
		e.Reason = metrics.Denied
	case r.is("ServiceUnavailableException", "InternalFailure"):
		e.Reason = metrics.Unavailable
	}
}

func explain(_ int, body []byte) httpx.Explanation {
	r := refused(body)
	if r.kind == "" {
		return httpx.Explanation{}
	}
	says := httpx.Explanation{Message: strings.TrimSuffix(r.kind+": "+r.message, ": ")}
	switch {
	case r.is(throttled...):
		says.Hint = "others use the account's requests too: lower the source's requests_per_second, or have the quota of FilterLogEvents raised"
	case r.is("ResourceNotFoundException"):
		says.Hint = "is there a log group of this name in the url's region, in the account of the credentials?"
	case r.is("AccessDeniedException", "AccessDenied", "NotAuthorized"):
		says.Hint = "the credentials need the right logs:FilterLogEvents on the log group"
	case r.late(), r.is("RequestExpired"):
		says.Hint = "is this machine's clock right?"
	case r.is(expired...):
		says.Hint = "the session of the credentials has ended: renew AWS_SESSION_TOKEN"
	case r.is(denied...):
		says.Hint = "are access key id and secret of one pair, and still active?"
	}
	return says
}
