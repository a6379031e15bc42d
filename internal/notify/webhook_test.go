package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/metrics"
)

const (
	oldSecret = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZA=="
	newSecret = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldw=="
)

// verify is a receiver that follows the text of the Standard Webhooks
// specification and shares nothing with the sender.
func verify(h http.Header, body []byte, secret string, now time.Time) bool {
	key, err := base64.StdEncoding.DecodeString(strings.Split(secret, "_")[1])
	if err != nil {
		return false
	}
	sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Unix()-sent > 300 || sent-now.Unix() > 300 {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + string(body)))
	for versioned := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		version, signature, _ := strings.Cut(versioned, ",")
		got, err := base64.StdEncoding.DecodeString(signature)
		if version == "v1" && err == nil && hmac.Equal(got, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	c := s.open(t, Settings{Webhook: &Webhook{
		URL: given(s.URL + "/hooks/x?y=z"), Secrets: []metrics.Secret{given(newSecret), given(oldSecret)},
		Headers: map[string]metrics.Secret{"authorization": given("Bearer abc")},
	}})
	if c.Name() != "ops" {
		t.Errorf("the name is %q", c.Name())
	}
	send(t, c, failEvent())
	got := s.only(t)
	if got.Method != http.MethodPost || got.URL.String() != "/hooks/x?y=z" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Authorization") != "Bearer abc" {
		t.Errorf("got %s %s %v", got.Method, got.URL, got.Header)
	}
	if id := got.Header.Get("webhook-id"); id != "ev-1" {
		t.Errorf("the id is %q", id)
	}
	for _, secret := range []string{oldSecret, newSecret} {
		if !verify(got.Header, got.body, secret, sendTime) {
			t.Errorf("the signature with %s is wrong: %v", secret, got.Header)
		}
	}
	// What must not verify: another key, another body, another time, another id.
	if verify(got.Header, got.body, "whsec_"+base64.StdEncoding.EncodeToString([]byte("somebody else's key 12345")), sendTime) ||
		verify(got.Header, append(got.body, ' '), newSecret, sendTime) || verify(got.Header, got.body, newSecret, sendTime.Add(time.Hour)) {
		t.Error("a wrong message verifies")
	}
	changed := got.Header.Clone()
	changed.Set("webhook-id", "ev-2")
	if verify(changed, got.body, newSecret, sendTime) {
		t.Error("another id verifies")
	}
	var payload struct {
		Type      string
		Timestamp time.Time
		Data      Event
	}
	if err := json.Unmarshal(got.body, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.Type != "verdict" || !payload.Timestamp.Equal(eventTime) {
		t.Errorf("got %s", got.body)
	}
	if diff := cmp.Diff(failEvent(), payload.Data); diff != "" {
		t.Error(diff)
	}
}

// The vector of the specification's own example values: key, id, time and body
// as they stand in the reference libraries' documentation; the signature was
// computed with
//
//	printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' |
//	  openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | xxd -p) -binary | base64
func TestSign(t *testing.T) {
	t.Parallel()
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), [][]byte{key})
	if got, want := h.Get("Webhook-Signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWebhookRotation(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	dir := t.TempDir()
	address, secret := filepath.Join(dir, "url"), filepath.Join(dir, "secret")
	put := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(address, s.URL+"/old")
	put(secret, oldSecret)
	c := s.open(t, Settings{Webhook: &Webhook{URL: metrics.Secret{File: address}, Secrets: []metrics.Secret{{File: secret}}}})
	put(address, s.URL+"/new")
	put(secret, newSecret)
	send(t, c, failEvent())
	if got := s.only(t); got.URL.Path != "/new" || !verify(got.Header, got.body, newSecret, sendTime) || verify(got.Header, got.body, oldSecret, sendTime) {
		t.Errorf("got %s %v", got.URL, got.Header)
	}
	// A file that is being replaced is not the end of the message.
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.Send(t.Context(), failEvent()), Temporary, "the signing secret cannot be read", "the secret is read at every send")
}

func TestWebhookHostile(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	c := s.open(t, Settings{Webhook: &Webhook{URL: given(s.URL), Secrets: []metrics.Secret{given(newSecret)}}})
	send(t, c, hostileEvent())
	got := s.only(t)
	if !verify(got.Header, got.body, newSecret, sendTime) || got.URL.Path != "/" || got.Header.Get("Bcc") != "" {
		t.Errorf("got %s %v", got.URL, got.Header)
	}
	var payload struct{ Data Event }
	if err := json.Unmarshal(got.body, &payload); err != nil || payload.Data.Summary != hostile {
		t.Errorf("the text came as %q, %v", payload.Data.Summary, err)
	}
}
