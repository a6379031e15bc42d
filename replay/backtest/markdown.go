package backtest

import (
	"io"
	"strings"
)

// Markdown writes a report as GitHub flavoured Markdown. The error is w's.
func Markdown(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("**" + escape(r.headline()) + "**\n")
	for _, g := range r.grids() {
		b.WriteString("\n### " + g.title + "\n\n")
		titles, rules := make([]string, len(g.columns)), make([]string, len(g.columns))
		for c, column := range g.columns {
			titles[c] = column.title
			// Markdown has no columns that share a title: the first of a group
			// has it.
			if column.group != "" && (c == 0 || g.columns[c-1].group != column.group) {
				titles[c] = column.group + ": " + column.title
			}
			rules[c] = "--:"
			if c < g.names {
				rules[c] = "---"
			}
		}
		writeRow(&b, titles)
		b.WriteString("|" + strings.Join(rules, "|") + "|\n")
		for _, row := range g.rows {
			writeRow(&b, row)
		}
	}
	for _, note := range r.notes() {
		b.WriteString("\n- " + escape(note))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRow(b *strings.Builder, cells []string) {
	for _, cell := range cells {
		b.WriteString("| " + escape(cell) + " ")
	}
	b.WriteString("|\n")
}

// escape keeps names from being read as Markdown or HTML.
var escaper = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "&", "&amp;", "[", `\[`, "]", `\]`, "\n", " ", "\r", " ",
)

func escape(s string) string { return escaper.Replace(s) }
