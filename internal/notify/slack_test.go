package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func slackSaid(t *testing.T, body []byte) slackMessage {
	t.Helper()
	var m slackMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSlackWebhook(t *testing.T) {
	t.Parallel()
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	send(t, s.open(t, Settings{Slack: &Slack{WebhookURL: given(s.URL + "/services/T/B/X")}}), failEvent())
	got := s.only(t)
	if got.URL.Path != "/services/T/B/X" || got.Header.Get("Authorization") != "" || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("got %s %v", got.URL, got.Header)
	}
	m := slackSaid(t, got.body)
	if m.Text != "FAIL: checkout" || m.Channel != "" || m.Metadata != nil || len(m.Blocks) != 2 || m.Blocks[0].Text.Text != "*FAIL: checkout*" {
		t.Errorf("got %s", got.body)
	}
	want := `latency-p99 is 31 % higher than the baseline.

• latency-p99: high, +31 % (+24 % to +38 %)
• errors: high, +2 %
• and 3 more

Canary: version=v1.9.0
Baseline: version=v1.8.2
Judged: 2026-03-02 13:05 UTC to 2026-03-02 14:05 UTC

<https://judged.example.com/analyses/a-7|Open the analysis>`
	if m.Blocks[1].Text.Text != want {
		t.Errorf("got\n%s\nwant\n%s", m.Blocks[1].Text.Text, want)
	}
}

func TestSlackBot(t *testing.T) {
	t.Parallel()
	answer := `{"ok":true,"ts":"1.2"}`
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
	c := s.open(t, Settings{Slack: &Slack{Token: given("xoxb-SECRET"), Channel: "C123", APIURL: s.URL + "/api"}})
	send(t, c, failEvent())
	got := s.only(t)
	if got.URL.Path != "/api/chat.postMessage" || got.Header.Get("Authorization") != "Bearer xoxb-SECRET" {
		t.Errorf("got %s %v", got.URL, got.Header)
	}
	if m := slackSaid(t, got.body); m.Channel != "C123" || m.Metadata == nil || m.Metadata.EventPayload["id"] != "ev-1" {
		t.Errorf("got %s", got.body)
	}
	for _, test := range []struct {
		answer string
		reason Reason
		want   string
	}{
		{`{"ok":false,"error":"not_in_channel"}`, Permanent, "refused the message: not_in_channel (invite the bot"},
		{`{"ok":false,"error":"ratelimited"}`, Throttled, "ratelimited"},
		{`{"ok":false,"error":"internal_error"}`, Temporary, "internal_error"},
		{`{"ok":false,"error":"a\u202e\n"}`, Permanent, "a\ufffd"},
		{`{}`, Permanent, "refused"},
		{`<html>login</html>`, Temporary, "other than Slack's JSON"},
	} {
		answer = test.answer
		wantError(t, c.Send(t.Context(), failEvent()), test.reason, test.want)
	}
}

func TestSlackThrottled(t *testing.T) {
	t.Parallel()
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "12")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	c := s.open(t, Settings{Slack: &Slack{WebhookURL: given(s.URL)}})
	if failed := wantError(t, c.Send(t.Context(), failEvent()), Throttled); failed.RetryAfter != 12*time.Second {
		t.Errorf("got %s", failed.RetryAfter)
	}
}

// Nothing of an event is a mention, a link or a command of Slack: what Slack
// reads as one starts with <, and the only ones are ours.
func TestSlackHostile(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	send(t, s.open(t, Settings{
		Title: "{{.Application}} {{upper .Config}}",
		Body:  `{{.Summary}} {{join .Reasons "; "}} {{truncate 20 .Summary}} {{.Findings}} {{.Reasons}} {{.Canary}} {{range .Reasons}}{{truncate 8 .}}{{end}} {{with .URL}}<{{.}}|x>{{end}}`,
		Slack: &Slack{WebhookURL: given(s.URL)},
	}), hostileEvent())
	m := slackSaid(t, s.only(t).body)
	for _, text := range []string{m.Text, m.Blocks[0].Text.Text, m.Blocks[1].Text.Text} {
		if strings.ContainsAny(text, "<>\x00\x1b\r\u202e") || strings.Contains(strings.ReplaceAll(text, "&amp;", ""), "& ") {
			t.Errorf("got %q", text)
		}
		if !strings.Contains(text, "&lt;!") {
			t.Errorf("the text is gone: %q", text)
		}
	}
	if !m.Blocks[1].Text.Verbatim || m.UnfurlLinks {
		t.Error("Slack may make links of its own")
	}
}
