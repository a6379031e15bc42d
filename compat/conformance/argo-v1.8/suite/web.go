package suite

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// value is what a measurement of the web provider shows to people.
func value(t *testing.T, m v1alpha1.Measurement) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(m.Value), &v); err != nil {
		t.Fatalf("the value is no JSON object: %q: %v", m.Value, err)
	}
	return v
}

func (h *host) webOnce(t *testing.T) {
	text := at(t, example(t, "web-once.yaml"), h.server)
	for _, c := range []struct {
		config, canary, verdict string
		want                    v1alpha1.AnalysisPhase
	}{
		{"past", live.Better, "PASS", pass},
		{"past", live.Slow, "FAIL", fail},
		{"past", live.Silent, "FAIL", fail},
		{"past", live.Unclear, "INCONCLUSIVE", inconclusive},
		{"past", live.Broken, "ERROR", inconclusive},
		{"nowhere", live.Better, "ERROR", inconclusive},
		{"past", "", "ERROR", inconclusive}, // a hash that Argo did not find
	} {
		run := h.end(t, h.start(t, text, sides(c.config, c.canary)))
		v := value(t, last(run))
		if run.Status.Phase != c.want || v["verdict"] != c.verdict || v["score"] == nil || !strings.HasPrefix(fmt.Sprint(v["summary"]), c.verdict) {
			t.Errorf("%s, %q: %s: %+v, want %s", c.config, c.canary, run.Status.Phase, run.Status, c.want)
		}
		if strings.Contains(last(run).Value, h.server.Token) {
			t.Errorf("%s, %q: the token is shown: %s", c.config, c.canary, last(run).Value)
		}
	}
}

// faster makes a template ask each second instead of each minute.
func faster(t *testing.T, text string) string {
	t.Helper()
	return replaced(t, text, "interval: 1m", "interval: 1s")
}

func (h *host) webLive(t *testing.T) {
	text := faster(t, at(t, example(t, "web-live.yaml"), h.server))
	for _, c := range []struct {
		text, canary string
		want         v1alpha1.AnalysisPhase
	}{
		{text, live.Better, pass},
		{text, live.Slow, fail},
		// It has ended without knowing, and is asked until the count is reached.
		{replaced(t, text, "count: 45", "count: 13", "inconclusiveLimit: 45", "inconclusiveLimit: 13"), live.Unclear, inconclusive},
		// The count is reached before it has ended.
		{replaced(t, text, "count: 45", "count: 2", "inconclusiveLimit: 45", "inconclusiveLimit: 2"), live.Unclear, inconclusive},
	} {
		t.Run(c.canary, func(t *testing.T) {
			t.Parallel()
			run := h.end(t, h.start(t, c.text, withStep(sides("brief", c.canary), t.Name())))
			if run.Status.Phase != c.want {
				t.Errorf("%s: %+v, want %s", run.Status.Phase, run.Status, c.want)
			}
			// One analysis answered them all.
			first := value(t, run.Status.MetricResults[0].Measurements[0])["analysis"]
			if id := value(t, last(run))["analysis"]; id == nil || id != first {
				t.Errorf("the first measurement asked %v, the last one %v", first, id)
			}
		})
	}
}

// What Argo has to try again is an error.
func (h *host) webErrors(t *testing.T) {
	h.secret(t, "wrong", "judged_not_this_one_at_all")
	text := replaced(t, at(t, example(t, "web-once.yaml"), h.server), "name: judged, key: token", "name: wrong, key: token")
	if m := h.failed(t, h.start(t, text, sides("past", live.Better))); !strings.Contains(m.Message, "401") {
		t.Errorf("a wrong token: %+v", m)
	}
	// The method that the provider has by default cannot send a body.
	text = replaced(t, at(t, example(t, "web-once.yaml"), h.server), "method: POST", "method: GET")
	if m := h.failed(t, h.start(t, text, sides("past", live.Better))); m.Message == "" {
		t.Errorf("GET: %+v", m)
	}
}

