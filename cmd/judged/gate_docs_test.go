package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/server"
)

// fence is a block of a page that people paste.
type fence struct{ language, text string }

var fenceBlock = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")

func fences(page string) []fence {
	var out []fence
	for _, b := range fenceBlock.FindAllStringSubmatch(page, -1) {
		out = append(out, fence{b[1], b[2]})
	}
	return out
}

// commandLine finds where a shell runs judged.
var commandLine = regexp.MustCompile(`(?m)(?:^|[\s($;&|])judged\s+(?:analyses|configs|judge|lint|run|serve|token)\s`)

// shellCommands returns the arguments of every judged that a script runs.
func shellCommands(script string) [][]string {
	var out [][]string
	for _, at := range commandLine.FindAllStringIndex(script, -1) {
		from := at[0] + strings.Index(script[at[0]:at[1]], "judged") + len("judged")
		out = append(out, shellWords(script[from:]))
	}
	return out
}

// shellWords splits a command line up to its end, as a shell does. Variables have
// the value "x".
func shellWords(s string) []string {
	var words []string
	var word strings.Builder
	some, quote := false, byte(0)
	end := func() {
		if some {
			words = append(words, os.Expand(word.String(), func(string) string { return "x" }))
		}
		word.Reset()
		some = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, some = c, true
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				word.WriteByte(s[i])
				some = true
			}
		case c == ' ' || c == '\t':
			end()
		case strings.IndexByte("\n;|&)><", c) >= 0 || c == '#' && !some:
			end()
			return words
		default:
			word.WriteByte(c)
			some = true
		}
	}
	end()
	return words
}

func TestShellWords(t *testing.T) {
	for script, want := range map[string][]string{
		"exec judged run --canary \"version=$V\" \\\n  --wait 0 # now\nnext": {"run", "--canary", "version=x", "--wait", "0"},
		"id=$(judged run --stored a) || code=$?":                             {"run", "--stored", "a"},
		"judged run -q>out":                                                  {"run", "-q"},
		"x; judged analyses list --label 'a b'; y":                           {"analyses", "list", "--label", "a b"},
	} {
		got := shellCommands(script)
		if len(got) != 1 || !slices.Equal(got[0], want) {
			t.Errorf("%q: got %q, want %q", script, got, want)
		}
	}
	if got := shellCommands("the judged server, \"judged run on\", judged.yaml and /etc/judged run on"); len(got) != 0 {
		t.Errorf("no commands: %q", got)
	}
}

// yamlCommands returns the arguments of every judged that a YAML text runs: in
// scripts, and as a container's arguments.
func yamlCommands(n *yaml.Node) [][]string {
	var out [][]string
	switch n.Kind {
	case yaml.ScalarNode:
		return shellCommands(n.Value)
	case yaml.SequenceNode:
		var words []string
		for _, item := range n.Content {
			words = append(words, item.Value)
		}
		if len(words) > 1 && (words[0] == "run" || words[0] == "analyses") {
			return [][]string{words}
		}
	default:
	}
	for _, child := range n.Content {
		out = append(out, yamlCommands(child)...)
	}
	return out
}

// commandsOf returns what a page's fences run; YAML among them must be some.
func commandsOf(t *testing.T, page, text string) [][]string {
	t.Helper()
	var out [][]string
	for _, f := range fences(text) {
		if f.language != "yaml" {
			out = append(out, shellCommands(f.text)...)
			continue
		}
		decoder := yaml.NewDecoder(strings.NewReader(f.text))
		for {
			var n yaml.Node
			err := decoder.Decode(&n)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: a block is no YAML: %v\n%s", page, err, f.text)
				break
			}
			out = append(out, yamlCommands(&n)...)
		}
	}
	return out
}

// gatePages describe callers of judged run; the others in the folder call the
// server themselves.
var gatePages = []string{
	"github-actions.md", "gitlab.md", "jenkins.md", "tekton.md", "cloud-deploy.md", "azure-pipelines.md", "codedeploy.md", "argo-job.md", "pipecd.md", "others.md",
}

