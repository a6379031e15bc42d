package template

import "strings"

// token is a word, a mask or a separator of masked text.
type token struct {
	id    int32 // its number in a vocabulary
	space bool  // white space precedes it
}

const maskID = 0

// Kinds of tokens.
const (
	maskToken = iota
	wordToken
	openToken
	closeToken
	commaToken  // , ; separate elements
	colonToken  // :
	equalsToken // =
	otherToken
)

// vocabulary numbers the distinct tokens of a merge.
type vocabulary struct {
	ids   map[string]int32
	texts []string
	kinds []uint8
	signs map[int32]bool // of numbers: < > ~ + #
}

func newVocabulary() *vocabulary {
	v := &vocabulary{ids: map[string]int32{}, signs: map[int32]bool{}}
	v.id(Mask)
	for _, s := range []string{"<", ">", "~", "+", "#", "$"} {
		v.signs[v.id(s)] = true
	}
	return v
}

func (v *vocabulary) id(text string) int32 {
	if id, ok := v.ids[text]; ok {
		return id
	}
	id := int32(len(v.texts))
	v.ids[text] = id
	v.texts = append(v.texts, text)
	kind := uint8(otherToken)
	switch {
	case text == Mask:
		kind = maskToken
	case isWord(text[0]):
		kind = wordToken
	case text == "(" || text == "[" || text == "{":
		kind = openToken
	case text == ")" || text == "]" || text == "}":
		kind = closeToken
	case text == "," || text == ";":
		kind = commaToken
	case text == ":":
		kind = colonToken
	case text == "=":
		kind = equalsToken
	}
	v.kinds = append(v.kinds, kind)
	return id
}

// split appends the tokens of masked text to dst.
func (v *vocabulary) split(dst []token, text string) []token {
	space := false
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == ' ':
			space = true
			i++
			continue
		case strings.HasPrefix(text[i:], Mask):
			i += len(Mask)
		case isWord(c):
			for i < len(text) && isWord(text[i]) {
				i++
			}
			// The end of a sentence is not part of its last word.
			if end := strings.TrimRight(text[start:i], "."); len(end) > 0 && len(end) < i-start {
				i = start + len(end)
			}
		default:
			i++
		}
		dst = append(dst, token{v.id(text[start:i]), space})
		space = false
	}
	return dst
}

func (v *vocabulary) join(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if t.space && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(v.texts[t.id])
	}
	return b.String()
}

const (
	// maxDepth of brackets are understood; what lies deeper is left as it is.
	maxDepth = 32
	// maxPhrase is how many tokens a phrase may have whose repetitions are one.
	maxPhrase = 32
)

type normalizer struct {
	*vocabulary

	in    []token
	cut   bool // the line went on behind in
	out   []token
	floor int     // where the element begins that is being copied
	line  []token // room for in
}

// normalize returns the tokens of a masked line without what only the length
// of its lists and the depth of its structures decide. The result is valid until
// the next call.
func (n *normalizer) normalize(line []token, cut bool) []token {
	n.in, n.cut, n.out, n.floor = line, cut, n.out[:0], 0
	n.element(0, 0)
	if k := len(n.out); k >= 2 && n.kind(n.out[k-1]) == equalsToken && n.kind(n.out[k-2]) == wordToken && !n.out[k-1].space {
		n.out = append(n.out, token{maskID, false})
	}
	n.repeats()
	return n.out
}

func (n *normalizer) kind(t token) uint8 { return n.kinds[t.id] }

// push appends a token. Masks that nothing but a sign divides are one.
func (n *normalizer) push(t token) {
	if k := len(n.out); t.id == maskID && !t.space && k > n.floor && n.out[k-1].space && n.signs[n.out[k-1].id] {
		n.out, t.space = n.out[:k-1], true
	}
	if k := len(n.out); t.id == maskID && k > n.floor {
		j := k
		if !t.space {
			for j > n.floor && !n.out[j-1].space && n.kind(n.out[j-1]) > equalsToken {
				j--
			}
		}
		if j > n.floor && n.out[j-1].id == maskID {
			n.out = n.out[:j]
			return
		}
	}
	n.out = append(n.out, t)
}

// element copies tokens up to a comma or closing bracket of its own depth, which
// it leaves, and returns where that is. Outside of brackets nothing ends it.
func (n *normalizer) element(i, depth int) int {
	floor := n.floor
	defer func() { n.floor = floor }()
	start := len(n.out)
	n.floor = start
	for i < len(n.in) {
		t := n.in[i]
		if n.absent(i) {
			n.out = append(n.out, token{maskID, false})
		}
		switch n.kind(t) {
		case openToken:
			if depth < maxDepth {
				i = n.group(i, depth+1)
				continue
			}
		case closeToken, commaToken:
			if depth > 0 && depth < maxDepth {
				n.pair(start)
				return i
			}
		}
		n.push(t)
		i++
	}
	n.pair(start)
	return i
}

