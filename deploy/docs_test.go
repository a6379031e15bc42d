package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/judged-dev/judged/config"
)

// The settings that docs/operations.md shows are read by judged.
func TestSettingsInDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- settings -->\n```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("docs/operations.md shows no settings after <!-- settings -->")
	}
	for _, b := range blocks {
		path := filepath.Join(t.TempDir(), "judged.yaml")
		if err := os.WriteFile(path, []byte(b[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.LoadServer(path); err != nil {
			t.Errorf("docs/operations.md: %v", err)
		}
	}
}

// Links within the page and to files of the repository lead somewhere.
func TestLinksInDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, h := range regexp.MustCompile("(?m)^#+ (.+)$").FindAllStringSubmatch(string(text), -1) {
		anchors[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) == 0 {
		t.Fatal("docs/operations.md has no links")
	}
	for _, l := range links {
		target := l[1]
		switch anchor, inside := strings.CutPrefix(target, "#"); {
		case inside && !anchors[anchor]:
			t.Errorf("docs/operations.md has no heading %s", target)
		case !inside && !strings.Contains(target, "://"):
			if _, err := os.Stat(filepath.Join("../docs", target)); err != nil {
				t.Errorf("docs/operations.md: %v", err)
			}
		}
	}
}
