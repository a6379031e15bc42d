package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"github.com/judged-dev/judged/metrics"
)

// PagerDuty opens an incident on FAIL and ERROR and resolves it on PASS, with
// the Events API v2.
type PagerDuty struct {
	// RoutingKey is the integration key of a service.
	RoutingKey metrics.Secret
	// URL is the API's address; empty: https://events.pagerduty.com. In the EU
	// it is https://events.eu.pagerduty.com.
	URL string
}

const (
	pagerDutyEvents = "https://events.pagerduty.com"
	// Limits of the API, in characters.
	maxDedupKey, maxPagerDutySummary = 255, 1024
)

const pagerDutyTitle = defaultTitle + `{{with .Summary}}: {{.}}{{end}}`

type pagerDuty struct {
	settings PagerDuty
	base     *url.URL
	client   *client
	title    message
}

func newPagerDuty(s Settings) (*pagerDuty, error) {
	if s.Body != "" {
		return nil, errors.New("an incident has a title and details of a fixed format: leave out body")
	}
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	out := &pagerDuty{settings: *s.PagerDuty, client: c}
	if out.title, err = newMessage[plainText]("title", s.Title, pagerDutyTitle, newTextTemplate[plainText]); err != nil {
		return nil, err
	}
	if out.base, err = parseAddress(cmp.Or(s.PagerDuty.URL, pagerDutyEvents)); err != nil {
		return nil, err
	}
	_, err = readSecret("the routing_key", s.PagerDuty.RoutingKey)
	return out, err
}

func (p *pagerDuty) send(ctx context.Context, e Event) *Error {
	event := p.event(e)
	if event == nil {
		return nil
	}
	key, err := readSecret("the routing_key", p.settings.RoutingKey)
	if err != nil {
		return unreadable(err)
	}
	event.RoutingKey = key
	through := &pagerDutyTransport{client: p.client, secret: key}
	c := pagerduty.NewClient("", pagerduty.WithV2EventsAPIEndpoint(strings.TrimSuffix(p.base.String(), "/")))
	c.HTTPClient = through
	if _, err := c.ManageEventWithContext(ctx, event); err != nil && !through.accepted {
		if through.failed != nil {
			return through.failed
		}
		return &Error{Reason: Permanent, Err: errors.New("the event cannot be written")}
	}
	return nil
}

// event returns what to send, nil if the event opens and resolves nothing. A
// look opens an incident but resolves none: the analysis still goes on.
func (p *pagerDuty) event(e Event) *pagerduty.V2Event {
	if e.Type != Verdict && e.Type != Look {
		return nil
	}
	out := &pagerduty.V2Event{DedupKey: dedupKey(e), Client: "judged", ClientURL: link(e.URL)}
	severity := "critical"
	switch e.Verdict {
	case "FAIL":
	case "ERROR":
		severity = "error"
	case "PASS":
		if e.Type == Look {
			return nil
		}
		out.Action = "resolve"
		return out
	default:
		return nil
	}
	out.Action = "trigger"
	out.Payload = &pagerduty.V2Payload{
		Summary: oneLine[plainText](p.title, e, maxPagerDutySummary), Severity: severity, Timestamp: e.Time.UTC().Format(time.RFC3339),
		Source:    cmp.Or(clean(e.Application), clean(e.Config), "judged"),
		Component: clean(e.Application), Group: clean(e.Tenant), Class: "canary analysis", Details: e,
	}
	if to := link(e.URL); to != "" {
		out.Links = []any{map[string]string{"href": to, "text": "Open the analysis"}}
	}
	return out
}

// dedupKey is one for all analyses of a config, so that the PASS of the
// repaired release resolves what the FAIL of the broken one opened.
func dedupKey(e Event) string {
	key := strings.Join([]string{"judged", url.PathEscape(e.Tenant), url.PathEscape(e.Config), url.PathEscape(e.Application)}, "/")
	if len(key) <= maxDedupKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "judged/" + hex.EncodeToString(sum[:])
}

// pagerDutyTransport lets PagerDuty's client send through ours, and keeps the
// sorted error, of which that client passes on the text only.
type pagerDutyTransport struct {
	client   *client
	secret   string
	failed   *Error
	accepted bool
}

// Do implements pagerduty.HTTPClient.
func (t *pagerDutyTransport) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	answer, failed := t.client.post(req.Context(), request{address: req.URL, header: req.Header, body: body, secrets: []string{t.secret}})
	if failed != nil {
		t.failed = failed
		return nil, failed
	}
	// Whatever the answer says: a 2xx has taken the event.
	t.accepted = true
	return &http.Response{
		StatusCode: http.StatusAccepted, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(answer)), Request: req,
	}, nil
}
