package flagger_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/metrics/observers"
	"github.com/fluxcd/flagger/pkg/metrics/providers"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

func provider(t *testing.T, s *live.Server, credentials map[string][]byte) *providers.PrometheusProvider {
	t.Helper()
	spec := flaggerv1.MetricTemplateProvider{Type: "prometheus", Address: s.URL + "/prometheus"}
	if credentials != nil {
		spec.SecretRef = &corev1.LocalObjectReference{Name: "judged"}
	}
	p, err := providers.NewPrometheusProvider(spec, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Flagger's Prometheus provider, as MetricTemplates use it.
func TestProvider(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", live.Past())
	for name, credentials := range map[string]map[string][]byte{
		"bearer": {"token": []byte(s.Token)},
		"basic":  {"username": []byte("flagger"), "password": []byte(s.Token)},
	} {
		if ok, err := provider(t, s, credentials).IsOnline(); !ok || err != nil {
			t.Errorf("%s: online is %v: %v", name, ok, err)
		}
	}
	p := provider(t, s, map[string][]byte{"token": []byte(s.Token)})
	oneShot := func(metric, side string) string {
		config := "shop"
		if side == live.Unclear {
			config, side = "undecided-shop", live.Better
		}
		return metric + `{config="` + config + `", window="30m",
			baseline_version="` + live.Good + `", canary_version="` + side + `"}`
	}
	for side, want := range map[string]float64{live.Better: 1, live.Slow: 0, live.Unclear: 0.5, live.Silent: 0} {
		if got, err := p.RunQuery(oneShot("judged_verdict", side)); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", side, got, err, want)
		}
	}
	if got, err := p.RunQuery(oneShot("judged_score", live.Better)); err != nil || got != 100 {
		t.Errorf("score %v %v, want 100", got, err)
	}
	if got, err := p.RunQuery(oneShot("judged_score", live.Slow)); err != nil || got != 0 {
		t.Errorf("score %v %v, want 0", got, err)
	}
	for query, want := range map[string]string{
		oneShot("judged_verdict", live.Broken):    "this query is broken",
		`judged_verdict{key="flagger/test/none"}`: `no analysis has the key`,
		`judged_verdict{key="a"} > 0`:             "no operators",
		"up":                                      "understood are vector(1)",
	} {
		if _, err := p.RunQuery(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	if _, err := provider(t, s, nil).RunQuery("vector(1)"); err == nil || !strings.Contains(err.Error(), "Status 401 Unauthorized") {
		t.Errorf("without a token: %v", err)
	}
	if _, err := provider(t, s, map[string][]byte{"token": []byte("wrong")}).IsOnline(); err == nil || !strings.Contains(err.Error(), `"status":"error"`) {
		t.Errorf("with a wrong token: %v", err)
	}
	// The analysis that the hooks started, by its key.
	h := against(s, "shop", live.Better)
	if err := h.call(podinfo("r1"), "start"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.RunQuery(`judged_verdict{key="flagger/test/podinfo"}`); err != nil || got != 0.5 {
		t.Errorf("%v %v, want 0.5", got, err)
	}
	s.Kill()
	if _, err := p.RunQuery("vector(1)"); err == nil || strings.Contains(err.Error(), s.Token) {
		t.Errorf("while judged is down: %v", err)
	}
}

// The query of the example, as Flagger renders it.
func TestExampleTemplate(t *testing.T) {
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(root + "/examples/flagger/metrictemplate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(text), "\n---\n")
	var secret corev1.Secret
	var template flaggerv1.MetricTemplate
	if err := errors.Join(yaml.UnmarshalStrict([]byte(documents[0]), &secret), yaml.UnmarshalStrict([]byte(documents[1]), &template)); err != nil {
		t.Fatal(err)
	}
	if template.Spec.Provider.SecretRef.Name != secret.Name || secret.StringData["token"] != "TOKEN" {
		t.Errorf("the template's credentials are not those of the secret")
	}
	s := live.Start(t, "")
	config := live.Config("podinfo", live.Past())
	metrics, _ := config["metrics"].([]any)
	metric, _ := metrics[0].(map[string]any)
	metric["query"] = `latency{namespace="${namespace}",target="${target}"}`
	delete(metric, "margin")
	delete(metric, "tolerance")
	s.Store(config)
	template.Spec.Provider.Address = strings.Replace(template.Spec.Provider.Address, "https://judged.example.com", s.URL, 1)
	p, err := providers.NewPrometheusProvider(template.Spec.Provider, map[string][]byte{"token": []byte(s.Token)})
	if err != nil {
		t.Fatal(err)
	}
	query, err := observers.RenderQuery(template.Spec.Query, flaggerv1.MetricTemplateModel{Name: "podinfo", Namespace: "test", Target: "podinfo", Interval: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.RunQuery(query); err != nil || got == 0 {
		t.Errorf("%s: %v %v", query, got, err)
	}
}
