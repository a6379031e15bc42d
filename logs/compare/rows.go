package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/template"
)

// row is one thing that is tested: a template, or a skeleton of one.
type row struct {
	// template is its place in Comparison.templates; skeleton its place in
	// Comparison.skeletons, -1 for a template.
	template, skeleton int
	baseline, canary   side
	item               occurrences.Item
	// requests says that item counts requests and not lines.
	requests bool
	// known says that the time before the release had it.
	known bool
	// doubtful says that lines of it may be among those that were not kept.
	doubtful bool
}

// side is what one side has of a row.
type side struct {
	lines, traced uint64
	requests      mine.Distinct
	cells         mine.Cells
	first         int64
	members       []*mine.Skeleton
}

// take adds a skeleton of a side's Miner; true if lines of it may be missing.
func (s *side) take(m *mine.Miner, hash uint64) (doubtful bool) {
	one := m.Find(hash)
	if one == nil {
		return m.Overflow.MayHave(hash)
	}
	s.add(one)
	return m.Overflow.MayMiss(hash)
}

func (s *side) add(one *mine.Skeleton) {
	s.lines += one.Lines
	s.traced += one.Traced
	if one.First != 0 && (s.first == 0 || one.First < s.first) {
		s.first = one.First
	}
	s.members = append(s.members, one)
}

// finish joins the members' requests and cells.
func (s *side) finish() {
	switch len(s.members) {
	case 0:
	case 1:
		s.requests, s.cells = s.members[0].Requests, s.members[0].Cells
	default:
		sets := make([]*mine.Distinct, len(s.members))
		for i, m := range s.members {
			sets[i] = &m.Requests
		}
		s.requests = *mine.Union(sets...)
		for _, m := range s.members {
			s.cells = append(s.cells, m.Cells...)
		}
		s.cells = s.cells.Sum()
	}
}

// at returns when the side first had it.
func (s *side) at() time.Time {
	if s.first == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.first).UTC()
}

// merge finds the templates of all sides together.
func (c *Comparison) merge() {
	at := map[uint64]bool{}
	var all []template.Skeleton
	for _, m := range c.miners() {
		for i := range m.Len() {
			s := m.At(i)
			if !at[s.Hash] {
				at[s.Hash] = true
				all = append(all, m.Shape(i))
				c.skeletons, c.texts = append(c.skeletons, s.Hash), append(c.texts, s.Text)
			}
		}
	}
	c.templates = template.Merge(all)
}

// miners returns the sides that there are, the canary last.
func (c *Comparison) miners() []*mine.Miner {
	if c.sides.History == nil {
		return []*mine.Miner{c.sides.Baseline, c.sides.Canary}
	}
	return []*mine.Miner{c.sides.Baseline, c.sides.History, c.sides.Canary}
}

// count makes the rows of templates, and of the skeletons of those that have
// several.
func (c *Comparison) count() {
	moved := c.moved()
	for t := range c.templates {
		whole := row{template: t, skeleton: -1}
		var parts []row
		byText := map[string]int{}
		for _, k := range c.templates[t].Members {
			c.take(&whole, c.skeletons[k])
			at := len(parts)
			if text := c.texts[k]; moved[c.templates[t].Logger] {
				if was, ok := byText[text]; ok {
					at = was
				}
				byText[text] = at
			}
			if at == len(parts) {
				parts = append(parts, row{template: t, skeleton: k})
			}
			c.take(&parts[at], c.skeletons[k])
		}
		whole.close()
		c.rows = append(c.rows, whole)
		if len(parts) > 1 {
			for i := range parts {
				parts[i].close()
			}
			slices.SortFunc(parts, func(a, b row) int { return strings.Compare(c.texts[a.skeleton], c.texts[b.skeleton]) })
			c.parts = append(c.parts, parts...)
		}
	}
}

