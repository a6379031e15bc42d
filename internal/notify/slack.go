package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// Slack posts to a channel, through an incoming webhook or as a bot with
// chat.postMessage.
type Slack struct {
	// WebhookURL is the incoming webhook's address, a secret.
	WebhookURL metrics.Secret
	// Token is a bot's token (xoxb-...) with the scope chat:write; it needs
	// Channel, a channel's id or name.
	Token   metrics.Secret
	Channel string
	// APIURL is where the methods are; empty: https://slack.com/api.
	APIURL string
}

const (
	slackAPI = "https://slack.com/api"
	// Slack's limits: 3000 characters in a section's text.
	maxSlackTitle, maxSlackSection = 500, 3000
)

// Slack's own body ends in a link with a short text.
const slackBody = defaultFacts + `{{with .URL}}

<{{.}}|Open the analysis>{{end}}`

type slack struct {
	settings Slack
	post     *url.URL // chat.postMessage; nil: the webhook
	client   *client
	texts    texts[slackText]
}

func newSlack(s Settings) (*slack, error) {
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	out := &slack{settings: *s.Slack, client: c}
	if out.texts, err = newTexts[slackText](s.Title, s.Body, defaultTitle, slackBody); err != nil {
		return nil, err
	}
	switch {
	case s.Slack.WebhookURL.IsZero() == s.Slack.Token.IsZero():
		return nil, errors.New("set either webhook_url or token")
	case s.Slack.Token.IsZero() && (s.Slack.Channel != "" || s.Slack.APIURL != ""):
		return nil, errors.New("channel and api_url go with token; a webhook has its own")
	case s.Slack.Token.IsZero():
	case s.Slack.Channel == "":
		return nil, errors.New("token needs a channel")
	default:
		base, err := parseAddress(cmp.Or(s.Slack.APIURL, slackAPI))
		if err != nil {
			return nil, fmt.Errorf("api_url: %w", err)
		}
		out.post = base.JoinPath("chat.postMessage")
	}
	_, err = out.request(Event{})
	return out, err
}

type slackMessage struct {
	Channel     string         `json:"channel,omitempty"`
	Text        string         `json:"text"`
	Blocks      []slackBlock   `json:"blocks"`
	UnfurlLinks bool           `json:"unfurl_links"`
	UnfurlMedia bool           `json:"unfurl_media"`
	Metadata    *slackMetadata `json:"metadata,omitempty"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackMark `json:"text"`
}

// slackMark is a text in mrkdwn. Verbatim: Slack makes no links and mentions
// of its own.
type slackMark struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

// slackMetadata is read by apps, not shown. chat.postMessage has no id to send
// a message under; this is what a duplicate can be recognised by.
type slackMetadata struct {
	EventType    string            `json:"event_type"`
	EventPayload map[string]string `json:"event_payload"`
}

func (s *slack) request(e Event) (request, error) {
	title := oneLine[slackText](s.texts.title, e, maxSlackTitle)
	m := slackMessage{Text: title}
	for _, text := range []string{"*" + title + "*", cut(write[slackText](s.texts.body, e), maxSlackSection)} {
		if text != "" { // an empty section is refused
			m.Blocks = append(m.Blocks, slackBlock{"section", slackMark{"mrkdwn", text, true}})
		}
	}
	if s.post == nil {
		address, err := readAddress("the webhook_url", s.settings.WebhookURL)
		if err != nil {
			return request{}, err
		}
		return jsonRequest(address, m)
	}
	token, err := readSecret("the token", s.settings.Token)
	if err != nil {
		return request{}, err
	}
	m.Channel = s.settings.Channel
	m.Metadata = &slackMetadata{"judged_event", map[string]string{"id": messageID(e)}}
	r, err := jsonRequest(s.post, m)
	if err != nil {
		return r, err
	}
	r.header.Set("Authorization", "Bearer "+token)
	r.secrets = append(r.secrets, token)
	return r, nil
}

func (s *slack) send(ctx context.Context, e Event) *Error {
	r, err := s.request(e)
	if err != nil {
		return unreadable(err)
	}
	body, failed := s.client.post(ctx, r)
	if failed != nil || s.post == nil {
		return failed
	}
	// Methods answer 200 also when they refuse.
	var answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return &Error{Err: errors.New(r.target() + " answered 200 with something other than Slack's JSON"), Hint: "is api_url right, or is a proxy in between?"}
	}
	if answer.OK {
		return nil
	}
	failed = &Error{Reason: Permanent, Err: fmt.Errorf("%s refused the message: %s", r.target(), httpx.Printable(answer.Error)), Hint: slackHints[answer.Error]}
	switch {
	case answer.Error == "ratelimited" || answer.Error == "rate_limited":
		failed.Reason = Throttled
	case slices.Contains(slackPasses, answer.Error):
		failed.Reason = Temporary
	}
	return failed
}

var (
	// slackPasses are the errors that Slack says pass by themselves.
	slackPasses = []string{"fatal_error", "internal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
	slackHints  = map[string]string{
		"not_in_channel":    "invite the bot into the channel",
		"channel_not_found": "is the channel's id right, and the bot a member if it is private?",
		"is_archived":       "the channel is archived: choose another",
		"invalid_auth":      "the token is wrong",
		"not_authed":        "the token is missing",
		"token_revoked":     "the token was revoked: install the app again",
		"token_expired":     "the token has expired: rotate it",
		"account_inactive":  "the bot was removed: install the app again",
		"missing_scope":     "the token needs the scope chat:write",
	}
)
