package report

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// someTemplates has every level, a stack trace, and one that is long.
func someTemplates() *Templates {
	row := func(id, level, text string, lines uint64, instances int, over ...uint64) Template {
		return Template{ID: id, Level: level, Text: text, Lines: lines, Instances: instances, First: at(1), Last: at(1500), Over: over, Requests: lines / 2}
	}
	return &Templates{
		Lines: 1_234_567, All: 57, First: at(-120), Last: at(1800),
		Warnings: []string{"12 lines have no time and got that of the line before"},
		List: []Template{
			row("9d0b8a11c4e2f370", "critical", "unhandled exception in <*>\njava.lang.OutOfMemoryError\nat shop.cart.Cart.total", 1, 1, 0, 0, 0, 0, 0, 0, 0, 1),
			row("0f3a9c2e77d01b44", "error", "charge of order <*> failed: dial tcp <*>: connect: connection refused", 1412, 1, 0, 0, 1, 9, 40, 400, 500, 462),
			row("3e3e3e3e00112233", "warn", "retrying <*> (<*> of <*>)", 90210, 12, 1, 2, 3, 4, 5, 6, 7, 8),
			row("5c7e2b9a10ffe3d8", "info", "receipt <*> mailed to <*> by "+strings.Repeat("a long way ", 30), 1_000_000, 12, 8, 8, 8, 8, 8, 8, 8, 8),
			row("77aa01cd93be4f52", "debug", "SELECT <*> took <*>", 100, 12, 1),
			{ID: "c0c0c0c012345678", Text: "no level, no time, no instance", Lines: 7},
		},
	}
}

func TestTemplatesGolden(t *testing.T) {
	for name, o := range map[string]TextOptions{
		"templates": {}, "templates-narrow": {Width: 60}, "templates-80": {Width: 80}, "templates-wide": {Width: 180}, "templates-ascii": {Width: 100, ASCII: true},
	} {
		golden(t, name+".txt", func(w io.Writer) error { return TemplatesText(w, someTemplates(), o) })
	}
	golden(t, "templates.color.txt", func(w io.Writer) error {
		return TemplatesText(w, someTemplates(), TextOptions{Color: true, Width: 140})
	})
	golden(t, "templates.md", func(w io.Writer) error { return TemplatesMarkdown(w, someTemplates()) })
}

func templatesText(t *testing.T, list *Templates, o TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := TemplatesText(&b, list, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkTemplates checks a table in all widths.
func checkTemplates(t *testing.T, list *Templates) {
	t.Helper()
	for _, ascii := range []bool{false, true} {
		for w := minWidth; w <= 220; w += 30 {
			got := templatesText(t, list, TextOptions{Width: w, ASCII: ascii})
			checkPlain(t, got, ascii)
			for l := range strings.SplitSeq(got, "\n") {
				if width(l) > w {
					t.Errorf("%d cells instead of %d: %q", width(l), w, l)
				}
			}
			if painted := templatesText(t, list, TextOptions{Width: w, ASCII: ascii, Color: true}); escapes.ReplaceAllString(painted, "") != got {
				t.Errorf("colours change the text at %d", w)
			}
		}
	}
	var b strings.Builder
	if err := TemplatesMarkdown(&b, list); err != nil {
		t.Fatal(err)
	}
	columns := 0
	for l := range strings.SplitSeq(b.String(), "\n") {
		if n := strings.Count(l, "|"); n > 0 {
			if columns == 0 {
				columns = n
			}
			if n != columns {
				t.Errorf("%d instead of %d vertical lines: %q", n, columns, l)
			}
		}
	}
}

func TestTemplatesStayWithinTheirWidth(t *testing.T) {
	checkTemplates(t, someTemplates())
	checkTemplates(t, &Templates{})
	checkTemplates(t, &Templates{Lines: 1, All: 1, List: []Template{{ID: "1"}}})
	if got := templatesText(t, &Templates{}, TextOptions{}); got != "0 lines · 0 templates\n" {
		t.Errorf("no lines: %q", got)
	}
	if err := TemplatesText(brokenWriter{}, someTemplates(), TextOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("to a broken pipe: %v", err)
	}
}

func FuzzTemplates(f *testing.F) {
	for _, x := range hostile().Findings {
		if len(x.Reason) < 200 {
			f.Add(x.Signal.Name, x.Reason, uint64(12), uint64(3), int64(1e18))
		}
	}
	f.Fuzz(func(t *testing.T, a, b string, x, y uint64, nanos int64) {
		moment := time.Unix(0, nanos)
		checkTemplates(t, &Templates{
			Lines: x, All: 3, First: moment, Last: moment.Add(time.Hour * 30), Warnings: []string{a},
			List: []Template{
				{ID: a, Text: b, Level: a, Lines: x, Requests: y, Instances: int(y % 1000), First: moment, Over: []uint64{x, y, 0}},
				{ID: b, Text: a, Level: "error", Lines: y, Last: moment},
			},
		})
	})
}

func TestBars(t *testing.T) {
	for want, c := range map[string]struct {
		counts []uint64
		cells  int
		ascii  bool
	}{
		"":         {nil, 8, false},
		"▁▂▃▄▅▆▇█": {[]uint64{1, 2, 3, 4, 5, 6, 7, 8}, 8, false},
		".@ +":     {[]uint64{1, 9, 0, 5}, 4, true},
		"█▆":       {[]uint64{5, 5, 4, 3}, 2, false},
	} {
		if got := bars(c.counts, c.cells, c.ascii); got != want {
			t.Errorf("%v in %d cells: got %q, want %q", c.counts, c.cells, got, want)
		}
	}
}
