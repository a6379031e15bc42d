package template

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/judged-dev/judged/logs"
)

// A Skeleton is one kind of masked line: what a [Scanner] made of it.
type Skeleton struct {
	Text   string
	Level  logs.Level
	Logger string
	// Cut says that the line went on, see [Scanner.Cut].
	Cut bool
}

// A Template is what one statement of a program writes, as far as its lines show.
type Template struct {
	// ID is the identity of text, level and logger: the same in every run.
	// It is shown as 16 hexadecimal digits.
	ID     uint64
	Text   string
	Level  logs.Level
	Logger string
	// Members are the indices of the skeletons that belong to it, ascending.
	Members []int
}

// Merge finds the templates of skeletons, those of all sides of a comparison and
// of history together. Each skeleton belongs to exactly one template; levels and
// loggers stay apart. The same set of skeletons gives the same templates in
// whatever order they come. Templates are ordered by level, logger and text.
func Merge(skeletons []Skeleton) []Template {
	bySource := func(a, b int) int {
		x, y := &skeletons[a], &skeletons[b]
		return cmp.Or(cmp.Compare(x.Level, y.Level), strings.Compare(x.Logger, y.Logger), cmp.Compare(a, b))
	}
	order := make([]int, len(skeletons))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, bySource)
	n := &normalizer{vocabulary: newVocabulary()}
	var templates []Template
	for len(order) > 0 {
		first := &skeletons[order[0]]
		end := slices.IndexFunc(order, func(i int) bool {
			return skeletons[i].Level != first.Level || skeletons[i].Logger != first.Logger
		})
		if end < 0 {
			end = len(order)
		}
		m := merger{normalizer: n, groups: map[uint64]*sequence{}, values: map[int32]bool{}}
		m.merge(skeletons, order[:end])
		start := len(templates)
		for _, q := range m.groups {
			slices.Sort(q.members)
			text := n.join(q.tokens)
			id := Mix(sum([]byte(text)), first.Level, []byte(first.Logger))
			templates = append(templates, Template{ID: id, Text: text, Level: first.Level, Logger: first.Logger, Members: q.members})
		}
		slices.SortFunc(templates[start:], func(a, b Template) int { return strings.Compare(a.Text, b.Text) })
		order = order[end:]
	}
	return templates
}

// maxRounds of looking for variable words: one that is found may show the next.
const maxRounds = 4

// merger finds the templates of one level and logger.
type merger struct {
	*normalizer

	groups    map[uint64]*sequence
	sequences []*sequence    // the groups, in any order
	values    map[int32]bool // words that stood in a variable place
}

// sequence is a distinct normalized line.
type sequence struct {
	tokens  []token
	members []int
}

// merge fills groups with the sequences that are templates.
func (m *merger) merge(skeletons []Skeleton, indices []int) {
	for _, i := range indices {
		s := &skeletons[i]
		m.line = m.split(m.line[:0], s.Text)
		m.add(m.normalize(m.line, s.Cut), i)
	}
	for range maxRounds {
		m.sequences = slices.Collect(maps.Values(m.groups))
		found := m.variable()
		if len(found) == 0 {
			break
		}
		for s := range found {
			delete(m.groups, identity(m.sequences[s].tokens))
		}
		for s, places := range found {
			q := m.sequences[s]
			for _, p := range places {
				q.tokens[p].id = maskID
			}
			m.add(m.normalize(q.tokens, false), q.members...)
		}
	}
}

func (m *merger) add(tokens []token, members ...int) {
	id := identity(tokens)
	q := m.groups[id]
	if q == nil {
		q = &sequence{tokens: slices.Clone(tokens)}
		m.groups[id] = q
	}
	q.members = append(q.members, members...)
}

// identity of a sequence among those of one merge.
func identity(tokens []token) uint64 {
	h := uint64(len(tokens))
	for _, t := range tokens {
		id := uint64(t.id) << 1
		if t.space {
			id |= 1
		}
		h = mum(h^k1, id^k2)
	}
	return h
}
