package suite

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/config"
	"github.com/argoproj/argo-rollouts/utils/defaults"
	hostplugin "github.com/argoproj/argo-rollouts/utils/plugin"
	goplugin "github.com/hashicorp/go-plugin"
	corev1 "k8s.io/api/core/v1"
	k8serrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// installPlugin lets the controller take the plugin as at its start: from a volume
// first, then by a download, which is what the tests run.
func (h *host) installPlugin(t *testing.T, program string) {
	t.Helper()
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	artifacts := httptest.NewServer(http.FileServerFS(os.DirFS(filepath.Dir(program))))
	defer artifacts.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(h.server.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(binary)
	const location, checksum = "https://artifacts.example.com/judged-argo-plugin", "      sha256: 0000000000000000000000000000000000000000000000000000000000000000\n"
	text := replaced(t, at(t, example(t, "plugin-config.yaml"), h.server), "/var/run/secrets/judged/token", token)
	h.takePlugin(t, replaced(t, text, location, "file://"+program, checksum, ""))
	h.takePlugin(t, replaced(t, text, location, artifacts.URL+"/"+filepath.Base(program), strings.Repeat("0", 64), hex.EncodeToString(sum[:])))
	t.Cleanup(goplugin.CleanupClients) // ends the process, as the controller does
}

// takePlugin reads a ConfigMap and takes the plugins that it names.
func (h *host) takePlugin(t *testing.T, text string) {
	t.Helper()
	settings := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict([]byte(text), settings); err != nil {
		t.Fatal(err)
	}
	if settings.Namespace != defaults.Namespace() {
		t.Fatalf("the ConfigMap is for %s, the controller runs in %s", settings.Namespace, defaults.Namespace())
	}
	maps := h.kube.CoreV1().ConfigMaps(settings.Namespace)
	_, err := maps.Create(t.Context(), settings, metav1.CreateOptions{})
	if k8serrors.IsAlreadyExists(err) {
		_, err = maps.Update(t.Context(), settings, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.InitializeConfig(h.kube, settings.Name); err != nil {
		t.Fatal(err)
	}
	if err := hostplugin.DownloadPlugins(hostplugin.FileDownloaderImpl{}, h.kube); err != nil {
		t.Fatal(err)
	}
}

func (h *host) plugin(t *testing.T) {
	text := example(t, "plugin.yaml")
	for _, c := range []struct {
		canary, verdict string
		want            v1alpha1.AnalysisPhase
	}{
		{live.Better, "PASS", pass}, {live.Slow, "FAIL", fail}, {live.Unclear, "INCONCLUSIVE", inconclusive},
	} {
		t.Run(c.canary, func(t *testing.T) {
			t.Parallel()
			run := h.start(t, text, sides("brief", c.canary))
			// It says how far it is.
			h.until(t, run, func(r *v1alpha1.AnalysisRun) bool {
				m := last(r)
				return m.Phase.Completed() || m.Phase == v1alpha1.AnalysisPhaseRunning && strings.Contains(m.Message, "look") && m.ResumeAt != nil
			})
			run = h.end(t, run)
			m := last(run)
			if run.Status.Phase != c.want || m.Value != c.verdict || !strings.HasPrefix(m.Message, c.verdict) || len(run.Status.MetricResults[0].Measurements) != 1 {
				t.Errorf("%+v, want %s", run.Status, c.want)
			}
			id := m.Metadata["judgedAnalysis"]
			if m.Metadata["judgedReport"] != "https://judged.example.com/analyses/"+id || m.Metadata["judgedScore"] == "" || m.Metadata["judgedLook"] == "" {
				t.Errorf("the metadata are %v", m.Metadata)
			}
			if about := run.Status.MetricResults[0].Metadata; about["config"] != "brief" {
				t.Errorf("the metric's metadata are %v", about)
			}
			j, _ := h.server.Analysis(id)["judgment"].(map[string]any)
			if j["summary"] != m.Message {
				t.Errorf("judged says %v, the measurement %q", j["summary"], m.Message)
			}
		})
	}
	t.Run("past", func(t *testing.T) {
		t.Parallel()
		text := replaced(t, text, "judged-dev/judged:\n", "judged-dev/judged:\n            window: 30m\n")
		if run := h.end(t, h.start(t, text, sides("past", live.Slow))); run.Status.Phase != fail {
			t.Errorf("%+v", run.Status)
		}
		// The source's error is judged's verdict, and Argo tries again.
		if m := h.failed(t, h.start(t, text, sides("past", live.Broken))); m.Value != "ERROR" || !strings.Contains(m.Message, "broken") {
			t.Errorf("%+v", m)
		}
	})
}

// An aborted rollout cancels what nobody waits for any more.
func (h *host) pluginTerminate(t *testing.T) {
	s := h.server
	run := h.start(t, example(t, "plugin.yaml"), sides("brief", live.Better))
	// After a resumption, for the controller to have seen the measurement: a run that
	// is terminated before it has any is Successful, whatever the provider.
	begun := h.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return strings.Contains(last(r).Message, "so far") })
	h.terminate(t, run.Name)
	run = h.end(t, run)
	if !h.version.Terminates {
		// This is no wish, either: the documentation says so.
		if run.Status.Phase != pass || last(run).FinishedAt != nil {
			t.Errorf("%+v", run.Status)
		}
		return
	}
	if m := last(run); run.Status.Phase != inconclusive || m.FinishedAt == nil {
		t.Errorf("%+v", run.Status)
	}
	a := s.Analysis(last(begun).Metadata["judgedAnalysis"])
	if a["state"] != "CANCELED" || !strings.Contains(fmt.Sprint(a["cancelReason"]), namespace+"/"+run.Name) {
		t.Errorf("judged has %v: %v", a["state"], a["cancelReason"])
	}
}

// own points the plugin to another judged, with its token.
func ownPlugin(t *testing.T, s *live.Server, more string) string {
	t.Helper()
	return replaced(t, example(t, "plugin.yaml"), "judged-dev/judged:\n", "judged-dev/judged:\n            url: "+s.URL+"\n            token: "+s.Token+"\n"+more)
}

func (h *host) pluginRestart(t *testing.T) {
	s := h.own(t, "plugin")
	run := h.start(t, ownPlugin(t, s, ""), sides("brief", live.Better))
	h.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return last(r).Metadata["judgedAnalysis"] != "" })
	s.Kill()
	h.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return strings.Contains(last(r).Message, "connection refused") })
	s.Restart()
	run = h.end(t, run)
	if m := last(run); run.Status.Phase != pass || len(run.Status.MetricResults[0].Measurements) != 1 || m.Metadata["judgedTroubleSince"] != "" {
		t.Errorf("%+v", run.Status)
	}
}

func (h *host) pluginDown(t *testing.T) {
	s := h.own(t, "away")
	s.Kill()
	m := h.failed(t, h.start(t, ownPlugin(t, s, "            patience: 2s\n"), sides("brief", live.Better)))
	if !strings.Contains(m.Message, "gave up after") || !strings.Contains(m.Message, "connection refused") || strings.Contains(m.Message, s.Token) {
		t.Errorf("%+v", m)
	}
}

func (h *host) pluginErrors(t *testing.T) {
	m := h.failed(t, h.start(t, example(t, "plugin.yaml"), sides("nowhere", live.Better)))
	if !strings.Contains(m.Message, "nowhere") || !strings.Contains(m.Message, "404") {
		t.Errorf("an unknown config: %+v", m)
	}
	text := replaced(t, example(t, "plugin.yaml"), `config: "{{args.config}}"`, `cofnig: "{{args.config}}"`)
	if m := h.failed(t, h.start(t, text, sides("brief", live.Better))); !strings.Contains(m.Message, `unknown field "cofnig"`) {
		t.Errorf("a misspelt field: %+v", m)
	}
}
