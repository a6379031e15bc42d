package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/config"
)

// consoleBlock is a transcript: lines that begin with "$ " are typed, the others
// are what came back.
var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// The pages of docs/ show transcripts of the command. What they show is what it
// prints; UPDATE_DOCS=1 writes it into the pages.
func TestDocs(t *testing.T) {
	t.Chdir("../..")
	for _, page := range []string{"docs/statistics.md", "docs/logs.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := consoleBlock.FindAllSubmatchIndex(text, -1)
		if len(blocks) == 0 {
			t.Errorf("%s shows no transcript", page)
		}
		var now strings.Builder
		end := 0
		for _, b := range blocks {
			shown := string(text[b[2]:b[3]])
			now.Write(text[end:b[2]])
			now.WriteString(transcript(t, page, shown))
			end = b[3]
		}
		now.Write(text[end:])
		if os.Getenv("UPDATE_DOCS") != "" {
			if err := os.WriteFile(page, []byte(now.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(now.String(), "\n")); diff != "" {
			t.Errorf("%s shows something else than the command prints (- page, + command); UPDATE_DOCS=1 go test ./cmd/judged -run Docs writes it:\n%s", page, diff)
		}
	}
}

// The configs, and parts of them, that these pages show are some.
func TestDocsConfig(t *testing.T) {
	for _, page := range []string{"docs/statistics.md", "docs/logs.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(b[1], "name:") || strings.HasPrefix(b[1], "logs:") {
				b[1] = "name: part\n" + b[1]
			}
			if _, err := config.Parse([]byte(b[1]), page); err != nil {
				t.Errorf("a config of %s is wrong:\n%v", page, err)
			}
		}
	}
}

// transcript types the commands of one again and returns it with what they print.
func transcript(t *testing.T, page, shown string) string {
	t.Helper()
	var out strings.Builder
	status := 0
	for line := range strings.Lines(shown) {
		typed, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		out.WriteString(line)
		words := strings.Fields(typed)
		switch {
		case strings.TrimSpace(typed) == "echo $?":
			out.WriteString(strconv.Itoa(status) + "\n")
		case len(words) > 1 && words[0] == "judged":
			var printed, complained strings.Builder
			w := system()
			w.stdin, w.stdout, w.stderr = strings.NewReader(""), &printed, &complained
			status = run(t.Context(), words[1:], w)
			if complained.Len() > 0 {
				t.Errorf("%s: %q complains:\n%s", page, typed, complained.String())
			}
			out.WriteString(printed.String())
		default:
			t.Errorf("%s: the test knows no command %q", page, typed)
		}
	}
	return out.String()
}

// Pages link to one another and to the code; what they link to is there.
func TestDocsLinks(t *testing.T) {
	t.Chdir("../..")
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 20 {
		t.Fatalf("only %d pages", len(pages))
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), l[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, l[1], err)
			}
		}
	}
}
