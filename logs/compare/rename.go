package compare

import (
	"fmt"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
)

// What makes a lost and a new message the same, in other words.
const (
	renameLikeness = 0.6 // of their words (Jaccard)
	renameCount    = 2   // at most so many times as often
	// mostRenamed bounds how many lost messages are compared with a new one.
	mostRenamed = 500
)

// rename joins what is new with what was lost, of the same logger and level, if they
// are much alike and as frequent: somebody changed the text. The loss need not be
// certain, which takes more than that of something new; but a text that says
// something worse than before is news.
func (c *Comparison) rename(all []judge.Change, of []*row) []judge.Change {
	lost, gone := c.lost(), map[[2]string]bool{}
	for i := range all {
		change := &all[i]
		if i == maxChanges || change.Kind != judge.New && (change.Kind != judge.Up || of[i].baseline.lines > 0) {
			continue
		}
		best, at := renameLikeness, -1
		for k, r := range lost {
			if r == nil || (r.skeleton < 0) != (of[i].skeleton < 0) || !c.replaces(of[i], r) {
				continue
			}
			if like := jaccard(c.text(of[i]), c.text(r)); like >= best {
				best, at = like, k
			}
		}
		if at < 0 {
			continue
		}
		was := &c.templates[lost[at].template]
		gone[[2]string{id(was), c.options.Clean(c.text(lost[at]))}] = true
		*change = c.renamed(*change, of[i], lost[at])
		lost[at] = nil
	}
	out := all[:0]
	for _, change := range all {
		if change.Kind != judge.Lost || !gone[[2]string{change.ID, change.Name}] {
			out = append(out, change)
		}
	}
	return out
}

// lost returns what the baseline has and the canary seems to have lost.
func (c *Comparison) lost() []*row {
	var lost []*row
	for k, rows := range [][]row{c.rows, c.parts} {
		for i := range rows {
			if c.results[k][i].Kind == judge.Lost && len(lost) < mostRenamed {
				lost = append(lost, &rows[i])
			}
		}
	}
	return lost
}

// replaces reports whether a row of the canary may be one of the baseline in other
// words.
func (c *Comparison) replaces(now, was *row) bool {
	a, b := &c.templates[now.template], &c.templates[was.template]
	if a.Level != b.Level || a.Logger != b.Logger {
		return false
	}
	s := Severity{LevelsOnly: c.options.Severity.LevelsOnly}
	worse, _ := s.more(a.Level, c.text(now))
	before, _ := s.more(b.Level, c.text(was))
	ratio := now.item.Canary.Rate() / was.item.Baseline.Rate()
	return worse <= before && ratio <= renameCount && ratio >= 1./renameCount
}

// renamed returns the change of a row that has replaced another.
func (c *Comparison) renamed(change judge.Change, now, was *row) judge.Change {
	t, before := &c.templates[now.template], c.change(was, judge.Lost, occurrences.Result{})
	change.Kind, change.Was, change.Baseline = judge.Renamed, before.Name, before.Baseline
	if change.Severity, change.Why = c.options.Severity.Of(judge.Renamed, change.ID, t.Level, c.text(now), c.options.Now); change.Why == "" {
		change.Why = fmt.Sprintf("it replaces %s, which says nearly the same as often", before.ID)
	}
	return change
}

// jaccard returns the share of words that two texts have in common.
func jaccard(a, b string) float64 {
	words := map[string]uint8{}
	for w := range strings.FieldsSeq(a) {
		words[w] |= 1
	}
	for w := range strings.FieldsSeq(b) {
		words[w] |= 2
	}
	both := 0
	for _, in := range words {
		if in == 3 {
			both++
		}
	}
	if len(words) == 0 {
		return 0
	}
	return float64(both) / float64(len(words))
}
