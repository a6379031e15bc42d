package flagger_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

func TestMain(m *testing.M) { os.Exit(live.Main(m)) }

// over is a schedule whose half hour is over when the analysis starts, so that one
// look decides at once.
func over() map[string]any {
	schedule := live.Past()
	schedule["start"] = time.Now().Add(-time.Hour).Truncate(time.Minute).Format(time.RFC3339)
	return schedule
}

// store stores live.Config, and with the name undecided- before its own a config that
// decides INCONCLUSIVE whatever the data say: no data do so for sure.
func store(t *testing.T, s *live.Server, name string, schedule map[string]any) {
	t.Helper()
	for _, decision := range []map[string]any{{}, {"inconclusive": "true"}} {
		config := live.Config(name, schedule)
		metrics, _ := config["metrics"].([]any)
		for _, m := range metrics {
			metric, _ := m.(map[string]any)
			metric["margin"], metric["tolerance"] = map[string]any{"relative": 0.05}, map[string]any{"relative": 0.05}
		}
		if len(decision) > 0 {
			config["name"], config["decision"] = "undecided-"+name, decision
		}
		s.Store(config)
	}
}

// podinfo is a Canary of one revision, of which Flagger makes the checksum.
func podinfo(revision string) flaggerv1.Canary {
	return flaggerv1.Canary{
		ObjectMeta: metav1.ObjectMeta{Name: "podinfo", Namespace: "test"},
		Status:     flaggerv1.CanaryStatus{Phase: flaggerv1.CanaryPhaseProgressing, LastAppliedSpec: revision},
	}
}

// hooks are judged's, as Flagger is told of them.
type hooks struct {
	*live.Server

	metadata map[string]string
}

// against compares live.Good with a side.
func against(s *live.Server, config, side string, more ...string) hooks {
	h := hooks{s, map[string]string{"config": config, "baseline.version": live.Good, "canary.version": side}}
	for i := 0; i+1 < len(more); i += 2 {
		h.metadata[more[i]] = more[i+1]
	}
	return h
}

func (h hooks) webhook(path string) flaggerv1.CanaryWebhook {
	return flaggerv1.CanaryWebhook{Name: path, URL: h.Login() + "/flagger/" + path, Timeout: "5s", Metadata: &h.metadata}
}

// call calls a hook with Flagger's own code and returns what it makes of the
// answer.
func (h hooks) call(c flaggerv1.Canary, path string) error {
	return controller.CallWebhook(c, flaggerv1.CanaryPhaseProgressing, h.webhook(path))
}

// sent returns what Flagger sends.
func (h hooks) sent(t *testing.T, c flaggerv1.Canary) flaggerv1.CanaryWebhookPayload {
	t.Helper()
	var got flaggerv1.CanaryWebhookPayload
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	w := h.webhook("start")
	w.URL = s.URL
	if err := controller.CallWebhook(c, flaggerv1.CanaryPhaseProgressing, w); err != nil {
		t.Fatal(err)
	}
	return got
}

// answer is what judged says to what Flagger sends.
func (h hooks) answer(t *testing.T, c flaggerv1.Canary, path string) (int, string) {
	t.Helper()
	body, err := json.Marshal(h.sent(t, c))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(h.Login()+"/flagger/"+path, "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// analyses returns the analyses of a judged, newest first.
func analyses(t *testing.T, s *live.Server) []map[string]any {
	t.Helper()
	status, answer := s.Call(http.MethodGet, "/v1/analyses", nil)
	if status != http.StatusOK {
		t.Fatalf("list analyses: %d %v", status, answer)
	}
	list, _ := answer["analyses"].([]any)
	all := make([]map[string]any, len(list))
	for i, a := range list {
		all[i], _ = a.(map[string]any)
	}
	return all
}

// ended returns the newest analysis when it has ended.
func ended(t *testing.T, s *live.Server) map[string]any {
	t.Helper()
	for range 1200 {
		all := analyses(t, s)
		if len(all) == 0 {
			t.Fatal("there is no analysis")
		}
		switch all[0]["state"] {
		case "PENDING", "RUNNING":
			time.Sleep(50 * time.Millisecond)
		default:
			return all[0]
		}
	}
	t.Fatal("the analysis has not ended within a minute")
	return nil
}

func verdictOf(a map[string]any) any {
	j, _ := a["judgment"].(map[string]any)
	return j["verdict"]
}

// wantHooks fails unless Flagger takes the answers of exactly these hooks for
// consent.
func wantHooks(t *testing.T, h hooks, c flaggerv1.Canary, consent ...string) {
	t.Helper()
	for _, path := range []string{"rollout", "confirm-traffic-increase", "confirm-promotion", "rollback"} {
		want := false
		for _, one := range consent {
			want = want || one == path
		}
		if err := h.call(c, path); (err == nil) != want {
			t.Errorf("%s: consent is %v, want %v: %v", path, err == nil, want, err)
		}
	}
}
