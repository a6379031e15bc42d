package backtest

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// grid is a table on its way to text or Markdown.
type grid struct {
	title   string
	columns []column
	rows    [][]string
	// names is how many of the first columns name the row.
	names int
}

// column is one of a grid. Neighbours of the same group share a title.
type column struct{ group, title string }

// dropEmpty removes the columns that say nothing in any row.
func (g *grid) dropEmpty() {
	var keep []int
	for c := range g.columns {
		said := c < g.names
		for _, row := range g.rows {
			said = said || row[c] != none
		}
		if said {
			keep = append(keep, c)
		}
	}
	g.columns = pick(g.columns, keep)
	for i, row := range g.rows {
		g.rows[i] = pick(row, keep)
	}
}

func pick[T any](from []T, keep []int) []T {
	out := make([]T, len(keep))
	for i, k := range keep {
		out[i] = from[k]
	}
	return out
}

// The gap between columns, and the wider one between groups.
const (
	gap      = 2
	groupGap = 4
)

// lines returns the grid as text: the head, and the rows. Names that repeat
// those of the row above are left out, but not in the last column of names.
func (g *grid) lines() (head, rows []string) {
	widths := make([]int, len(g.columns))
	for c, column := range g.columns {
		widths[c] = displaywidth.String(column.title)
		for _, row := range g.rows {
			widths[c] = max(widths[c], displaywidth.String(row[c]))
		}
	}
	gaps := g.spread(widths)
	line := func(cell func(c int) string) string {
		var b strings.Builder
		for c, w := range widths {
			text := cell(c)
			pad := strings.Repeat(" ", max(w-displaywidth.String(text), 0))
			b.WriteString(strings.Repeat(" ", gaps[c]))
			if c < g.names {
				b.WriteString(text + pad)
			} else {
				b.WriteString(pad + text)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	if top := g.groupLine(widths, gaps); top != "" {
		head = append(head, top)
	}
	head = append(head, line(func(c int) string { return g.columns[c].title }))
	for i, row := range g.rows {
		same := i > 0
		rows = append(rows, line(func(c int) string {
			if same = same && c < g.names-1 && row[c] == g.rows[i-1][c]; same {
				return ""
			}
			return row[c]
		}))
	}
	return head, rows
}

// spread returns the gap before each column, and widens the last column of a
// group that is narrower than its title.
func (g *grid) spread(widths []int) []int {
	gaps := make([]int, len(widths))
	for c := 1; c < len(widths); c++ {
		gaps[c] = gap
		if g.columns[c].group != g.columns[c-1].group {
			gaps[c] = groupGap
		}
	}
	for c := 0; c < len(widths); {
		end, total := c, -gaps[c]
		for ; end < len(widths) && g.columns[end].group == g.columns[c].group; end++ {
			total += gaps[end] + widths[end]
		}
		widths[end-1] += max(displaywidth.String(g.columns[c].group)-total, 0)
		c = end
	}
	return gaps
}

// groupLine has each group's title over its first column.
func (g *grid) groupLine(widths, gaps []int) string {
	var b strings.Builder
	at, shown := 0, 0
	for c := range widths {
		at += gaps[c]
		if group := g.columns[c].group; group != "" && (c == 0 || group != g.columns[c-1].group) {
			b.WriteString(strings.Repeat(" ", max(at-shown, 0)) + group)
			shown = max(at, shown) + displaywidth.String(group)
		}
		at += widths[c]
	}
	return b.String()
}
