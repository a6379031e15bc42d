package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/metrics"
)

var (
	yamlBlock    = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	readmeOutput = regexp.MustCompile("(?s)<!-- ci:run -->\n```\n[^`]*```\n\n```\n(.*?)```")
)

// The configs in the README are what people copy first.
func TestReadmeConfigs(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no YAML block")
	}
	for _, b := range blocks {
		if _, err := config.Parse([]byte(b[1]), "README.md"); err != nil {
			t.Errorf("a config of the README is wrong:\n%v", err)
		}
	}
}

// docs/sources.md shows a settings file and parts of configs.
func TestSourcesSettings(t *testing.T) {
	text, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("docs/sources.md has no YAML block")
	}
	for _, b := range blocks {
		if !strings.HasPrefix(b[1], "sources:") {
			// A part of a config.
			if _, err := config.Parse([]byte("name: part\n"+b[1]), "docs/sources.md"); err != nil {
				t.Errorf("a config of docs/sources.md is wrong:\n%v", err)
			}
			continue
		}
		path := filepath.Join(t.TempDir(), "sources.yaml")
		if err := os.WriteFile(path, []byte(b[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		settings, err := config.LoadSettings(path)
		if err != nil {
			t.Errorf("settings in docs/sources.md are wrong:\n%v", err)
		}
		for _, s := range settings {
			if _, err := metrics.Lookup(s.Provider); err != nil {
				t.Error(err)
			}
		}
	}
}

// The README shows what its main command prints, in the block after the command's;
// UPDATE_DOCS=1 writes it there.
func TestReadmeOutput(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	w := system()
	w.stdout = &out
	if code := run(t.Context(), []string{"run", "../../examples/shop/canary.yaml"}, w); code != exitFail {
		t.Fatalf("exit code %d, want %d", code, exitFail)
	}
	shown := readmeOutput.FindSubmatchIndex(readme)
	if shown == nil {
		t.Fatal("README.md has no block after that of its main command")
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile("../../README.md", slices.Concat(readme[:shown[2]], []byte(out.String()), readme[shown[3]:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(readme[shown[2]:shown[3]]), out.String()); diff != "" {
		t.Errorf("the README shows something else than the command prints (- page, + command); UPDATE_DOCS=1 go test ./cmd/judged -run 'Docs|Readme' writes it:\n%s", diff)
	}
}
