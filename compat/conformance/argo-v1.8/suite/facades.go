package suite

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// sleepPast returns when a moment of the API's JSON is past.
func sleepPast(moment any) {
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(moment)); err == nil {
		time.Sleep(time.Until(at) + 200*time.Millisecond)
	}
}

// storeKayenta stores Kayenta's config of the template: four metrics that weigh the
// same, so that each that is worse takes 25 from the score.
func storeKayenta(t *testing.T, s *live.Server) {
	t.Helper()
	var all []any
	for i := range 4 {
		all = append(all, map[string]any{
			"name": fmt.Sprint("part ", i+1), "groups": []string{"parts"}, "scopeName": "default",
			"query":                  map[string]any{"type": "prometheus", "customInlineTemplate": "PromQL:" + live.Part(i+1, "${scope}")},
			"analysisConfigurations": map[string]any{"canary": map[string]any{"direction": "increase"}},
		})
	}
	status, answer := s.Call(http.MethodPost, "/kayenta/canaryConfig", map[string]any{
		"name": "checkout", "configVersion": "1", "applications": []string{"checkout"}, "metrics": all, "templates": map[string]any{},
		"judge":      map[string]any{"name": "NetflixACAJudge-v1.0", "judgeConfigurations": map[string]any{}},
		"classifier": map[string]any{"groupWeights": map[string]any{"parts": 100}},
	})
	if status != http.StatusOK {
		t.Fatalf("store Kayenta's config: %d %v", status, answer)
	}
}

// kayentaAt points the template to a judged.
func (h *host) kayentaAt(t *testing.T, s *live.Server) string {
	t.Helper()
	text := replaced(t, example(t, "kayenta.yaml"), "https://judged:{{args.judged-token}}@judged.example.com", "http://judged:{{args.judged-token}}@"+s.Address)
	if !h.version.KayentaWindow {
		now := time.Now().UTC()
		text = replaced(t, text, `start: "", end: ""`, fmt.Sprintf("start: %q, end: %q", now.Add(-30*time.Minute).Format(time.RFC3339), now.Format(time.RFC3339)))
	}
	return text
}

// hashes are the arguments of the template, which has its config in it.
func hashes(canary string) map[string]string {
	return map[string]string{"baseline-hash": live.Good, "canary-hash": canary}
}

// Every verdict, with the score exactly at each threshold (75 and 50), above and
// below.
func (h *host) kayenta(t *testing.T) {
	storeKayenta(t, h.server)
	text := h.kayentaAt(t, h.server)
	for worse, c := range []struct {
		score string
		want  v1alpha1.AnalysisPhase
	}{{"100", pass}, {"75", pass}, {"50", inconclusive}, {"25", fail}, {"0", fail}} {
		t.Run(c.score, func(t *testing.T) {
			t.Parallel()
			run := h.end(t, h.start(t, text, hashes(live.SlowIn(worse))))
			if m := last(run); run.Status.Phase != c.want || m.Value != c.score || m.Metadata["canaryExecutionId"] == "" {
				t.Errorf("%+v, want %s with a score of %s", run.Status, c.want, c.score)
			}
		})
	}
	t.Run("no score at all", func(t *testing.T) {
		t.Parallel()
		m := h.failed(t, h.start(t, text, hashes(live.Broken)))
		if !strings.Contains(m.Message, "Missing Score") {
			t.Errorf("%+v", m)
		}
	})
}

// The provider asks after 15 s: judged may have been restarted by then.
func (h *host) kayentaRestart(t *testing.T) {
	s := h.own(t, "kayenta")
	storeKayenta(t, s)
	run := h.start(t, replaced(t, h.kayentaAt(t, s), "name: judged, key: token", "name: kayenta, key: token"), hashes(live.SlowIn(2)))
	h.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return last(r).Metadata["canaryExecutionId"] != "" })
	s.Kill()
	s.Restart()
	if run = h.end(t, run); run.Status.Phase != inconclusive || last(run).Value != "50" {
		t.Errorf("%+v", run.Status)
	}
}

