package template

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// How many different words in one place make it variable. On labelled lines
// (evaluation/logs) 4 and 5 plain words give the same, with 8 names of users stay
// apart; 5 at the beginning of a message merge different statements, and so do 2
// that are exchanged.
const (
	manyWords = 5
	// manyByMask, where also a mask stands.
	manyByMask = 2
	// manyFirst, at the beginning of a message, which is seldom variable.
	manyFirst = 20
	// manyConstants, if most are words that statements are made of.
	manyConstants = 20
	// manyExchanged, that stand for each other in other places too.
	manyExchanged = 3

	// manyAlike lines that agree in all but their rare words, which are in at most
	// rareWord lines, vary in these words.
	manyAlike = 10
	rareWord  = 2
)

// variable returns the places of sequences that turn out to be variable.
func (m *merger) variable() map[int][]int {
	found := map[int][]int{}
	m.columns(found)
	if len(found) == 0 {
		m.alike(found)
	}
	return found
}

// place is a word of a sequence, and what stands around it as a hash.
type place struct {
	around   uint64
	sequence int32
	at       int32
}

// columns finds words that stand for each other: sequences that are the same but
// for the word in one place.
func (m *merger) columns(found map[int][]int) {
	var places []place
	var before []uint64
	for s, q := range m.sequences {
		before = append(before[:0], k0)
		for _, t := range q.tokens {
			before = append(before, mum(before[len(before)-1]^k1, uint64(t.id)<<1^k2))
		}
		after := uint64(len(q.tokens))
		for i, t := range slices.Backward(q.tokens) {
			if k := m.kind(t); k == maskToken || k == wordToken && !m.isKeyAt(q.tokens, i) {
				places = append(places, place{mum(before[i]^k3, after^k0), int32(s), int32(i)})
			}
			after = mum(after^k2, uint64(t.id)<<1^k3)
		}
	}
	places = shared(places)
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.around, b.around) })
	var open [][]place
	for start := 0; start < len(places); {
		end := start + 1
		for end < len(places) && places[end].around == places[start].around {
			end++
		}
		if end-start > 1 {
			open = append(open, places[start:end])
		}
		start = end
	}
	open = slices.DeleteFunc(open, func(g []place) bool { return m.settle(found, g, m.stand) })
	open = slices.DeleteFunc(open, func(g []place) bool { return m.settle(found, g, m.known) })
	contexts := map[int32]int{}
	for _, g := range open {
		for _, p := range g {
			contexts[m.word(p)]++
		}
	}
	for _, g := range open {
		m.settle(found, g, func(g []place) bool { return m.exchanged(g, contexts) })
	}
}

// shared drops most places that are alone with what stands around them, which most
// are, so that the rest is cheap to sort.
func shared(places []place) []place {
	seen := make([]uint8, 4<<bits.Len(uint(len(places))))
	for _, p := range places {
		if c := &seen[p.around%uint64(len(seen))]; *c < 2 {
			*c++
		}
	}
	return slices.DeleteFunc(places, func(p place) bool { return seen[p.around%uint64(len(seen))] < 2 })
}

func (m *merger) word(p place) int32 { return m.sequences[p.sequence].tokens[p.at].id }

// settle makes the places of a group variable if decide says so.
func (m *merger) settle(found map[int][]int, group []place, decide func([]place) bool) bool {
	if !decide(group) {
		return false
	}
	for _, p := range group {
		if id := m.word(p); id != maskID {
			found[int(p.sequence)] = append(found[int(p.sequence)], int(p.at))
			m.values[id] = true
		}
	}
	return true
}

// known says that all words of a group are known to be values.
func (m *merger) known(group []place) bool {
	for _, p := range group {
		if id := m.word(p); p.at == 0 || id != maskID && (!m.values[id] || m.isConstant(id)) {
			return false
		}
	}
	return true
}

