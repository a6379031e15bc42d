package table

import (
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/report"
)

func TestText(t *testing.T) {
	p := NewPage(report.TextOptions{Width: 20})
	p.Headline("a sentence that is wider than the device")
	tab := &Table{Title: "Sizes", Columns: []string{"name", "n", "gone"}, Names: 1}
	tab.Add("wide 日本", "1", None)
	tab.Add("x", "1,234", None)
	tab.Drop(None)
	p.Table(tab)
	var b strings.Builder
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	const want = `a sentence that is
  wider than the
  device

Sizes
name           n
────────────────
wide 日本      1
x          1,234
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestDevices(t *testing.T) {
	var plain, coloured strings.Builder
	for b, o := range map[*strings.Builder]report.TextOptions{&plain: {ASCII: true}, &coloured: {Color: true}} {
		p := NewPage(o)
		p.Headline("5 ± 1 – …")
		if _, err := p.WriteTo(b); err != nil {
			t.Fatal(err)
		}
	}
	if plain.String() != "5 +- 1 - ...\n" || coloured.String() != "\x1b[1m5 ± 1 – …\x1b[0m\n" {
		t.Errorf("%q, %q", plain.String(), coloured.String())
	}
}

func TestMarkdown(t *testing.T) {
	tab := &Table{Columns: []string{"name", "n"}, Names: 1}
	tab.Add("a|b*<i>", "1")
	if got, want := tab.Markdown(), "| name | n |\n|---|--:|\n| a\\|b\\*&lt;i> | 1 |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Percent(0):             "0%",
		Percent(1):             "100%",
		Percent(0.1234):        "12.3%",
		Percent(-2.5):          "-250%",
		Percent(math.NaN()):    None,
		Percent(math.Inf(1)):   "∞",
		Between(0, 0.5):        "0.0 to 50.0%",
		Number(-1234567):       "-1,234,567",
		Number(999):            "999",
		Plural(1, "one", "no"): "1 one",
		Name("a\x1b[0m"):       `"a\x1b[0m"`,
		Name("p99"):            "p99",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Name(strings.Repeat("x", 100)); got != `"`+strings.Repeat("x", 80)+`"…` {
		t.Errorf("a long name is %q", got)
	}
}
