package notify

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"

	"github.com/judged-dev/judged/metrics"
)

// Push sends to phones through ntfy (ntfy.sh or one's own server), see
// docs.ntfy.sh/publish.
type Push struct {
	// Server is the server's address; empty: https://ntfy.sh.
	Server string
	// Topic is what phones subscribe to. On a server without accounts whoever
	// knows the topic can read it, so it is a secret.
	Topic metrics.Secret
	// Token is an access token, if the topic needs one.
	Token metrics.Secret
}

const (
	ntfyServer = "https://ntfy.sh"
	// ntfy turns longer messages into attachments. Bytes.
	maxPush      = 4000
	maxPushTitle = 200
)

// pushBody is short: it is read on a locked screen. A tap opens the link.
const pushBody = `{{with .Summary}}{{.}}
{{end}}{{range .Findings}}
• {{.Name}}{{with .Effect}}, {{.}}{{end}}{{end}}`

// ntfyTopic: names that a server accepts.
var ntfyTopic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

type push struct {
	settings Push
	server   *url.URL
	client   *client
	texts    texts[plainText]
}

func newPush(s Settings) (*push, error) {
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	out := &push{settings: *s.Push, client: c}
	if out.texts, err = newTexts[plainText](s.Title, s.Body, defaultTitle, pushBody); err != nil {
		return nil, err
	}
	if out.server, err = parseAddress(cmp.Or(s.Push.Server, ntfyServer)); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	_, err = out.request(Event{})
	return out, err
}

// ntfyMessage is what is posted to the server's root.
type ntfyMessage struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5; 3 is usual, 4 makes more noise
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
}

func (p *push) request(e Event) (request, error) {
	topic, err := readSecret("the topic", p.settings.Topic)
	if err != nil {
		return request{}, err
	}
	if !ntfyTopic.MatchString(topic) {
		return request{}, fmt.Errorf("the topic, %s, is not 1 to 64 letters, digits, - and _", p.settings.Topic)
	}
	title := oneLine[plainText](p.texts.title, e, maxPushTitle)
	m := ntfyMessage{
		Topic: topic, Title: title, Message: cmp.Or(cut(write[plainText](p.texts.body, e), maxPush), title),
		Priority: 3, Click: link(e.URL),
	}
	switch e.Verdict {
	case "FAIL":
		m.Priority, m.Tags = 4, []string{"rotating_light"}
	case "ERROR":
		m.Priority, m.Tags = 4, []string{"warning"}
	case "PASS":
		m.Tags = []string{"white_check_mark"}
	}
	r, err := jsonRequest(p.server, m)
	if err != nil {
		return r, err
	}
	// Since ntfy 2.16 a second message of one sequence replaces the first;
	// older servers ignore the header.
	r.header.Set("X-Sequence-Id", messageID(e))
	r.secrets = append(r.secrets, topic)
	if !p.settings.Token.IsZero() {
		token, err := readSecret("the token", p.settings.Token)
		if err != nil {
			return r, err
		}
		r.header.Set("Authorization", "Bearer "+token)
		r.secrets = append(r.secrets, token)
	}
	return r, nil
}

func (p *push) send(ctx context.Context, e Event) *Error {
	r, err := p.request(e)
	if err != nil {
		return unreadable(err)
	}
	_, failed := p.client.post(ctx, r)
	return failed
}