// moved returns the loggers whose source was edited, as far as the numbers of its
// lines tell: the canary writes from lines that nobody wrote from before. Such
// numbers mean something else on either side.
func (c *Comparison) moved() map[string]bool {
	type site struct {
		logger string
		number uint32
	}
	known, moved := map[site]bool{}, map[string]bool{}
	for _, m := range c.miners() {
		for i := range m.Len() {
			s := m.At(i)
			if s.Site == 0 {
				continue
			}
			at := site{m.Logger(s), s.Site}
			if m != c.sides.Canary {
				known[at] = true
			} else if !known[at] {
				moved[at.logger] = true
			}
		}
	}
	return moved
}

// take adds one skeleton to a row.
func (c *Comparison) take(r *row, hash uint64) {
	r.doubtful = r.baseline.take(c.sides.Baseline, hash) || r.doubtful
	r.doubtful = r.canary.take(c.sides.Canary, hash) || r.doubtful
	if h := c.sides.History; h != nil && (h.Find(hash) != nil || h.Overflow.MayHave(hash)) {
		r.known = true
	}
}

func (r *row) close() {
	r.baseline.finish()
	r.canary.finish()
}

// fill makes the items that are tested.
func (c *Comparison) fill() {
	baseline, canary := sample{all: &c.sides.Baseline.Requests}, sample{all: &c.sides.Canary.Requests}
	for _, rows := range [][]row{c.rows, c.parts} {
		for i := range rows {
			r := &rows[i]
			// A side that has it without trace ids would count as one that has it not.
			if r.requests = c.traced && r.baseline.mostlyTraced() && r.canary.mostlyTraced(); r.requests {
				r.item = occurrences.Item{
					Shares: true, Baseline: baseline.share(&r.baseline.requests), Canary: canary.share(&r.canary.requests),
				}
				continue
			}
			r.item = occurrences.Item{
				Baseline: judge.Tally{Events: float64(r.baseline.lines), Exposure: c.exposure.baseline},
				Canary:   judge.Tally{Events: float64(r.canary.lines), Exposure: c.exposure.canary},
			}
		}
	}
}

func (s *side) mostlyTraced() bool { return 2*s.traced >= s.lines }

// sample is the requests of a side, of which one in 2^level is looked at: all of them
// for what is rare. Which ones depends on their ids alone, so that a share in the
// sample is one of all, whatever the level on the other side.
type sample struct {
	all *mine.Distinct
	// size is how many there are by level; 0: not known yet.
	size [64]float64
}

// share returns how many requests of the sample hold a thing.
func (s *sample) share(has *mine.Distinct) judge.Tally {
	size := &s.size[min(has.Level, 63)]
	if *size == 0 {
		if *size = s.all.AtLevel(has.Level); has.Level < s.all.Level {
			*size = s.all.Count() / sampling(has) // not all are kept: an estimate
		}
	}
	return judge.Tally{Events: float64(has.Len()), Exposure: *size}
}

// sampling returns of how many requests one is in the sample.
func sampling(d *mine.Distinct) float64 { return math.Ldexp(1, int(d.Level)) }

// id returns the identity of a template as it is shown.
func id(t *template.Template) string { return fmt.Sprintf("%016x", t.ID) }

// text returns what a row is called.
func (c *Comparison) text(r *row) string {
	if r.skeleton >= 0 {
		for _, s := range []*side{&r.canary, &r.baseline} {
			if len(s.members) > 0 {
				return s.members[0].Text
			}
		}
	}
	return c.templates[r.template].Text
}

// instances returns where a side has a row, the busiest first, and how many
// instances that are.
func instances(m *mine.Miner, s *side) (names []string, n int) {
	lines := map[uint16]uint64{}
	for _, c := range s.cells {
		lines[c.Instance] += uint64(c.Lines)
	}
	order := make([]uint16, 0, len(lines))
	for i := range lines {
		if m.Instances()[i] != "" {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b uint16) int {
		if lines[a] != lines[b] {
			if lines[a] > lines[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(m.Instances()[a], m.Instances()[b])
	})
	for _, i := range order[:min(len(order), maxInstances)] {
		names = append(names, m.Instances()[i])
	}
	return names, len(order)
}

// maxInstances bounds the instances that a change names.
const maxInstances = 5
