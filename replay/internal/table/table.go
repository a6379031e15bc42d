package table

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Table has one row of cells a line. Names align left, numbers right.
type Table struct {
	Title string
	// Columns are the titles; the first Names of them name the row.
	Columns []string
	Names   int
	Rows    [][]string
}

// Add appends a row, which must have a cell for each column.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Drop removes the columns that hold only this text in every row: what says
// nothing should not be read. Names stay.
func (t *Table) Drop(nothing string) {
	var keep []int
	for c := range t.Columns {
		said := c < t.Names
		for _, row := range t.Rows {
			said = said || row[c] != nothing
		}
		if said {
			keep = append(keep, c)
		}
	}
	t.Columns = pick(t.Columns, keep)
	for i, row := range t.Rows {
		t.Rows[i] = pick(row, keep)
	}
}

func pick(from []string, keep []int) []string {
	out := make([]string, len(keep))
	for i, k := range keep {
		out[i] = from[k]
	}
	return out
}

// gap separates columns.
const gap = "  "

// lines returns the head and the rows, all as wide as their widest cells.
func (t *Table) lines() (head string, rows []string) {
	widths := make([]int, len(t.Columns))
	for c, title := range t.Columns {
		widths[c] = displaywidth.String(title)
		for _, row := range t.Rows {
			widths[c] = max(widths[c], displaywidth.String(row[c]))
		}
	}
	line := func(cells []string) string {
		var b strings.Builder
		for c, text := range cells {
			if c > 0 {
				b.WriteString(gap)
			}
			pad := strings.Repeat(" ", widths[c]-displaywidth.String(text))
			if c < t.Names {
				b.WriteString(text + pad)
			} else {
				b.WriteString(pad + text)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	for _, row := range t.Rows {
		rows = append(rows, line(row))
	}
	return line(t.Columns), rows
}
