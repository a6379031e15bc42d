package suite

import (
	"os"
	"strconv"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/validation"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

const (
	pass         = v1alpha1.AnalysisPhaseSuccessful
	fail         = v1alpha1.AnalysisPhaseFailed
	inconclusive = v1alpha1.AnalysisPhaseInconclusive
	failure      = v1alpha1.AnalysisPhaseError
)

// Main runs the tests of a package; its result is for os.Exit.
func Main(m *testing.M) int { return live.Main(m) }

// Run runs all tests with one controller, which is a process' only one: Argo
// Rollouts keeps its plugins in global variables.
func Run(t *testing.T, v Version) {
	t.Helper()
	if _, err := live.Root(); err != nil { // found from the working directory, which changes below
		t.Fatal(err)
	}
	s := live.Start(t, "")
	for _, config := range []map[string]any{live.ConfigOf("past", live.Past(), variable), live.ConfigOf("brief", live.Brief(seconds), variable)} {
		s.Store(config)
	}
	live.Binary(t)
	program := live.Build(t, "compat/argo/plugin", ".")
	inTemporary(t)
	c := newCluster(t, v)
	c.secret(t, "judged", s.Token)
	h := &host{cluster: c, server: s, version: v}
	h.installPlugin(t, program)
	t.Run("parallel", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"Manifests": h.manifests, "WebOnce": h.webOnce, "WebLive": h.webLive, "WebErrors": h.webErrors, "WebDown": h.webDown, "WebRestart": h.webRestart,
			"WebExpired": h.webExpired, "WebFailsOpen": h.webFailsOpen,
			"Kayenta": h.kayenta, "KayentaRestart": h.kayentaRestart, "KayentaErrors": h.kayentaErrors,
			"Prometheus": h.prometheus, "Job": h.job,
			"Plugin": h.plugin, "PluginTerminate": h.pluginTerminate, "PluginRestart": h.pluginRestart, "PluginDown": h.pluginDown, "PluginErrors": h.pluginErrors,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they mostly wait
				test(t)
			})
		}
	})
}

// host is what the tests share. Those that kill judged have one of their own.
type host struct {
	*cluster

	server  *live.Server
	version Version
}

const (
	// seconds is how long a brief analysis takes.
	seconds = 10
	// variable selects the sides in examples/argo.
	variable = "pod_hash"
)

// own starts a judged of a test's own, with the config "brief", and puts its token
// into a secret of that name.
func (h *host) own(t *testing.T, secret string) *live.Server {
	t.Helper()
	s := live.Start(t, "")
	s.Store(live.ConfigOf("brief", live.Brief(seconds), variable))
	h.secret(t, secret, s.Token)
	return s
}

// at points a template to a judged.
func at(t *testing.T, text string, s *live.Server) string {
	t.Helper()
	return replaced(t, text, "https://judged.example.com", s.URL)
}

// sides are a template's arguments.
func sides(config, canary string) map[string]string {
	return map[string]string{"config": config, "baseline-hash": live.Good, "canary-hash": canary}
}

func withStep(args map[string]string, step string) map[string]string {
	args["step"] = step
	return args
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// inTemporary makes a folder of its own the working directory: the controller puts
// plugins below it.
func inTemporary(t *testing.T) {
	t.Helper()
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(t.TempDir()); err != nil { //nolint:usetesting // tests below it are parallel, which t.Chdir refuses
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chdir(before); err != nil { //nolint:usetesting // the same
			t.Error(err)
		}
	})
}

// What is not run is at least what it says it is: the rollout that shows how
// templates are used, and the patch of the controller.
func (h *host) manifests(t *testing.T) {
	if err := yaml.UnmarshalStrict([]byte(example(t, "plugin-volume.yaml")), &appsv1.Deployment{}); err != nil {
		t.Error(err)
	}
	r := &v1alpha1.Rollout{}
	if err := yaml.UnmarshalStrict([]byte(example(t, "rollout.yaml")), r); err != nil {
		t.Fatal(err)
	}
	if errs := validation.ValidateRollout(r); len(errs) > 0 {
		t.Error(errs.ToAggregate())
	}
	template := &v1alpha1.AnalysisTemplate{}
	if err := yaml.UnmarshalStrict([]byte(example(t, "web-live.yaml")), template); err != nil {
		t.Fatal(err)
	}
	var needed []string
	for _, a := range template.Spec.Args {
		if a.ValueFrom == nil {
			needed = append(needed, a.Name)
		}
	}
	for _, step := range r.Spec.Strategy.Canary.Steps {
		if step.Analysis == nil {
			continue
		}
		if name := step.Analysis.Templates[0].TemplateName; name != template.Name {
			t.Errorf("a step names the template %q", name)
		}
		given := map[string]bool{}
		for _, a := range step.Analysis.Args {
			given[a.Name] = true
		}
		for _, name := range needed {
			if !given[name] {
				t.Errorf("a step gives no %q", name)
			}
		}
	}
}
