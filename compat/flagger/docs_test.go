package flagger_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/judged-dev/judged/config"
)

var yamlFence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// What docs/integrations/flagger.md shows are the files of examples/flagger, which
// the conformance tests use.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/integrations/flagger.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, fence := range yamlFence.FindAllSubmatch(page, -1) {
		shown = append(shown, string(fence[1]))
	}
	files, err := filepath.Glob("../../examples/flagger/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(shown) {
		t.Errorf("the page shows %d files, there are %d", len(shown), len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(shown, string(text)) {
			t.Errorf("the page does not show %s as it is", file)
		}
	}
	text, err := os.ReadFile("../../examples/flagger/podinfo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse(text, "podinfo.yaml"); err != nil {
		t.Error(err)
	}
}
