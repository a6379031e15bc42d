package flagger_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// Every verdict on every hook, as CallWebhook takes the answer.
func TestVerdicts(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", over())
	for i, c := range []struct {
		config, side string
		verdict      string
		policy       string
		consent      []string
	}{
		{"shop", live.Better, "PASS", "hold", []string{"rollout", "confirm-traffic-increase", "confirm-promotion"}},
		{"shop", live.Slow, "FAIL", "hold", []string{"rollback"}},
		{"shop", live.Silent, "FAIL", "hold", []string{"rollback"}},
		{"undecided-shop", live.Better, "INCONCLUSIVE", "hold", nil},
		{"shop", live.Broken, "ERROR", "hold", nil},
		{"undecided-shop", live.Better, "INCONCLUSIVE", "promote", []string{"rollout", "confirm-traffic-increase", "confirm-promotion"}},
		{"undecided-shop", live.Better, "INCONCLUSIVE", "rollback", []string{"rollback"}},
		{"shop", live.Broken, "ERROR", "promote", nil},
		{"shop", live.Broken, "ERROR", "rollback", nil},
	} {
		t.Run(fmt.Sprint(c.verdict, " of ", c.side, " ", c.policy), func(t *testing.T) {
			canary := podinfo(fmt.Sprint("revision ", i))
			h := against(s, c.config, c.side, "onInconclusive", c.policy)
			if err := h.call(canary, "start"); err != nil {
				t.Fatal(err)
			}
			if a := ended(t, s); verdictOf(a) != c.verdict {
				t.Fatalf("%v, want %s: %v", verdictOf(a), c.verdict, a)
			}
			wantHooks(t, h, canary, c.consent...)
			for _, path := range []string{"start", "finish"} {
				if err := h.call(canary, path); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			if n := len(analyses(t, s)); n != i+1 {
				t.Errorf("%d analyses after %d revisions", n, i+1)
			}
		})
	}
}

// Before anything is known, traffic may grow and nothing is promoted or rolled
// back; what ends an analysis early, holds.
func TestCancel(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "long", map[string]any{"duration": "1800s", "interval": "60s"})
	h, canary := against(s, "long", live.Better), podinfo("r1")
	// No start hook: the first that needs an analysis starts it.
	if err := h.call(canary, "rollback"); err == nil || !strings.Contains(err.Error(), "there is no analysis of test/podinfo") {
		t.Errorf("rollback: %v", err)
	}
	if err := h.call(canary, "confirm-promotion"); err == nil || !strings.HasPrefix(err.Error(), "no hook started an analysis before, so this one did: INCONCLUSIVE: the first look is due at") {
		t.Errorf("confirm-promotion: %v", err)
	}
	wantHooks(t, h, canary, "rollout", "confirm-traffic-increase")
	id, _ := analyses(t, s)[0]["id"].(string)
	if status, answer := s.Call(http.MethodPost, "/v1/analyses/"+id+":cancel", map[string]any{"reason": "the shop is closed"}); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	wantHooks(t, h, canary)
	if err := h.call(canary, "confirm-promotion"); err == nil || !strings.Contains(err.Error(), "the shop is closed https://judged.example.com/analyses/"+id) {
		t.Errorf("%v", err)
	}
	// A new revision is a new analysis; the next ends it.
	for _, revision := range []string{"r2", "r3"} {
		if err := h.call(podinfo(revision), "start"); err != nil {
			t.Fatal(err)
		}
	}
	if err := controller.CallWebhook(podinfo("r3"), flaggerv1.CanaryPhaseSucceeded, h.webhook("finish")); err != nil {
		t.Error(err)
	}
	var reasons []string
	for _, a := range analyses(t, s) {
		reason, _ := a["cancelReason"].(string)
		reasons = append(reasons, reason)
	}
	if got := strings.Join(reasons, "; "); !strings.HasPrefix(got, "Flagger: the release of test/podinfo promoted; Flagger has a new revision of test/podinfo: checksum ") {
		t.Error(got)
	}
}

