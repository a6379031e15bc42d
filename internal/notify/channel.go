package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Channel is where messages go. It is safe for concurrent use.
type Channel interface {
	// Name is what routes call the channel.
	Name() string
	// Send tries once to deliver the event. The error is an [*Error]. An
	// event that a channel has no message for, such as the start of an
	// analysis for PagerDuty, is delivered by doing nothing.
	Send(ctx context.Context, e Event) error
}

// Settings say where a channel's messages go and what they look like. Exactly
// one of the kinds is set.
type Settings struct {
	// Name is what routes and errors call the channel.
	Name string

	Slack       *Slack
	Email       *Email
	Webhook     *Webhook
	CloudEvents *CloudEvents
	PagerDuty   *PagerDuty
	Push        *Push

	// Title and Body are templates, see docs/notifications.md; empty: the
	// kind's own. Webhook and CloudEvents have a fixed format and take none,
	// PagerDuty takes a title.
	Title, Body string
	// Timeout bounds one Send; 0: 10 s, at most a minute.
	Timeout time.Duration
	// TLS says whom to trust and who we are.
	TLS metrics.TLS
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Minute
)

// sender is one kind of channel.
type sender interface {
	// send delivers an event that is checked and within its limits. Its error
	// is an *Error without the channel's name.
	send(ctx context.Context, e Event) *Error
}

// Open checks the settings, with templates tried on an event of every type
// and secrets read once, and returns the channel. It does not connect.
func Open(s Settings) (Channel, error) {
	fail := func(err error) error { return fmt.Errorf("open the notification channel %q: %w", s.Name, err) }
	if strings.TrimSpace(s.Name) == "" {
		return nil, fail(errors.New("it has no name"))
	}
	if s.Timeout < 0 || s.Timeout > maxTimeout {
		return nil, fail(fmt.Errorf("its timeout is %s; it may be up to %s, and %s if left out", s.Timeout, maxTimeout, defaultTimeout))
	}
	s.Timeout = cmp.Or(s.Timeout, defaultTimeout)
	if s.Now == nil {
		s.Now = time.Now
	}
	var kinds []string
	var open func() (sender, error)
	choose := func(kind string, set bool, how func() (sender, error)) {
		if set {
			kinds, open = append(kinds, kind), how
		}
	}
	choose("slack", s.Slack != nil, func() (sender, error) { return newSlack(s) })
	choose("email", s.Email != nil, func() (sender, error) { return newEmail(s) })
	choose("webhook", s.Webhook != nil, func() (sender, error) { return newWebhook(s) })
	choose("cloudevents", s.CloudEvents != nil, func() (sender, error) { return newCloudEvents(s) })
	choose("pagerduty", s.PagerDuty != nil, func() (sender, error) { return newPagerDuty(s) })
	choose("push", s.Push != nil, func() (sender, error) { return newPush(s) })
	switch len(kinds) {
	case 0:
		return nil, fail(errors.New("it has no kind: set one of slack, email, webhook, cloudevents, pagerduty, push"))
	case 1:
	default:
		return nil, fail(fmt.Errorf("it is of several kinds, %s: make one channel of each", strings.Join(kinds, " and ")))
	}
	sender, err := open()
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", kinds[0], err))
	}
	return &channel{name: s.Name, timeout: s.Timeout, sender: sender}, nil
}

type channel struct {
	name    string
	timeout time.Duration
	sender  sender
}

var _ Channel = (*channel)(nil)

func (c *channel) Name() string { return c.name }

func (c *channel) Send(ctx context.Context, e Event) error {
	if err := e.check(); err != nil {
		return &Error{Channel: c.name, Reason: Permanent, Err: err, Hint: "this is a mistake in judged: please report it"}
	}
	tryCtx, cancel := context.WithTimeoutCause(ctx, c.timeout, errLate)
	defer cancel()
	failed := c.sender.send(tryCtx, e.bounded())
	if failed == nil {
		return nil
	}
	failed.Channel = c.name
	return failed
}

// errLate tells the channel's own time-out from the caller's.
var errLate = errors.New("the channel's timeout is over")

// late says how a send ended whose context is over.
func late(ctx context.Context, to string) *Error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errLate):
		return &Error{Err: &described{to + " did not answer within the channel's timeout", ctx.Err()}, Hint: "is it up and reachable from here? Else raise the channel's timeout"}
	case errors.Is(cause, context.DeadlineExceeded):
		return &Error{Err: &described{to + " did not answer before the deadline", ctx.Err()}}
	default:
		return &Error{Err: &described{"the send to " + to + " was interrupted", cause}}
	}
}

// unreadable is the failure of a send whose secret cannot be read.
func unreadable(err error) *Error {
	return &Error{Err: err, Hint: "the secret is read at every send"}
}

// readSecret reads a secret that goes into a header, an address or a JSON
// text.
func readSecret(what string, s metrics.Secret) (string, error) {
	v, err := s.Read()
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", what, err)
	}
	if strings.IndexFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
		return "", fmt.Errorf("%s, %s, has a line break or another control character inside", what, s)
	}
	return v, nil
}
