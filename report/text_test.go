package report

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

func text(t *testing.T, r *analysis.Result, o TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextStaysWithinItsWidth(t *testing.T) {
	for _, c := range goldenCases() {
		for _, o := range []TextOptions{{}, {ASCII: true}} {
			for o.Width = minWidth; o.Width <= 220; o.Width += 7 {
				for i, l := range strings.Split(text(t, c.result, o), "\n") {
					if w := width(l); w > o.Width {
						t.Errorf("%s at %d: line %d is %d wide: %s", c.name, o.Width, i+1, w, l)
					}
				}
			}
		}
	}
}

// Whatever the width, the same words come in the same order.
func TestTextNarrowDropsNoFinding(t *testing.T) {
	for _, c := range goldenCases() {
		for _, w := range []int{-3, 1, 40, 60, 80, 100, 120, 160, 200, 1 << 30} {
			got := strings.Join(strings.Fields(text(t, c.result, TextOptions{Width: w})), "")
			for _, f := range c.result.Findings {
				if name := strings.ReplaceAll(nameOf(f.Signal), " ", ""); w > 200 && !strings.Contains(got, name) && c.name != "long" && c.name != "hostile" {
					t.Errorf("%s at %d: no %q", c.name, w, name)
				}
				if f.Verdict != judge.Pass && c.name != "hostile" && (w < 100 || w > 200) && !strings.Contains(got, strings.ReplaceAll(line(f.Reason), " ", "")) {
					t.Errorf("%s at %d: no %q", c.name, w, f.Reason)
				}
			}
		}
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColorOnlyAddsEscapes(t *testing.T) {
	for _, c := range goldenCases() {
		plain := text(t, c.result, c.options)
		c.options.Color = true
		colored := text(t, c.result, c.options)
		if plain == colored {
			t.Errorf("%s: no colour", c.name)
		}
		if got := escapes.ReplaceAllString(colored, ""); got != plain {
			t.Errorf("%s: without escapes the coloured text is\n%s\nwant\n%s", c.name, got, plain)
		}
	}
}

func TestColumnsAlign(t *testing.T) {
	for _, c := range goldenCases() {
		lines := strings.Split(text(t, c.result, TextOptions{Width: 200}), "\n")
		at := -1
		for _, l := range lines {
			if before, _, ok := strings.Cut(l, "verdict"); ok && (strings.HasPrefix(l, "  metric") || strings.HasPrefix(l, "  signal")) {
				at = width(before)
			}
		}
		if at < 0 {
			continue // a list, or no finding
		}
		for _, f := range c.result.Findings {
			cell := symbol(f.Verdict) + " " + f.Verdict.String()
			for _, l := range lines {
				if strings.HasPrefix(strings.TrimLeft(l, "* "), f.Signal.Name+" ") {
					if i := strings.LastIndex(l, cell); i < 0 || width(l[:i]) != at {
						t.Errorf("%s: %q is not in column %d of %q", c.name, cell, at, l)
					}
				}
			}
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	for name, err := range map[string]error{
		"Text":     Text(brokenWriter{}, failing(), TextOptions{}),
		"Markdown": Markdown(brokenWriter{}, failing(), Link{}),
		"JUnit":    JUnit(brokenWriter{}, failing(), Link{}),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s to a broken pipe: got %v", name, err)
		}
	}
}

func TestDetect(t *testing.T) {
	utf8 := func(more map[string]string) map[string]string {
		m := map[string]string{"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
		maps.Copy(m, more)
		return m
	}
	cases := []struct {
		name     string
		terminal bool
		env      map[string]string
		want     TextOptions
	}{
		{"terminal", true, utf8(nil), TextOptions{Color: true}},
		{"pipe", false, utf8(nil), TextOptions{}},
		{"NO_COLOR", true, utf8(map[string]string{"NO_COLOR": "1"}), TextOptions{}},
		{"NO_COLOR beats force", true, utf8(map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}), TextOptions{}},
		{"empty NO_COLOR is none", true, utf8(map[string]string{"NO_COLOR": ""}), TextOptions{Color: true}},
		{"forced in a pipe", false, utf8(map[string]string{"FORCE_COLOR": "1"}), TextOptions{Color: true}},
		{"forced off", false, utf8(map[string]string{"CLICOLOR_FORCE": "0"}), TextOptions{}},
		{"dumb", true, utf8(map[string]string{"TERM": "dumb"}), TextOptions{}},
		{"no TERM", true, utf8(map[string]string{"TERM": ""}), TextOptions{}},
		{"Windows Terminal", true, map[string]string{"WT_SESSION": "x"}, TextOptions{Color: true}},
		{"COLUMNS", false, utf8(map[string]string{"COLUMNS": "72"}), TextOptions{Width: 72}},
		{"bad COLUMNS", false, utf8(map[string]string{"COLUMNS": "-1"}), TextOptions{}},
		{"C locale", true, utf8(map[string]string{"LC_ALL": "C"}), TextOptions{Color: true, ASCII: true}},
		{"LC_ALL first", false, map[string]string{"LC_ALL": "de_DE.utf8", "LANG": "C"}, TextOptions{}},
		{"no locale", false, nil, TextOptions{}},
		{"Linux console", true, utf8(map[string]string{"TERM": "linux"}), TextOptions{Color: true, ASCII: true}},
	}
	for _, c := range cases {
		if got := detect(c.terminal, func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDetectTextOfAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	env := map[string]string{"TERM": "xterm", "LANG": "C.UTF-8"}
	if got := DetectText(w, func(name string) string { return env[name] }); got != (TextOptions{}) {
		t.Errorf("got %+v, want the zero value", got)
	}
}

func TestWrap(t *testing.T) {
	cases := []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"one  two", 0, []string{"o", "n", "e", "t", "w", "o"}},
		{"http_request_duration_seconds", 15, []string{"http_request_", "duration_", "seconds"}},
		{"abcdefgh", 3, []string{"abc", "def", "gh"}},
		{"延迟延迟", 5, []string{"延迟", "延迟"}},
		{"延", 1, []string{"延"}},
		{"took<*>seconds", 5, []string{"took", "<*>se", "conds"}},
		{"<*><*>", 2, []string{"<*", ">", "<*", ">"}},
		{"cafe\u0301s", 4, []string{"cafe\u0301", "s"}},
	}
	for _, c := range cases {
		if got := wrap(c.text, c.width); fmt.Sprint(got) != fmt.Sprint(c.want) || len(got) != len(c.want) {
			t.Errorf("wrap(%q, %d): got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		" a \t\r\n b\u00a0":      "a b",
		"\x1b[31mred\x1b[0m":     `\x1b[31mred\x1b[0m`,
		"a\u202eb\u2066":         `a\u202eb\u2066`,
		"\x00\x7f\u009b":         `\x00\x7f\u009b`,
		"\xff\xc3":               `\xff\xc3`,
		"\ufffd":                 "\ufffd",
		"ü 延 é ∞ – ✓":            "ü 延 é ∞ – ✓",
		"\ufeff\u200b\U000e0041": `\ufeff\u200b\U000e0041`,
	} {
		if got := line(in); got != want {
			t.Errorf("line(%q): got %q, want %q", in, got, want)
		}
	}
	if got := line(strings.Repeat("é", maxText)); len(got) > maxText+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("a long text has %d bytes and ends in %q", len(got), got[len(got)-8:])
	}
}

func TestBlock(t *testing.T) {
	if got, want := block("\nsum(\r\n\tx\x1b\r)\u2028\n"), "sum(\n    x\\x1b\\r) "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// checkPlain fails on anything in a plain text that is not visible.
func checkPlain(t *testing.T, s string, ascii bool) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("invalid UTF-8: %q", s)
	}
	for _, r := range s {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U in %q", r, s)
			return
		}
		if ascii && r >= utf8.RuneSelf {
			t.Errorf("%U in what should be ASCII: %q", r, s)
			return
		}
	}
}

// hostileSeeds gives every short text to a fuzz target: it would spend its
// time on making the long one shorter.
func hostileSeeds(f *testing.F) {
	for _, x := range hostile().Findings {
		if len(x.Reason) < 200 {
			f.Add(x.Signal.Name, x.Reason, x.Evidence.BaselineQuery, 1.5, 0.7, 12.3, 80)
		}
	}
}

// fuzzed builds a result of hostile texts and numbers.
func fuzzed(name, reason, query string, levelOf, low, high float64) *analysis.Result {
	var findings []judge.Finding
	for i, v := range []judge.Verdict{judge.Pass, judge.Fail, judge.Error, judge.Inconclusive} {
		s := judge.Signal{Name: name + strings.Repeat("'", i), Unit: query, Kind: judge.Kind(i % 4), Critical: i%2 == 0}
		e := []judge.Effect{ratioOf(levelOf, low, high), differenceOf(levelOf, low, high)}[i%2]
		f := finding(s, v, judge.Unclear, levelOf, low, e, reason)
		f.Judge, f.Choice, f.Warnings, f.Needed = name, reason, []string{reason, query}, i*40
		f.Aspects = []judge.Aspect{{Judge: query, Effect: e, PValue: levelOf}, {Judge: name, Effect: e, PValue: low}}
		f.Evidence = judge.Evidence{Source: reason, BaselineQuery: query, CanaryTotalQuery: name}
		if i == 1 {
			f.Judge, f.Changes = logJudge, hostileChanges(reason, query, low, levelOf)
		}
		findings = append(findings, f)
	}
	r := result(judge.Decide(findings, 0.05))
	r.Config = query
	r.Scopes.Canary = map[string]string{name: reason, "version": query}
	return r
}

func FuzzText(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, name, reason, query string, level, low, high float64, columns int) {
		r := fuzzed(name, reason, query, level, low, high)
		for _, ascii := range []bool{false, true} {
			o := TextOptions{Width: columns, ASCII: ascii}
			got := text(t, r, o)
			checkPlain(t, got, ascii)
			if columns <= 0 {
				columns = DefaultWidth
			}
			for l := range strings.SplitSeq(got, "\n") {
				if width(l) > max(columns, minWidth) {
					t.Errorf("%d cells instead of %d: %q", width(l), columns, l)
				}
			}
			o.Color = true
			if escapes.ReplaceAllString(text(t, r, o), "") != got {
				t.Error("colours change the text")
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	r := many()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := Text(&out, r, TextOptions{Color: true, Width: 160}); err != nil {
			b.Fatal(err)
		}
	}
}