func (h *host) kayentaErrors(t *testing.T) {
	text := replaced(t, h.kayentaAt(t, h.server), "canaryConfigName: checkout", "canaryConfigName: nowhere")
	if m := h.failed(t, h.start(t, text, hashes(live.Good))); m.Message != "Canary config not found" {
		t.Errorf("an unknown config: %+v", m)
	}
	text = replaced(t, h.kayentaAt(t, h.server), "judged:{{args.judged-token}}@", "judged:{{args.judged-token}}x@")
	m := h.failed(t, h.start(t, text, hashes(live.Good)))
	if !strings.Contains(m.Message, "401") || strings.Contains(m.Message, h.server.Token) {
		t.Errorf("a wrong token: %+v", m)
	}
}

func (h *host) prometheus(t *testing.T) {
	text := at(t, example(t, "prometheus.yaml"), h.server)
	for _, c := range []struct {
		canary, value, verdict string
		want                   v1alpha1.AnalysisPhase
	}{{live.Better, "[1]", "PASS", pass}, {live.Slow, "[0]", "FAIL", fail}, {live.Unclear, "[0.5]", "INCONCLUSIVE", inconclusive}} {
		run := h.end(t, h.start(t, text, sides("past", c.canary)))
		if run.Status.Phase != c.want || last(run).Value != c.value {
			t.Errorf("%s: %+v, want %s with %s", c.canary, run.Status, c.want, c.value)
		}
		if said := last(run).Metadata["warnings"]; !strings.Contains(said, c.verdict+": ") {
			t.Errorf("%s: the warnings do not have the sentence: %q", c.canary, said)
		}
	}
	if m := h.failed(t, h.start(t, text, sides("past", live.Broken))); !strings.Contains(m.Message, "this query is broken") {
		t.Errorf("a broken query: %+v", m)
	}
	if m := h.failed(t, h.start(t, text, sides("nowhere", live.Better))); !strings.Contains(m.Message, "nowhere") {
		t.Errorf("an unknown config: %+v", m)
	}
}

// The Job's container is run here: a cluster that forgets has no nodes.
func (h *host) job(t *testing.T) {
	text := at(t, example(t, "job.yaml"), h.server)
	for canary, want := range map[string]v1alpha1.AnalysisPhase{live.Better: pass, live.Slow: fail, live.Unclear: fail} {
		t.Run(canary, func(t *testing.T) {
			t.Parallel()
			run := h.start(t, text, sides("brief", canary))
			out := ""
			run = h.until(t, run, func(r *v1alpha1.AnalysisRun) bool {
				// More than one, if the controller did not see its own in time.
				if m := last(r); m.Phase == v1alpha1.AnalysisPhaseRunning && m.Metadata["job-name"] != "" {
					out += h.node(t, m.Metadata["job-name"])
				}
				return r.Status.Phase.Completed()
			})
			if run.Status.Phase != want {
				t.Errorf("%+v, want %s; the log:\n%s", run.Status, want, out)
			}
		})
	}
}

// node runs a Job, once, and returns its log.
func (h *host) node(t *testing.T, name string) string {
	t.Helper()
	job, err := h.kube.BatchV1().Jobs(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(job.Status.Conditions) > 0 {
		return ""
	}
	pod := job.Spec.Template.Spec
	if *job.Spec.BackoffLimit != 0 || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("the job would be tried again: %+v", job.Spec)
	}
	out, err := h.execute(t, pod.Containers[0])
	done := batchv1.JobComplete
	if err != nil {
		done = batchv1.JobFailed
	}
	job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: done, Status: corev1.ConditionTrue})
	if _, err := h.kube.BatchV1().Jobs(namespace).UpdateStatus(t.Context(), job, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return out
}

// execute runs a container of judged's with the token where it expects it.
func (h *host) execute(t *testing.T, container corev1.Container) (string, error) {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(h.server.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	c := exec.CommandContext(ctx, live.Binary(t), container.Args...) //nolint:gosec // of examples/argo
	c.Env = os.Environ()
	for _, e := range container.Env {
		c.Env = append(c.Env, e.Name+"="+strings.Replace(e.Value, "/var/run/secrets/judged/token", token, 1))
	}
	out, err := c.CombinedOutput()
	return string(out), err
}
