package policy

import (
	"errors"
	"strings"
	"testing"
	_ "time/tzdata" // the tests' zones, wherever they run

	"github.com/judged-dev/judged/judge"
)

// finding is a measured one, similar.
func finding(name string, edit func(*judge.Finding)) judge.Finding {
	f := judge.NewFinding("paired", judge.Sample{Signal: judge.Signal{Name: name, Kind: judge.Gauge, Unit: "ms", Direction: judge.Increase}})
	f.Classification, f.Verdict = judge.Similar, judge.Pass
	if edit != nil {
		edit(&f)
	}
	return f
}

func mustDecision(t testing.TB, fail, pass, inconclusive string) *Decision {
	t.Helper()
	d, err := CompileDecision(fail, pass, inconclusive)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustCompile(t testing.TB, d *dialect, text string) *rule {
	t.Helper()
	r, err := d.compile("test", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// problems returns the problems of a compile error, nil if there is none.
func problems(t testing.TB, err error) []Problem {
	t.Helper()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*CompileError](err)
	if !ok {
		t.Fatalf("the error is a %T, want a *CompileError: %v", err, err)
	}
	return e.Problems
}

// everyField fails if no expression of a dialect's table reads one of its
// fields: a field that no test reads may read anything.
func everyField(t *testing.T, d *dialect, expressions []string) {
	t.Helper()
	read := map[*field]bool{}
	for _, e := range expressions {
		r := mustCompile(t, d, e)
		c := check(r.checked, d, nil)
		visitAll(r.checked, func(f *field) { read[f] = true }, c)
	}
	for _, c := range append([]*class{d.root}, d.parts...) {
		for _, f := range c.fields {
			if !read[f] {
				t.Errorf("no expression of the table reads %s.%s", c.name, f.name)
			}
		}
	}
}

func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}