// exchanged says that enough words of a group stand for each other elsewhere too:
// names of users, of services, of queues.
func (m *merger) exchanged(group []place, contexts map[int32]int) bool {
	n := 0
	for _, p := range group {
		id := m.word(p)
		if p.at == 0 || m.isConstant(id) {
			return false
		}
		if id != maskID && contexts[id] > 1 {
			n++
		}
	}
	return n >= manyExchanged
}

// stand decides whether the words in these places are values, by their number.
func (m *merger) stand(group []place) bool {
	masked, constants := 0, 0
	for _, p := range group {
		if id := m.word(p); id == maskID {
			masked++
		} else if m.isConstant(id) {
			constants++
		}
	}
	n := len(group) - masked
	at, tokens := int(group[0].at), m.sequences[group[0].sequence].tokens
	switch {
	case at == 0:
		return n >= manyFirst
	case 2*constants >= n:
		return n >= manyConstants
	case masked > 0 && at+1 < len(tokens) && m.kind(tokens[at-1]) == openToken && m.kind(tokens[at+1]) == closeToken:
		return true // alone in brackets, as the mask is
	case masked > 0:
		return n >= manyByMask
	default:
		return n >= manyWords
	}
}

// alike finds sequences that are the same but for rare words, at most two in five:
// several variable places whose values never meet twice.
func (m *merger) alike(found map[int][]int) {
	frequency := make([]int, len(m.texts))
	for _, q := range m.sequences {
		for _, t := range q.tokens {
			frequency[t.id]++
		}
	}
	const free = 1 << 40 // no token's number
	groups := map[uint64][]int{}
	for s, q := range m.sequences {
		h := uint64(len(q.tokens))
		rare, words := 0, 0
		for i, t := range q.tokens {
			id := uint64(t.id)
			if m.kind(t) == wordToken {
				words++
				if i > 0 && frequency[t.id] <= rareWord && !m.isKeyAt(q.tokens, i) {
					id = free
					rare++
				}
			}
			h = mum(h^k1, id^k2)
		}
		if rare > 0 && 5*rare <= 2*words {
			groups[h] = append(groups[h], s)
		}
	}
	for _, g := range groups {
		if len(g) < manyAlike {
			continue
		}
		model := m.sequences[g[0]].tokens
		for i := range model {
			if !slices.ContainsFunc(g, func(s int) bool { return m.sequences[s].tokens[i].id != model[i].id }) {
				continue
			}
			for _, s := range g {
				found[s] = append(found[s], i)
			}
		}
	}
}

// isKeyAt says that a word names what follows it: a key, a function, a heading.
func (m *merger) isKeyAt(tokens []token, i int) bool {
	if i+1 >= len(tokens) || tokens[i+1].space {
		return false
	}
	k := m.kind(tokens[i+1])
	return k == equalsToken || k == colonToken || k == openToken
}

// isConstant says that a word is one that statements are made of rather than
// values: a verb form, the class of an exception, a name in capitals, a
// preposition.
func (m *merger) isConstant(id int32) bool {
	text := m.texts[id]
	if particles[text] {
		return true
	}
	for _, ending := range []string{"ed", "ing", "Exception", "Error"} {
		if strings.HasSuffix(text, ending) {
			return true
		}
	}
	upper := 0
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' {
			return false
		}
		if 'A' <= c && c <= 'Z' {
			upper++
		}
	}
	return upper >= 2
}

// particles are the words of English that hold a sentence together.
var particles = map[string]bool{
	"a": true, "an": true, "and": true, "any": true, "are": true, "as": true, "at": true, "be": true, "been": true, "by": true,
	"can": true, "cannot": true, "could": true, "does": true, "for": true, "from": true, "has": true, "have": true, "if": true,
	"in": true, "into": true, "is": true, "it": true, "no": true, "not": true, "of": true, "off": true, "on": true, "or": true,
	"out": true, "over": true, "that": true, "the": true, "this": true, "to": true, "was": true, "were": true, "will": true,
	"with": true, "without": true,
}
