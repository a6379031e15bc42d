package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/judged-dev/judged/metrics"
)

// CloudEvents posts events as CloudEvents 1.0 of type dev.judged.TYPE, or as
// CDEvents 0.5.
type CloudEvents struct {
	// URL is where to post; it may be a secret.
	URL metrics.Secret
	// Mode is how the event stands in the request: binary (in headers, the
	// default) or structured (all in the body).
	Mode string
	// Source is the events' source, a URI reference; empty: /judged. With
	// several servers that send to one place, give each its own.
	Source string
	// CDEvents says to send CDEvents. They need Environment, the name of what
	// the canary runs in.
	CDEvents    bool
	Environment string
	// Headers are sent with every request.
	Headers map[string]metrics.Secret
}

type cloudEvents struct {
	settings CloudEvents
	client   *client
}

func newCloudEvents(s Settings) (*cloudEvents, error) {
	if s.Title != "" || s.Body != "" {
		return nil, errors.New("its format is fixed: leave out title and body")
	}
	out := &cloudEvents{settings: *s.CloudEvents}
	c := &out.settings
	c.Mode = cmp.Or(c.Mode, "binary")
	c.Source = cmp.Or(c.Source, "/judged")
	if c.Mode != "binary" && c.Mode != "structured" {
		return nil, fmt.Errorf("mode is %q; it may be binary or structured", c.Mode)
	}
	if _, err := url.Parse(c.Source); err != nil || c.Source != asciiAttribute(c.Source) {
		return nil, fmt.Errorf("source is %q, which is no URI reference such as https://judged.example.com", c.Source)
	}
	if c.CDEvents != (c.Environment != "") {
		return nil, errors.New("cdevents and environment go together: a CDEvent says where the test ran")
	}
	var err error
	if out.client, err = newClient(s); err != nil {
		return nil, err
	}
	_, err = out.read()
	return out, err
}

// read fetches the address and the headers from their places.
func (c *cloudEvents) read() (r request, err error) {
	if r.address, err = readAddress("the url", c.settings.URL); err != nil {
		return r, err
	}
	r.header, r.secrets, err = headers(c.settings.Headers).read()
	return r, err
}

func (c *cloudEvents) send(ctx context.Context, e Event) *Error {
	r, err := c.read()
	if err != nil {
		return unreadable(err)
	}
	out, err := c.event(e)
	if err == nil {
		err = c.write(ctx, &r, out)
	}
	if err != nil {
		return &Error{Reason: Permanent, Err: fmt.Errorf("write the event %s: %w", messageID(e), err)}
	}
	_, failed := c.client.post(ctx, r)
	return failed
}

func (c *cloudEvents) event(e Event) (*event.Event, error) {
	out := event.New()
	out.SetID(messageID(e))
	out.SetSource(c.settings.Source)
	out.SetTime(e.Time)
	var data any = e
	kind, subject := "dev.judged."+string(e.Type), clean(cmp.Or(e.Analysis, e.Config))
	if c.settings.CDEvents {
		cd := newCDEvent(e, c.settings.Source, c.settings.Environment)
		data, kind, subject = cd, cd.Context.Type, cd.Subject.ID
	}
	out.SetType(kind)
	if subject != "" {
		if c.settings.Mode == "binary" {
			subject = asciiAttribute(subject)
		}
		out.SetSubject(subject)
	}
	b, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	if err := out.SetData(event.ApplicationJSON, b); err != nil {
		return nil, err
	}
	return &out, out.Validate()
}

// write puts the event into the request. The SDK writes into a request of
// net/http, of which only headers and body are taken.
func (c *cloudEvents) write(ctx context.Context, r *request, e *event.Event) error {
	ctx = binding.WithForceBinary(ctx)
	if c.settings.Mode == "structured" {
		ctx = binding.WithForceStructured(ctx)
	}
	req := &http.Request{Header: r.header}
	if err := cehttp.WriteRequest(ctx, binding.ToMessage(e), req); err != nil {
		return err
	}
	var err error
	r.body, err = io.ReadAll(req.Body)
	return err
}

// asciiAttribute percent-encodes what a header cannot carry: the HTTP binding
// of CloudEvents 1.0, section 3.1.3.2, which the SDK leaves to its caller.
func asciiAttribute(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
