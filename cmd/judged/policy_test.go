package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// policyTest runs "judged policy test FILE..." and returns its exit code.
func policyTest(t *testing.T, files ...string) (code int, stdout, stderr string) {
	t.Helper()
	var cli struct {
		Policy policyCommand `cmd:""`
	}
	var out, complaints strings.Builder
	w := system()
	w.stdout, w.stderr = &out, &complaints
	parser, err := kong.New(&cli, kong.Name("judged"), kong.BindTo(t.Context(), (*context.Context)(nil)), kong.Bind(w))
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(append([]string{"policy", "test"}, files...))
	if err != nil {
		t.Fatal(err)
	}
	err = command.Run()
	if verdict, ok := errors.AsType[verdictError](err); ok {
		code = verdict.code
	} else if err != nil {
		t.Fatal(err)
	}
	return code, out.String(), complaints.String()
}

func TestPolicyTest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", "decision: {fail: 'score < 50', cases: [{name: low, given: {score: 49, verdict: PASS}, want: FAIL}]}")
	bad := write("bad.yaml", `
authorization: {rules: [{name: a, allow: claims.x}], cases: [{name: nobody, given: {action: judge}, want: allowed}]}
routes: {rules: {all: ""}, cases: [{name: everything, given: {type: look}, want: [all]}]}
`)
	broken := write("broken.yaml", "decision: {fail: 'scor < 50', cases: [{want: FAIL}]}")
	large := write("large.yaml", strings.Repeat("#", 2<<20))
	for _, c := range []struct {
		name           string
		files          []string
		code           int
		stdout, stderr string
	}{
		{"all ok", []string{good}, exitPass, "good.yaml\n  ok    decision  low\n\n1 case ok\n", ""},
		{
			"some fail",
			[]string{good, bad},
			exitFail,
			"good.yaml\n  ok    decision  low\n\nbad.yaml\n" +
				"  FAIL  authorization  nobody\n" +
				"                       want allowed, got denied: no rule allows it\n" +
				"                       authorization.a.allow could not be evaluated: there is no x: ask has(...x) before you read it; it says: claims.x\n" +
				"  ok    routes         everything\n\n1 of 3 cases failed\n",
			"",
		},
		{
			"a wrong rule",
			[]string{broken, bad},
			exitError,
			"bad.yaml\n",
			"judged: broken.yaml: decision.fail:1:1 there is no \"scor\": did you mean \"score\"?\n  | scor < 50\n  | ^\njudged: 1 of 2 files cannot be used\n",
		},
		{"no such file", []string{filepath.Join(dir, "missing.yaml")}, exitError, "", "judged: open missing.yaml: no such file or directory\n"},
		{"too large", []string{large}, exitError, "", "judged: large.yaml has more than 1048576 bytes: split it\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := policyTest(t, c.files...)
			stdout, stderr = strings.ReplaceAll(stdout, dir+"/", ""), strings.ReplaceAll(stderr, dir+"/", "")
			if code != c.code || !strings.HasPrefix(stdout, c.stdout) || !strings.HasPrefix(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("exit code %d, want %d\nstdout\n%s\nwant\n%s\nstderr\n%s\nwant\n%s", code, c.code, stdout, c.stdout, stderr, c.stderr)
			}
		})
	}
}

// docs/policy.md shows what the command prints of the page's own examples.
// UPDATE_DOCS=1 writes it into the page.
func TestPolicyDocs(t *testing.T) {
	page, err := filepath.Abs("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, from, found := strings.Cut(string(text), "\n## Decision\n")
	if !found {
		t.Fatal("the page has no section Decision")
	}
	var file strings.Builder
	for _, b := range yamlBlock.FindAllStringSubmatch(from, -1) {
		file.WriteString(b[1])
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("policy.yaml", []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := policyTest(t, "policy.yaml")
	if code != exitPass || stderr != "" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	shown := regexp.MustCompile("(?s)\\$ judged policy test policy.yaml\n.*?```")
	want := "$ judged policy test policy.yaml\n" + stdout + "```"
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(page, []byte(shown.ReplaceAllLiteralString(string(text), want)), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if got := shown.FindString(string(text)); got != want {
		t.Errorf("the page shows\n%s\nthe command prints\n%s", got, want)
	}
}