// A judged that is down is an error that Argo repeats; what it means for the
// rollout is up to consecutiveErrorLimit.
func (h *host) webDown(t *testing.T) {
	s := h.own(t, "down")
	s.Kill()
	text := replaced(t, faster(t, at(t, example(t, "web-live.yaml"), s)), "consecutiveErrorLimit: 30", "consecutiveErrorLimit: 1", "name: judged, key: token", "name: down, key: token")
	run := h.end(t, h.start(t, text, withStep(sides("brief", live.Better), "down")))
	if run.Status.Phase != failure || !strings.Contains(last(run).Message, "connection refused") {
		t.Errorf("%+v", run.Status)
	}
}

// A restart in the middle costs errors, and no verdict.
func (h *host) webRestart(t *testing.T) {
	s := h.own(t, "restart")
	text := replaced(t, faster(t, at(t, example(t, "web-live.yaml"), s)), "name: judged, key: token", "name: restart, key: token")
	run := h.start(t, text, withStep(sides("brief", live.Better), "restart"))
	begun := h.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return last(r).Phase.Completed() })
	s.Kill()
	h.failed(t, run)
	s.Restart()
	run = h.end(t, run)
	if run.Status.Phase != pass || run.Status.MetricResults[0].Error == 0 {
		t.Errorf("%+v", run.Status)
	}
	if was, is := value(t, last(begun))["analysis"], value(t, last(run))["analysis"]; was != is {
		t.Errorf("before the restart it was analysis %v, after it %v", was, is)
	}
}

// An analysis whose looks nobody could take is no PASS.
func (h *host) webExpired(t *testing.T) {
	s := h.own(t, "expired")
	scopes := map[string]any{"baseline": map[string]string{"pod_hash": live.Good}, "canary": map[string]string{"pod_hash": live.Better}}
	_, first := s.Call(http.MethodPost, "/argo/measure", map[string]any{"config": "brief", "key": "expired", "baseline": scopes["baseline"], "canary": scopes["canary"]})
	id, ok := first["analysis"].(string)
	if !ok {
		t.Fatalf("%v", first)
	}
	// The same again, as the key's newest, but nobody waits for it.
	variables := func(side string) map[string]any { return map[string]any{"variables": scopes[side]} }
	status, answer := s.Call(http.MethodPost, "/v1/analyses", map[string]any{
		"stored": "brief", "labels": s.Analysis(id)["labels"], "expireAfter": "0s",
		"scopes": map[string]any{"baseline": variables("baseline"), "canary": variables("canary")},
	})
	newest, ok := answer["analysis"].(map[string]any)
	if !ok {
		t.Fatalf("%d %v", status, answer)
	}
	s.Kill()
	sleepPast(newest["expireTime"])
	s.Restart()
	text := replaced(t, faster(t, at(t, example(t, "web-live.yaml"), s)), "name: judged, key: token", "name: expired, key: token", "count: 45", "count: 5", "inconclusiveLimit: 45", "inconclusiveLimit: 5")
	run := h.end(t, h.start(t, text, withStep(sides("brief", live.Better), "expired")))
	if v := value(t, last(run)); run.Status.Phase == pass || v["analysis"] != newest["id"] || v["state"] != "EXPIRED" || v["verdict"] == "PASS" {
		t.Errorf("%+v", run.Status)
	}
}

// This is no wish: a page in front of judged, with status 200, passes for a
// success whatever the conditions say. The documentation warns of it; when this
// fails, a version no longer does that.
func (h *host) webFailsOpen(t *testing.T) {
	sso := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>log in</html>"))
	}))
	defer sso.Close()
	text := replaced(t, example(t, "web-once.yaml"), "https://judged.example.com", sso.URL)
	if run := h.end(t, h.start(t, text, sides("past", live.Slow))); run.Status.Phase != pass {
		t.Errorf("a page that is no JSON: %+v", run.Status)
	}
}
