package notify

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPush(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	c := s.open(t, Settings{Push: &Push{Server: s.URL, Topic: given("judged-x7"), Token: given("tk_SECRET")}})
	send(t, c, failEvent())
	got := s.only(t)
	if got.URL.Path != "/" || got.Header.Get("Authorization") != "Bearer tk_SECRET" || got.Header.Get("X-Sequence-Id") != "ev-1" {
		t.Errorf("got %s %v", got.URL, got.Header)
	}
	var m ntfyMessage
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ntfyMessage{
		Topic: "judged-x7", Title: "FAIL: checkout", Priority: 4, Tags: []string{"rotating_light"}, Click: "https://judged.example.com/analyses/a-7",
		Message: "latency-p99 is 31 % higher than the baseline.\n\n• latency-p99, +31 % (+24 % to +38 %)\n• errors, +2 %",
	}, m); diff != "" {
		t.Error(diff)
	}
}

func TestPushHostile(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	send(t, s.open(t, Settings{Push: &Push{Server: s.URL, Topic: given("judged-x7")}}), hostileEvent())
	got := s.only(t)
	var m ntfyMessage
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Topic != "judged-x7" || m.Click != "" || strings.ContainsAny(m.Title, "\r\n\u202e\x1b") || strings.ContainsAny(m.Message, "\r\u202e\x1b") || len(m.Message) > maxPush {
		t.Errorf("got %s", got.body)
	}
}

// A push without text shows at least its title.
func TestPushEmpty(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	send(t, s.open(t, Settings{Push: &Push{Server: s.URL, Topic: given("x")}}), Event{ID: "1", Time: eventTime, Type: AnalysisStarted, Config: "checkout"})
	var m ntfyMessage
	if err := json.Unmarshal(s.only(t).body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Title != "Started: checkout" || m.Message != m.Title || m.Priority != 3 {
		t.Errorf("got %+v", m)
	}
}
