package live_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

func TestMain(m *testing.M) { os.Exit(live.Main(m)) }

// Each side must give the verdict that tests take it for.
func TestSidesGiveTheirVerdicts(t *testing.T) {
	s := live.Start(t, "")
	s.Store(live.Config("shop", live.Past()))
	end := time.Now().Truncate(time.Minute)
	for side, want := range map[string]string{
		live.Better: "PASS", live.Slow: "FAIL", live.Unclear: "INCONCLUSIVE", live.Silent: "FAIL", live.Broken: "ERROR",
	} {
		_, answer := s.Call(http.MethodPost, "/v1/analyses", map[string]any{
			"stored": "shop", "scopes": scopes(side),
			"window": map[string]any{"start": end.Add(-30 * time.Minute).Format(time.RFC3339), "end": end.Format(time.RFC3339)},
		})
		a := ended(t, s, answer)
		if j, _ := a["judgment"].(map[string]any); j["verdict"] != want {
			t.Errorf("%s: %v, want %s: %v", side, j["verdict"], want, a)
		}
	}
}

// A judged that was killed goes on where it was.
func TestRestart(t *testing.T) {
	s := live.Start(t, "")
	s.Store(live.Config("shop", live.Brief(10)))
	_, answer := s.Call(http.MethodPost, "/v1/analyses", map[string]any{"stored": "shop", "scopes": scopes(live.Better)})
	s.Kill()
	s.Restart()
	a := ended(t, s, answer)
	if j, _ := a["judgment"].(map[string]any); a["state"] != "COMPLETED" || j["verdict"] != "PASS" {
		t.Errorf("after a restart it is %v", a)
	}
}

func scopes(side string) map[string]any {
	return map[string]any{"baseline": map[string]any{"variables": map[string]any{"version": live.Good}}, "canary": map[string]any{"variables": map[string]any{"version": side}}}
}

// ended returns the started analysis when it has ended.
func ended(t *testing.T, s *live.Server, answer map[string]any) map[string]any {
	t.Helper()
	a, ok := answer["analysis"].(map[string]any)
	if !ok {
		t.Fatalf("not started: %v", answer)
	}
	id, _ := a["id"].(string)
	for range 600 {
		switch a = s.Analysis(id); a["state"] {
		case "PENDING", "RUNNING":
			time.Sleep(50 * time.Millisecond)
		default:
			return a
		}
	}
	t.Fatalf("analysis %s has not ended: %v", id, a)
	return nil
}
