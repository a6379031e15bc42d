package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

func markdown(t *testing.T, r *analysis.Result) string {
	t.Helper()
	var b strings.Builder
	if err := Markdown(&b, r, Link{ID: "0198c0de-0000-7000-8000-000000000000", URL: "https://judged.example.com/analyses/1?a=b&c=d"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"82% higher (97.5% interval +74% to +91%)": "82% higher (97.5% interval +74% to +91%)",
		"a|b":                    "a&#124;b",
		`a\|b`:                   `a\\&#124;b`,
		"&lt;":                   "&amp;lt;",
		"<b> `x` *y* _z_ [l](u)": "\\<b\\> \\`x\\` \\*y\\* \\_z\\_ \\[l\\](u)",
		"@all":                   "@\u200ball",
		"#12 !3 GH-4 # !":        "#\u200b12 !\u200b3 GH-\u200b4 # !",
		"https://x www.x":        `https\://x www` + "\u200b.x",
	} {
		if got := prose(in); got != want {
			t.Errorf("prose(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"latency-p99": "`latency-p99`",
		"a`b":         "``a`b``",
		"``":          "``` `` ```",
		"a|b`":        "a&#124;b\\`",
		"":            "",
	} {
		if got := code(in); got != want {
			t.Errorf("code(%q): got %q, want %q", in, got, want)
		}
	}
	if got, want := fenced("```\nx"), "````\n```\nx\n````\n"; got != want {
		t.Errorf("fenced: got %q, want %q", got, want)
	}
}

// GitHub refuses what is too long, so hundreds of signals with long texts
// still make a comment, with the verdict and the first rows in it.
func TestMarkdownFitsIntoAComment(t *testing.T) {
	var findings []judge.Finding
	for i := range 1000 {
		f := latencyFails()
		f.Signal.Name = fmt.Sprint("metric ", i)
		f.Reason = strings.Repeat("long ", 500)
		f.Warnings = []string{f.Reason + f.Signal.Name}
		findings = append(findings, f)
	}
	for _, n := range []int{40, 300, 1000} {
		got := markdown(t, result(judge.Decide(findings[:n], 0.05)))
		checkMarkdown(t, got)
		if !strings.HasPrefix(got, "<!-- judged: checkout -->\n\n### ❌ FAIL") || !strings.Contains(got, "| `metric 0` |") || !strings.Contains(got, "left out") {
			t.Errorf("%d findings: %.3000s", n, got)
		}
	}
}

var summaryTag = regexp.MustCompile(`^<details><summary>[A-Z][A-Za-z0-9 (),]+</summary>$`)

var markerLine = regexp.MustCompile(`^<!-- judged: [A-Za-z0-9_.-]+ -->$`)

// checkMarkdown checks the structure that no text may break: tables, code
// blocks and sections.
func checkMarkdown(t *testing.T, s string) {
	t.Helper()
	if len(s) > 65_536 {
		t.Errorf("%d bytes", len(s))
	}
	checkPlain(t, strings.ReplaceAll(strings.ReplaceAll(s, noLink, ""), "\ufe0f", ""), false)
	fence, sections, columns := "", 0, 0
	for l := range strings.SplitSeq(s, "\n") {
		switch {
		case fence != "":
			if strings.TrimSpace(l) == fence {
				fence = ""
			} else if strings.HasPrefix(strings.TrimLeft(l, " "), fence) {
				t.Errorf("%q inside a block fenced with %q", l, fence)
			}
		case strings.HasPrefix(l, "```") && strings.Trim(l, "`") == "":
			fence = l
		case strings.HasPrefix(l, "<!--"):
			if !markerLine.MatchString(l) {
				t.Errorf("the marker: %q", l)
			}
		case strings.HasPrefix(l, "[Analysis "):
			if l != "[Analysis 0198c0de-0000-7000-8000-000000000000](https://judged.example.com/analyses/1?a=b&amp;c=d)" {
				t.Errorf("the link: %q", l)
			}
		case strings.HasPrefix(l, "<details"):
			sections++
			if !summaryTag.MatchString(l) || sections > 1 {
				t.Errorf("section %d: %q", sections, l)
			}
		case strings.HasPrefix(l, "</details"):
			sections--
			if l != "</details>" {
				t.Errorf("%q", l)
			}
		case strings.HasPrefix(l, "|"):
			n := strings.Count(l, "|")
			if columns == 0 {
				columns = n
			}
			if n != columns {
				t.Errorf("%d instead of %d vertical lines: %q", n, columns, l)
			}
			continue
		case l != "" && !strings.ContainsAny(string([]rune(l)[:1]), "#*\\-`…") && !regexp.MustCompile(`^(Compared|score|A healthy|Several judges|baseline|canary)`).MatchString(l):
			// A name with a vertical line is prose and starts a line of the queries.
			if !strings.Contains(l, "&#124;") {
				t.Errorf("a line starts with a text: %q", l)
			}
		}
		columns = 0
	}
	if fence != "" || sections != 0 {
		t.Errorf("open at the end: fence %q, %d sections", fence, sections)
	}
}

// No name ends the marker, and no address is anything but one.
func TestMarkdownMarkerAndLink(t *testing.T) {
	for name, want := range map[string]string{
		"checkout.eu-1_a":       "<!-- judged: checkout.eu-1_a -->",
		"--><script>x</script>": "<!-- judged: --__script_x__script_ -->",
		"":                      "<!-- judged: judged -->",
	} {
		r := passing()
		r.Config = name
		if got, _, _ := strings.Cut(markdown(t, r), "\n"); got != want {
			t.Errorf("config %q: got %q, want %q", name, got, want)
		}
	}
	for address, want := range map[string]bool{
		"https://judged.example.com/analyses/0198": true, "http://127.0.0.1:8390/a?b=c&d=%20": true,
		"": false, "javascript:alert(1)": false, "https://x) [y](http://z": false, "https://x\ny": false, "//x": false, "https://x|y": false,
		"https://" + strings.Repeat("x", 3000): false,
	} {
		if got := (Link{URL: address}).address() != ""; got != want {
			t.Errorf("%q is shown as a link: %v", address, got)
		}
	}
	var b strings.Builder
	if err := Markdown(&b, passing(), Link{ID: "0198`*c"}); err != nil || !strings.HasSuffix(b.String(), "\nAnalysis ``0198`*c``\n") {
		t.Errorf("%v: %s", err, b.String())
	}
}

// Folded is only what passed and is not critical; many rows are folded, too.
func TestMarkdownShowsWhatMatters(t *testing.T) {
	for what, c := range map[string]struct {
		result        *analysis.Result
		shown, folded []string
	}{
		"fail": {failing(), []string{"latency-p99", "errors", "cpu per request"}, []string{"memory", "cache hits", "queue lag"}},
		"pass": {passing(), []string{"latency-p99"}, []string{"memory", "cache hits", "queue lag"}},
	} {
		open, folds, _ := strings.Cut(markdown(t, c.result), "<details>")
		for _, name := range c.shown {
			if !strings.Contains(open, "| `"+name+"`") {
				t.Errorf("%s: %s is not shown:\n%s", what, name, open)
			}
		}
		for _, name := range c.folded {
			if strings.Contains(open, "| `"+name+"`") || !strings.Contains(folds, "| `"+name+"`") {
				t.Errorf("%s: %s is not folded:\n%s", what, name, open)
			}
		}
	}
}

func TestMarkdownStructure(t *testing.T) {
	for _, c := range goldenCases() {
		t.Run(c.name, func(t *testing.T) { checkMarkdown(t, markdown(t, c.result)) })
	}
}

var active = regexp.MustCompile("(^|[^\\\\])(\\\\\\\\)*[`*_~\\[\\]<>$]|\\||[@#!][0-9A-Za-z]|[^\\\\]://|(?i)www\\.|gh-[0-9]")

func FuzzMarkdown(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, name, reason, query string, level, low, high float64, _ int) {
		checkMarkdown(t, markdown(t, fuzzed(name, reason, query, level, low, high)))
		// Entities are our own.
		p := strings.NewReplacer("&#124;", " ", "&amp;", " ").Replace(prose(line(reason)))
		if strings.Contains(p, "&") || active.MatchString(p) {
			t.Errorf("prose(%q) is active Markdown: %q", reason, p)
		}
	})
}
