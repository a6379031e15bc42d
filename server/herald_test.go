package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// sink is a receiver of webhooks.
type sink struct {
	*httptest.Server

	mu       sync.Mutex
	status   int
	header   http.Header
	received []received
	refused  int
}

type received struct {
	id    string // of the message
	event notify.Event
}

func newSink(t testing.TB) *sink {
	t.Helper()
	s := &sink{status: http.StatusNoContent}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var message struct{ Data notify.Event }
		if err != nil || json.Unmarshal(text, &message) != nil || r.Header.Get("Webhook-Signature") == "" {
			t.Errorf("a webhook is %q (%v) with %v", text, err, r.Header)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		maps.Copy(w.Header(), s.header)
		w.WriteHeader(s.status)
		if s.status >= 300 {
			s.refused++
			return
		}
		s.received = append(s.received, received{r.Header.Get("Webhook-Id"), message.Data})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) answer(status int, header http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.header = status, header
}

func (s *sink) turnedAway() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// heard returns the events, each as "type verdict".
func (s *sink) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.received {
		all = append(all, strings.TrimSpace(fmt.Sprint(r.event.Type, " ", r.event.Verdict)))
	}
	return all
}

func (s *sink) channel(t testing.TB, name string) notify.Channel {
	t.Helper()
	c, err := notify.Open(notify.Settings{Name: name, Webhook: &notify.Webhook{URL: metrics.Secret{Value: s.URL}, Secrets: []metrics.Secret{{Value: signing}}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (i *instance) deliveries(t testing.TB, dead bool) []*judgedv1.Delivery {
	t.Helper()
	list, err := i.admin().ListDeliveries(t.Context(), connect.NewRequest(&judgedv1.ListDeliveriesRequest{Dead: dead}))
	if err != nil {
		t.Fatal(err)
	}
	return list.Msg.GetDeliveries()
}

// Every event reaches the channels that its routes name, each once.
func TestNotifications(t *testing.T) {
	t.Parallel()
	all, pager := newSink(t), newSink(t)
	i, _ := ticking(t, &shop{}, server.Options{Notifications: server.Notifications{
		Address:  "https://judged.example.com",
		Channels: map[string]notify.Channel{"all": all.channel(t, "all"), "pager": pager.channel(t, "pager")},
		Routes: []server.NotificationRoute{
			route(t, "everything", "", "all"),
			route(t, "bad ends", "event.type == 'verdict' && event.verdict == 'FAIL' && event.application == 'shop'", "pager", "all"),
		},
	}})
	bad := liveConfig("v2-slow", nil)
	bad.Application = "shop"
	a := i.last(t, i.begin(t, inline(bad)).GetId())
	good := i.last(t, i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.LookEvery = c.GetSchedule().GetDuration() }))).GetId())
	later := i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()
	if _, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: later, Reason: "rolled back"})); err != nil {
		t.Fatal(err)
	}
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("c")})); err != nil {
		t.Fatal(err)
	}
	if _, err := i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: liveConfig("x", func(c *judgedv1.CanaryConfig) { c.Name = "c" }), ExpectedRevision: 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := i.configs.DeleteConfig(t.Context(), connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "c"})); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is delivered", func() bool { return len(i.deliveries(t, false)) == 0 })
	want := map[string]int{}
	for _, id := range []string{a.GetId(), good.GetId(), later} {
		want["analysis.started"]++
		for n, look := range i.looks(t, id) {
			kind := "look "
			if n+1 == int(i.get(t, id).GetLooks()) && id != later {
				kind = "verdict "
			}
			want[kind+look.GetVerdict().String()]++
		}
	}
	got := map[string]int{}
	for _, e := range all.heard() {
		if strings.HasPrefix(e, "analysis.canceled") {
			e = "analysis.canceled"
		}
		got[e]++
	}
	want["analysis.canceled"], want["config.changed"] = 1, 3
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	if got := pager.heard(); !slices.Equal(got, []string{"verdict FAIL"}) {
		t.Errorf("the pager heard %v", got)
	}
	seen := map[string]bool{}
	for _, r := range append(slices.Clone(all.received), pager.received...) {
		if key := r.id + fmt.Sprint(r.event.Type); seen[key] && r.event.Application != "shop" {
			t.Errorf("message %s came twice", r.id)
		} else {
			seen[key] = true
		}
		if e := r.event; e.Type == notify.Verdict && (!strings.HasPrefix(e.URL, "https://judged.example.com/analyses/") || e.Summary == "") {
			t.Errorf("the event is %+v", e)
		}
		if e := r.event; e.Type == notify.AnalysisCanceled && !slices.Contains(e.Reasons, "rolled back") {
			t.Errorf("the event of the cancel is %+v", e)
		}
	}
}

