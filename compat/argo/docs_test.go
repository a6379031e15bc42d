package argo_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var yamlFence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// What the page shows is what compat/conformance runs with Argo Rollouts' own code,
// and nothing that is run there is missing from the page.
func TestPageShowsTheExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/integrations/argo-rollouts.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../examples/argo/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	unseen := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		unseen[string(text)] = filepath.Base(file)
	}
	for _, block := range yamlFence.FindAllSubmatch(page, -1) {
		if _, ok := unseen[string(block[1])]; !ok {
			t.Errorf("no file of examples/argo is this block of the page, or it is there twice:\n%s", block[1])
		}
		delete(unseen, string(block[1]))
	}
	for _, file := range unseen {
		t.Errorf("the page does not show examples/argo/%s", file)
	}
}