// Every page begins with something to paste and ends with what happens. Every
// command line in it is one, every YAML block is YAML, every link leads
// somewhere.
func TestIntegrationPages(t *testing.T) {
	folder, err := filepath.Abs("../../docs/integrations")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var cli commands
	parser, err := kong.New(&cli, kong.Name("judged"), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	known := flagsOf(parser.Model.Node)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("x", 0o755); err != nil { // what variables stand for
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range pages {
		page := filepath.Base(path)
		found[page] = true
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		runs := commandsOf(t, page, text)
		for _, args := range runs {
			if _, err := parser.Parse(args); err != nil {
				t.Errorf("%s: judged %s: %v", page, strings.Join(args, " "), err)
			}
		}
		checkLinks(t, path, text)
		if !slices.Contains(gatePages, page) {
			continue
		}
		if len(runs) == 0 {
			t.Errorf("%s runs no judged", page)
		}
		checkEnd(t, page, text)
		for _, flag := range inlineFlag.FindAllStringSubmatch(fenceBlock.ReplaceAllString(text, ""), -1) {
			if !known[flag[1]] {
				t.Errorf("%s: judged has no flag %s", page, flag[1])
			}
		}
	}
	for _, page := range append(gatePages, "README.md") {
		if !found[page] {
			t.Errorf("%s is missing", page)
		}
	}
}

// inlineFlag is a flag that a sentence names.
var inlineFlag = regexp.MustCompile("`(--[a-z-]+)")

func flagsOf(n *kong.Node) map[string]bool {
	out := map[string]bool{}
	for _, f := range n.Flags {
		out["--"+f.Name] = true
	}
	for _, child := range n.Children {
		for name := range flagsOf(child) {
			out[name] = true
		}
	}
	return out
}

// checkEnd checks that the page's last table says what happens in each case.
func checkEnd(t *testing.T, page, text string) {
	t.Helper()
	var table []string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "|"):
			table = append(table, line)
		case strings.TrimSpace(line) != "":
			table = nil
		}
	}
	all := strings.Join(table, "")
	for _, word := range []string{"PASS", "FAIL", "INCONCLUSIVE", "ERROR", "imeout", "judged is down"} {
		if !regexp.MustCompile(`(?m)^\| [^|]*` + word).MatchString(all) {
			t.Errorf("%s does not end with a table that has a row for %s", page, word)
		}
	}
}

// checkLinks checks that relative links lead to files.
func checkLinks(t *testing.T, path, text string) {
	t.Helper()
	for _, l := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), l[1])); err != nil {
			t.Errorf("%s links to %s: %v", filepath.Base(path), l[1], err)
		}
	}
}

// The Lambda function of codedeploy.md hears verdicts of a real server and tells
// them to CodeDeploy.
func TestLambdaFunction(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	text, err := os.ReadFile("../../docs/integrations/codedeploy.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, found := t.TempDir(), false
	for _, f := range fences(string(text)) {
		if f.language == "python" {
			found = true
			if err := os.WriteFile(filepath.Join(dir, "function.py"), []byte(f.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !found {
		t.Fatal("codedeploy.md has no function")
	}
	const codedeploy = `
class client:
    def __init__(self, name): pass
    def put_lifecycle_event_hook_execution_status(self, **said): print("CodeDeploy hears", said)
`
	if err := os.WriteFile(filepath.Join(dir, "boto3.py"), []byte(codedeploy), 0o600); err != nil {
		t.Fatal(err)
	}
	url := startServer(t, server.Options{}, nil)
	for query, status := range map[string]string{"latency": "Succeeded", "slow": "Failed"} {
		must(t, url, "configs", "put", file(t, "checkout.yaml", strings.Replace(checkout, "query: latency", "query: "+query, 1)))
		c := exec.CommandContext(t.Context(), python, "-c",
			"import function; function.handler({'DeploymentId': 'd-"+query+"', 'LifecycleEventHookExecutionId': 'e'}, None)")
		c.Dir, c.Env = dir, append(os.Environ(), "JUDGED_SERVER="+url, "JUDGED_TOKEN=x")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		wants(t, query, string(out), "CodeDeploy hears .*'d-"+query+"'.*'e'.*'"+status+"'")
	}
}