// What could not be delivered is delivered when the sink is back, also by the
// process after this one.
func TestDeliveryAfterAnOutage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "judged.db")
	s := newSink(t)
	s.answer(http.StatusServiceUnavailable, nil)
	o := server.Options{Notifications: server.Notifications{
		Channels: map[string]notify.Channel{"chat": s.channel(t, "chat")}, Routes: []server.NotificationRoute{route(t, "ends", "event.type == 'verdict'", "chat")},
	}}
	o.DeliverAfter(20*time.Millisecond, 10000)
	o.Store = opened(t, path)
	i, _ := ticking(t, &shop{}, o)
	id := i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()
	i.last(t, id)
	eventually(t, "it was tried more than once", func() bool { return s.turnedAway() > 1 })
	waiting := i.deliveries(t, false)
	if len(waiting) != 1 || waiting[0].GetDead() || waiting[0].GetChannel() != "chat" || waiting[0].GetEvent() != "verdict" || waiting[0].GetAnalysis() != id {
		t.Fatalf("what waits: %v", waiting)
	}
	if err := errors.Join(i.stop(), o.Store.Close()); err != nil {
		t.Fatal(err)
	}
	s.answer(http.StatusNoContent, nil)
	o.Store = opened(t, path)
	i, _ = ticking(t, &shop{}, o)
	t.Cleanup(func() { _ = i.stop(); _ = o.Store.Close() })
	eventually(t, "it is delivered", func() bool { return len(i.deliveries(t, false)) == 0 })
	if got := s.heard(); !slices.Equal(got, []string{"verdict FAIL"}) {
		t.Errorf("heard %v", got)
	}
}

// What a receiver refuses for good is listed until somebody sends it again or
// drops it.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := newSink(t)
	s.answer(http.StatusGone, nil)
	// The longest names that the settings allow.
	channel := strings.Repeat("c", 63)
	tenant := strings.Repeat("t", 63)
	hired := hire(t, nil, "ann@"+tenant, "bob@other")
	o := server.Options{Authenticator: hired.authenticator, Notifications: server.Notifications{
		Channels: map[string]notify.Channel{channel: s.channel(t, channel)}, Routes: []server.NotificationRoute{route(t, "changes", "event.type == 'config.changed'", channel)},
	}}
	i := start(t, o)
	ann, bob := i.as(hired.tokens["ann@"+tenant]), i.as(hired.tokens["bob@other"])
	for n := range 3 {
		if _, err := ann.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig(fmt.Sprint(strings.Repeat("n", 62), n))})); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are given up", func() bool { return len(ann.deliveries(t, true)) == 3 })
	dead := ann.deliveries(t, true)
	for _, d := range dead {
		if d.GetAttempts() != 1 || d.GetNextTime() != nil || !strings.Contains(d.GetError(), "410") || strings.Contains(d.GetError(), "whsec") {
			t.Errorf("a dead letter: %v", d)
		}
	}
	if got := bob.deliveries(t, false); len(got) != 0 {
		t.Errorf("another tenant sees %v", got)
	}
	retry := func(at *instance, id string) error {
		_, err := at.admin().RetryDelivery(t.Context(), connect.NewRequest(&judgedv1.RetryDeliveryRequest{Id: id}))
		return err
	}
	drop := func(at *instance, id string) error {
		_, err := at.admin().DropDelivery(t.Context(), connect.NewRequest(&judgedv1.DropDeliveryRequest{Id: id}))
		return err
	}
	wantCode(t, retry(bob, dead[0].GetId()), connect.CodeNotFound)
	wantCode(t, drop(bob, dead[0].GetId()), connect.CodeNotFound)
	if err := drop(ann, dead[0].GetId()); err != nil {
		t.Error(err)
	}
	wantCode(t, drop(ann, dead[0].GetId()), connect.CodeNotFound, "it was delivered or dropped")
	if err := retry(ann, dead[1].GetId()); err != nil {
		t.Error(err)
	}
	eventually(t, "it was refused again", func() bool { return s.turnedAway() == 4 && len(ann.deliveries(t, true)) == 2 })
	s.answer(http.StatusNoContent, nil)
	for _, d := range dead[1:] {
		if err := retry(ann, d.GetId()); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "all are delivered", func() bool { return len(ann.deliveries(t, false)) == 0 })
	if got := s.heard(); !slices.Equal(got, []string{"config.changed", "config.changed"}) {
		t.Errorf("heard %v", got)
	}
	wantCode(t, retry(ann, dead[1].GetId()), connect.CodeNotFound)
}

// A receiver that asks for time gets it.
func TestDeliveryThrottled(t *testing.T) {
	t.Parallel()
	s := newSink(t)
	s.answer(http.StatusTooManyRequests, http.Header{"Retry-After": {"3600"}})
	o := server.Options{Notifications: server.Notifications{
		Channels: map[string]notify.Channel{"chat": s.channel(t, "chat")}, Routes: []server.NotificationRoute{route(t, "changes", "", "chat")},
	}}
	o.DeliverAfter(time.Millisecond, 10000)
	i := start(t, o)
	begin := time.Now()
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("c")})); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is put off", func() bool {
		d := i.deliveries(t, false)
		return len(d) == 1 && d[0].GetNextTime().AsTime().After(begin.Add(50*time.Minute)) && !d[0].GetDead()
	})
}