// A reason reaches Flagger's error text word for word, however judged refuses.
func TestReasons(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", over())
	fail := against(s, "shop", live.Slow)
	if err := fail.call(podinfo("r1"), "start"); err != nil {
		t.Fatal(err)
	}
	ended(t, s)
	for name, c := range map[string]struct {
		hooks hooks
		path  string
		want  string
	}{
		"a verdict":    {fail, "rollout", "FAIL: "},
		"no config":    {against(s, "none", live.Slow), "start", `"none"`},
		"a bad scope":  {against(s, "shop", `"}`), "start", "a scope value is"},
		"unknown key":  {against(s, "shop", live.Slow, "onInconclusve", "hold"), "rollback", `judged knows no "onInconclusve"`},
		"not a policy": {against(s, "shop", live.Slow, "onInconclusive", "fail"), "confirm-rollout", "say hold, promote or rollback"},
	} {
		canary := podinfo("r1")
		if c.path == "start" {
			canary = podinfo(name)
		}
		err := c.hooks.call(canary, c.path)
		status, text := c.hooks.answer(t, canary, c.path)
		if err == nil || err.Error() != text || status != http.StatusConflict || !strings.Contains(text, c.want) || len(text) > 500 {
			t.Errorf("%s: judged says %d %q, Flagger understands %q; want %q", name, status, text, err, c.want)
		}
	}
	for name, url := range map[string]string{
		"no token":    s.URL,
		"wrong token": strings.Replace(s.Login(), s.Token, "secret-of-another", 1),
	} {
		w := fail.webhook("rollback")
		w.URL = url + "/flagger/rollback"
		err := controller.CallWebhook(podinfo("r1"), flaggerv1.CanaryPhaseProgressing, w)
		if err == nil || strings.Contains(err.Error(), "giving up") || strings.Contains(err.Error(), "secret") || !strings.Contains(strings.ToLower(err.Error()), "token") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What hooks that answered 429 or 5xx would do, which is why none does.
func TestFlaggerLosesReasons(t *testing.T) {
	for status, want := range map[int]string{409: "why", 422: "why", 401: "why", 429: "giving up", 500: "giving up", 503: "giving up", 204: "", 202: "consent"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("why"))
		}))
		err := controller.CallWebhook(podinfo("r1"), flaggerv1.CanaryPhaseProgressing, flaggerv1.CanaryWebhook{URL: s.URL})
		s.Close()
		got := "consent"
		if err != nil {
			got = err.Error()
		}
		if got != want && (want == "" || want == "consent" || !strings.Contains(got, want)) {
			t.Errorf("%d: Flagger makes %q of it, want %q", status, got, want)
		}
	}
}

// A judged that is killed answers no hook, so that a release holds; when it is
// back, the analysis goes on.
func TestKill(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "brief", live.Brief(12))
	h, canary := against(s, "brief", live.Slow), podinfo("r1")
	if err := h.call(canary, "start"); err != nil {
		t.Fatal(err)
	}
	id := analyses(t, s)[0]["id"]
	s.Kill()
	for _, path := range []string{"start", "confirm-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback", "finish"} {
		err := h.call(canary, path)
		if err == nil || strings.Contains(err.Error(), s.Token) {
			t.Errorf("%s while judged is down: %v", path, err)
		}
	}
	s.Restart()
	a := ended(t, s)
	if a["id"] != id || a["state"] != "COMPLETED" || verdictOf(a) != "FAIL" {
		t.Errorf("after the restart: %v", a)
	}
	wantHooks(t, h, canary, "rollback")
}

// An analysis that nobody could take to its end is no PASS.
func TestExpiry(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "brief", live.Brief(3))
	h, canary := against(s, "brief", live.Better, "onInconclusive", "promote"), podinfo("r1")
	status, answer := s.Call(http.MethodPost, "/v1/analyses", map[string]any{
		"stored": "brief", "expireAfter": "0s", "start": time.Now().Add(time.Second).Format(time.RFC3339),
		"labels": map[string]any{"judged.dev/key": "flagger/test/podinfo", "flagger.app/checksum": h.sent(t, canary).Checksum},
		"scopes": map[string]any{"baseline": map[string]any{"variables": map[string]any{"version": live.Good}}, "canary": map[string]any{"variables": map[string]any{"version": live.Better}}},
	})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	s.Kill()
	time.Sleep(6 * time.Second) // until after its last look and its expiry
	s.Restart()
	if a := ended(t, s); a["state"] != "EXPIRED" {
		t.Fatalf("it is %v", a)
	}
	wantHooks(t, h, canary)
}

// The baseline against its own past.
func TestConfirmRollout(t *testing.T) {
	s := live.Start(t, "")
	schedule := over()
	schedule["history"] = "7200s"
	store(t, s, "past", schedule)
	canary := podinfo("r0")
	h := against(s, "past", live.Better)
	if err := h.call(canary, "confirm-rollout"); err == nil || !strings.HasPrefix(err.Error(), "INCONCLUSIVE: the first look is due") {
		t.Errorf("%v", err)
	}
	if a := ended(t, s); verdictOf(a) != "PASS" {
		t.Fatalf("%v: %v", verdictOf(a), a)
	}
	if err := h.call(canary, "confirm-rollout"); err != nil {
		t.Error(err)
	}
	// One whose source is broken is asked again and again.
	h = against(s, "past", live.Better, "cluster", "other")
	h.metadata["baseline.version"] = live.Broken
	for range 2 {
		if err := h.call(canary, "confirm-rollout"); err == nil {
			t.Error("a baseline that nobody could look at is called healthy")
		}
		ended(t, s)
	}
	if n := len(analyses(t, s)); n != 3 {
		t.Errorf("%d analyses, want 3", n)
	}
}

func TestEvent(t *testing.T) {
	s := live.Start(t, "")
	h, canary := against(s, "shop", live.Better), podinfo("r1")
	if err := controller.CallEventWebhook(&canary, h.webhook("event"), "Advance podinfo.test canary weight 10", "Normal"); err != nil {
		t.Fatal(err)
	}
	_, answer := s.Call(http.MethodGet, "/v1/audit", nil)
	if text := fmt.Sprint(answer); !strings.Contains(text, "Advance podinfo.test canary weight 10") || !strings.Contains(text, "test/podinfo") {
		t.Errorf("the event is not in the audit log: %s", text)
	}
}
