package table

import "strings"

// Markdown returns the table as GitHub flavoured Markdown.
func (t *Table) Markdown() string {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString("### " + Escape(t.Title) + "\n\n")
	}
	rules := make([]string, len(t.Columns))
	for c := range t.Columns {
		rules[c] = "--:"
		if c < t.Names {
			rules[c] = "---"
		}
	}
	row(&b, t.Columns)
	b.WriteString("|" + strings.Join(rules, "|") + "|\n")
	for _, cells := range t.Rows {
		row(&b, cells)
	}
	return b.String()
}

func row(b *strings.Builder, cells []string) {
	for _, cell := range cells {
		b.WriteString("| " + Escape(cell) + " ")
	}
	b.WriteString("|\n")
}

var escaper = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "&", "&amp;", "[", `\[`, "]", `\]`, "\n", " ", "\r", " ",
)

// Escape keeps names from being read as Markdown or HTML.
func Escape(s string) string { return escaper.Replace(s) }
