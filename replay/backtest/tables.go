package backtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The groups of columns.
const (
	alarmsGroup = "healthy cases that FAIL"
	foundGroup  = "faulty cases that FAIL"
)

// grids returns the tables of a report, the most important first.
func (r *Report) grids() []grid {
	out := []grid{r.rates("Rates", nil, r.Overall)}
	if r.LookEvery > 0 {
		out = append(out, r.looks())
	}
	out = append(out, r.verdicts())
	for _, t := range r.Tables {
		names := make([]string, len(t.By))
		for i, d := range t.By {
			names[i] = string(d)
		}
		out = append(out, r.rates("By "+strings.Join(names, ", "), t.By, t.Rows))
	}
	return out
}

// names are the cells that name a row: its stratum, and the judge where that
// is not always the same.
func (r *Report) names(row Row) []string {
	out := make([]string, 0, len(row.Stratum)+1)
	for _, s := range row.Stratum {
		out = append(out, plain(s))
	}
	if len(r.Judges) > 1 || len(row.Stratum) == 0 {
		out = append(out, row.Judge)
	}
	return out
}

func (r *Report) nameColumns(by []Dimension) []column {
	columns := make([]column, 0, len(by)+1)
	for _, d := range by {
		columns = append(columns, column{title: string(d)})
	}
	if len(r.Judges) > 1 || len(by) == 0 {
		columns = append(columns, column{title: "judge"})
	}
	return columns
}

func (r *Report) rates(title string, by []Dimension, rows []Row) grid {
	g := grid{title: title, columns: r.nameColumns(by)}
	g.names = len(g.columns)
	g.columns = append(
		g.columns,
		column{alarmsGroup, "macro"}, column{alarmsGroup, "pooled"}, column{alarmsGroup, "interval"}, column{alarmsGroup, "cases"},
		column{foundGroup, "must-catch"}, column{foundGroup, "pooled"}, column{foundGroup, "interval"}, column{foundGroup, "cases"},
		column{"", "AUC"},
	)
	for _, row := range rows {
		healthy, faulty := row.Healthy.Failed(), row.Faulty.Failed()
		g.rows = append(g.rows, append(
			r.names(row),
			percent(row.FalseAlarms.Value), percent(healthy.Value()), between(healthy), countOf(healthy.Cases),
			percent(row.MustCatch.Value), percent(faulty.Value()), between(faulty), countOf(faulty.Cases),
			areaText(row.AUC),
		))
	}
	if len(by) > 0 {
		g.dropEmpty()
	}
	return g
}

// countOf is a count that is none where the stratum has no such cases.
func countOf(n int) string {
	if n == 0 {
		return none
	}
	return number(n)
}

func areaText(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (r *Report) verdicts() grid {
	const healthy, faulty = "healthy", "faulty"
	g := grid{title: "Verdicts", columns: r.nameColumns(nil), names: 1}
	for _, group := range []string{healthy, faulty} {
		for _, verdict := range []string{"FAIL", "INCONCLUSIVE", "PASS", "ERROR"} {
			g.columns = append(g.columns, column{group, verdict})
		}
	}
	for _, row := range r.Overall {
		cells := r.names(row)
		for _, group := range []Group{row.Healthy, row.Faulty} {
			for _, n := range []int{group.Fail, group.Inconclusive, group.Pass, group.Error} {
				cells = append(cells, number(n))
			}
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

func (r *Report) looks() grid {
	const healthy, faulty = "healthy cases that FAIL at any look", "faulty cases that FAIL at any look"
	g := grid{title: "A look every " + plural(r.LookEvery, "interval", "intervals"), columns: r.nameColumns(nil), names: 1}
	for _, group := range []string{healthy, faulty} {
		g.columns = append(g.columns, column{group, "pooled"}, column{group, "interval"}, column{group, "first FAIL"})
	}
	for _, row := range r.Overall {
		cells := r.names(row)
		for _, group := range []Group{row.Healthy, row.Faulty} {
			rate := group.FailedAtAnyLook()
			first := none
			if group.AnyLook > 0 {
				first = fmt.Sprintf("after %d of %d", group.MedianFirstFail, group.MedianWindow)
			}
			cells = append(cells, percent(rate.Value()), between(rate), first)
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// headline says what was judged.
func (r *Report) headline() string {
	parts := []string{number(r.Healthy) + " healthy", number(r.Faulty) + " faulty"}
	if r.Unlike > 0 {
		parts = append(parts, number(r.Unlike)+" not scored")
	}
	text := plural(r.Cases, "case", "cases") + ": " + strings.Join(parts, ", ")
	if r.Partial {
		text = "PARTIAL, stopped before the end: " + text
	}
	if r.Skipped > 0 {
		text += fmt.Sprintf("; skipped %s, the first: %v", plural(r.Skipped, "malformed line", "malformed lines"), r.FirstSkipped)
	}
	return text
}

// notes say how to read the tables; only what the report has.
func (r *Report) notes() []string {
	var notes []string
	some := func(has func(Row) bool) bool { return slices.ContainsFunc(r.Overall, has) }
	if some(func(row Row) bool { return row.FalseAlarms.Cells > 0 }) {
		notes = append(notes, fmt.Sprintf("macro: the mean over %s of source, pairing, shape and window, so that none decides by its size.",
			plural(r.Overall[0].FalseAlarms.Cells, "cell", "cells")))
	}
	notes = append(notes, "interval: Wilson's 95% interval of the pooled rate, as if no two cases shared machines or times.")
	if some(func(row Row) bool { return row.MustCatch.Cells > 0 }) {
		notes = append(notes, fmt.Sprintf("must-catch: the mean over %s that a judge has to find: "+
			"shift or drop from 10%%, ramp from 20%%, count from 50%%, tail from 100%%, dark.", plural(r.Overall[0].MustCatch.Cells, "regression", "regressions")))
	}
	if some(func(row Row) bool { return !math.IsNaN(row.AUC) }) {
		notes = append(notes, "AUC: how often a faulty case is more suspicious to the judge than a healthy one, whatever its threshold; 0.5 is chance.")
	}
	if r.LookEvery > 0 {
		notes = append(notes, "first FAIL: the median, over the cases that FAIL at any look, of the intervals until the first one, and of their windows.")
	}
	if r.Unlike > 0 {
		notes = append(notes, fmt.Sprintf("not scored: healthy cases with the pairing %s, whose arms are known to differ; see them with --by pairing.", unlike))
	}
	return notes
}
