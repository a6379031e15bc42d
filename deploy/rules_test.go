package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// rules reads prometheus/rules.yaml.
func rules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// Whoever is woken finds a page that says what to do; and no page is about an alert that does not exist.
func TestRunbooks(t *testing.T) {
	const page = "https://github.com/judged-dev/judged/blob/main/docs/operations.md#"
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	runbooks := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (Judged\w+)$`).FindAllStringSubmatch(string(text), -1) {
		runbooks[heading[1]] = true
	}
	tests, err := os.ReadFile("prometheus/rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		if !runbooks[r.Alert] {
			t.Errorf("docs/operations.md has no heading %s", r.Alert)
		}
		delete(runbooks, r.Alert)
		if want := page + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: the runbook is %s, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: the severity is %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", r.Alert)
		}
		if !strings.Contains(string(tests), "alertname: "+r.Alert+"\n") && !strings.Contains(string(tests), `alertname="`+r.Alert+`"`) {
			t.Errorf("rules_test.yaml never sees %s fire", r.Alert)
		}
	}
	for name := range runbooks {
		t.Errorf("docs/operations.md has a heading %s, which is no alert", name)
	}
}
