package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/judged-dev/judged/config"
)

// The document's commands run, from the repository's root.
func TestPlanDocument(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("docs/plan.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^judged (?:plan|calibrate) .*$`).FindAllString(string(text), -1)
	if len(commands) < 9 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, c := range commands {
		var out, errs strings.Builder
		w := system()
		w.stdout, w.stderr = &out, &errs
		if code := run(t.Context(), strings.Fields(c)[1:], w); code != exitPass || out.Len() == 0 {
			t.Errorf("%s: exit code %d: %s", c, code, errs.String())
		}
	}
}

// What is to be pasted is what configs are made of.
func TestCalibrateYAML(t *testing.T) {
	var out strings.Builder
	w := system()
	w.stdout = &out
	args := []string{
		"calibrate", "../../examples/shop/canary.yaml", "--format", "json", "--duration", "10m", "--history", "1s",
		"--from", "2026-11-21T10:51:00Z", "--until", "2026-11-21T11:21:00Z",
	}
	if code := run(t.Context(), args, w); code != exitPass {
		t.Fatalf("exit code %d", code)
	}
	var report struct {
		YAML string `json:"yaml"`
	}
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.YAML, "margin: {relative:") {
		t.Errorf("no margin with an absolute part, as the p99 has one:\n%s", report.YAML)
	}
	whole := "name: c\nscopes: {baseline: {v: a}, canary: {v: b}}\n" +
		regexp.MustCompile(`(?m)^  - name: .*$`).ReplaceAllString(report.YAML, "$0\n    source: s\n    query: up")
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err != nil {
		t.Errorf("%v in\n%s", err, whole)
	}
}
