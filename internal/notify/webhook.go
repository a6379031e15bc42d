package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Webhook posts events as JSON, signed as the Standard Webhooks specification
// says (github.com/standard-webhooks/standard-webhooks, spec version 1.0.0).
type Webhook struct {
	// URL is where to post; it may be a secret.
	URL metrics.Secret
	// Secrets sign the message, each with a signature of its own: to change
	// the secret, add the new one, let the receiver take it, drop the old one.
	// A secret is 24 to 64 bytes in base64, usually with whsec_ before it.
	Secrets []metrics.Secret
	// Headers are sent with every request.
	Headers map[string]metrics.Secret
}

const (
	maxWebhookSecrets = 5
	// Key sizes of the specification, in bytes.
	minWebhookKey, maxWebhookKey = 24, 64
)

type webhook struct {
	settings Webhook
	client   *client
	now      func() time.Time
}

func newWebhook(s Settings) (*webhook, error) {
	if s.Title != "" || s.Body != "" {
		return nil, errors.New("its format is fixed: leave out title and body")
	}
	if n := len(s.Webhook.Secrets); n == 0 || n > maxWebhookSecrets {
		return nil, fmt.Errorf("it has %d secrets to sign with; it needs 1 to %d, so that the receiver can tell judged from others", n, maxWebhookSecrets)
	}
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	w := &webhook{settings: *s.Webhook, client: c, now: s.Now}
	_, _, err = w.read()
	return w, err
}

// read fetches the address, the headers and the keys from their places.
func (w *webhook) read() (r request, keys [][]byte, err error) {
	if r.address, err = readAddress("the url", w.settings.URL); err != nil {
		return r, nil, err
	}
	if r.header, r.secrets, err = headers(w.settings.Headers).read(); err != nil {
		return r, nil, err
	}
	for _, s := range w.settings.Secrets {
		text, err := readSecret("the signing secret", s)
		if err != nil {
			return r, nil, err
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil || len(key) < minWebhookKey || len(key) > maxWebhookKey {
			return r, nil, fmt.Errorf("the signing secret, %s, is not %d to %d bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)", s, minWebhookKey, maxWebhookKey)
		}
		keys = append(keys, key)
		r.secrets = append(r.secrets, text)
	}
	return r, keys, nil
}

func (w *webhook) send(ctx context.Context, e Event) *Error {
	r, keys, err := w.read()
	if err != nil {
		return unreadable(err)
	}
	r.body, err = json.Marshal(struct {
		Type      Type      `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      Event     `json:"data"`
	}{e.Type, e.Time, e})
	if err != nil {
		return &Error{Reason: Permanent, Err: err}
	}
	sign(r.header, messageID(e), w.now(), r.body, keys)
	_, failed := w.client.post(ctx, r)
	return failed
}

// sign sets the headers of the specification: one signature a key over
// id.timestamp.body.
func sign(h http.Header, id string, at time.Time, body []byte, keys [][]byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("Content-Type", "application/json")
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}