// absent says that an equals sign stands before n.in[i] whose value is missing: a
// comma, a closing bracket or the next key follows.
func (n *normalizer) absent(i int) bool {
	if i < 2 || n.kind(n.in[i-1]) != equalsToken || n.kind(n.in[i-2]) != wordToken || n.in[i-1].space {
		return false
	}
	switch n.kind(n.in[i]) {
	case commaToken, closeToken:
		return true
	case wordToken:
		return n.in[i].space && i+1 < len(n.in) && n.kind(n.in[i+1]) == equalsToken && !n.in[i+1].space
	default:
		return false
	}
}

// group copies a bracket and what it holds.
func (n *normalizer) group(i, depth int) int {
	open := len(n.out)
	opener := n.in[i]
	n.out = append(n.out, opener)
	var previous []token
	count, simple := 0, true
	for closed := false; !closed && i < len(n.in); count++ {
		mark := len(n.out)
		if count > 0 {
			n.out = append(n.out, n.in[i])
		}
		start := len(n.out)
		i = n.element(i+1, depth)
		closed = i < len(n.in) && n.kind(n.in[i]) == closeToken
		e := n.out[start:]
		if len(e) > 1 || len(e) == 1 && n.kind(e[0]) > wordToken {
			simple = false
		}
		switch {
		case count > 0 && n.cut && i == len(n.in), // the end of the element is missing
			count > 0 && same(previous, e):
			n.out = n.out[:mark]
		default:
			previous = e
		}
	}
	before := uint8(otherToken)
	if open > 0 {
		before = n.kind(n.out[open-1])
	}
	value := open
	if before <= wordToken && !opener.space {
		value--
	}
	if value > 0 && n.kind(n.out[value-1]) == equalsToken {
		n.out = append(n.out[:value], token{maskID, n.out[value].space})
		return min(i+1, len(n.in))
	}
	if opener.space && n.restates(open) {
		n.out = n.out[:open]
		return min(i+1, len(n.in))
	}
	listed := before == colonToken || before == equalsToken
	empty := len(n.out) == open+1
	if empty && (listed || opener.space) || !empty && simple && listed {
		n.out = append(n.out[:open+1], token{maskID, false})
	}
	if i < len(n.in) {
		n.out = append(n.out, n.in[i])
		i++
	} else if n.cut {
		n.out = append(n.out, token{n.id(closers[n.texts[opener.id]]), false})
	}
	return i
}

var closers = map[string]string{"(": ")", "[": "]", "{": "}"}

// restates says that the bracket from n.out[open] on is empty or holds a mask
// alone, and follows a mask or a mask and a word in the plural: it says the
// same value once more (an address and its name, bytes in kilobytes), or might have.
func (n *normalizer) restates(open int) bool {
	if inside := n.out[open+1:]; len(inside) > 1 || len(inside) == 1 && inside[0].id != maskID {
		return false
	}
	last := open - 1
	if last > 0 && n.kind(n.out[last]) == wordToken && strings.HasSuffix(n.texts[n.out[last].id], "s") {
		last--
	}
	return last >= 0 && n.out[last].id == maskID
}

// pair masks, in brackets, the value of "key: value" if it is one word, and the
// key of "key=value" if it holds a mask.
func (n *normalizer) pair(start int) {
	if start == 0 {
		return
	}
	e := n.out[start:]
	k := len(e)
	if k >= 3 && n.kind(e[k-1]) == wordToken && n.kind(e[k-2]) == colonToken && n.kind(e[k-3]) <= wordToken {
		e[k-1].id = maskID
	}
	if k >= 3 && e[k-1].id == maskID && n.kind(e[k-2]) == equalsToken && n.hasMask(e[:k-2]) {
		e[0] = token{maskID, e[0].space}
		n.out = append(n.out[:start+1], e[k-2], e[k-1])
	}
}

// same compares tokens, not the space before the first.
func same(a, b []token) bool {
	if len(a) != len(b) || len(a) == 0 {
		return len(a) == len(b)
	}
	if a[0].id != b[0].id {
		return false
	}
	for i := 1; i < len(a); i++ {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// repeats drops from "X, X, X" or "X X X" all X but the first, where X holds a
// mask: a list, written without brackets.
func (n *normalizer) repeats() {
	out := n.out[:0]
	for _, t := range n.out {
		out = append(out, t)
		k := len(out)
		// A phrase that ends with t ended before, at p.
		for p := k - 2; p >= 0 && p >= k-2-maxPhrase; p-- {
			if out[p].id != t.id {
				continue
			}
			if size := k - 1 - p; n.again(out[:p+1], out[k-size:]) {
				out = out[:k-size]
				break
			}
			if size := k - 2 - p; size > 0 && n.kind(out[p+1]) >= commaToken && n.again(out[:p+1], out[k-size:]) {
				out = out[:p+1]
				break
			}
		}
	}
	n.out = out
}

// again says that a phrase which holds a mask is what tokens end with.
func (n *normalizer) again(tokens, phrase []token) bool {
	return len(tokens) >= len(phrase) && same(tokens[len(tokens)-len(phrase):], phrase) && n.hasMask(phrase)
}

func (n *normalizer) hasMask(tokens []token) bool {
	for _, t := range tokens {
		if t.id == maskID {
			return true
		}
	}
	return false
}
