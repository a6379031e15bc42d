package decode

import (
	"encoding/binary"
	"math/bits"
)

// cursor walks through one JSON text. It takes what is well formed as far as
// it looks, and looks only at what it needs: values of no interest are skipped
// by their brackets and quotes, however deep, without recursion.
type cursor struct {
	b []byte
	i int
}

func (c *cursor) space() {
	for c.i < len(c.b) && isSpace(c.b[c.i]) {
		c.i++
	}
}

// take consumes one byte if it is next, after space.
func (c *cursor) take(want byte) bool {
	if c.i < len(c.b) && c.b[c.i] == want {
		c.i++
		return true
	}
	return c.takeAfterSpace(want)
}

func (c *cursor) takeAfterSpace(want byte) bool {
	c.space()
	if c.i < len(c.b) && c.b[c.i] == want {
		c.i++
		return true
	}
	return false
}

// text reads a string, whose opening quote is consumed. If the input ends
// within it, complete is false and the text is what there is.
func (c *cursor) text() (raw []byte, escaped, complete bool) {
	start := c.i
	for {
		i := either(c.b, c.i, '"', '\\')
		if i >= len(c.b) {
			c.i = len(c.b)
			return c.b[start:], escaped, false
		}
		if c.b[i] == '"' {
			c.i = i + 1
			return c.b[start:i], escaped, true
		}
		escaped = true
		c.i = min(i+2, len(c.b))
	}
}

// either returns the place of the first of two characters at i or behind it,
// len(b) if there is none. It looks at eight bytes at a time: texts are too
// short to be worth the two calls of bytes.IndexByte.
func either(b []byte, i int, one, other byte) int {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	ones1, ones2 := uint64(one)*ones, uint64(other)*ones
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		q, s := x^ones1, x^ones2
		// The lowest bit that is set marks the first byte that became zero.
		if m := ((q-ones)&^q | (s-ones)&^s) & high; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] == one || b[i] == other {
			return i
		}
	}
	return len(b)
}

// skipNested skips the rest of an object or an array, whose opening bracket is
// consumed.
func (c *cursor) skipNested() bool {
	for depth := 1; c.i < len(c.b); {
		ch := c.b[c.i]
		c.i++
		switch ch {
		case '"':
			if _, _, ok := c.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// value reads one value; complete is false if it is none or the input ends
// within it.
func (c *cursor) value() (v value, complete bool) {
	c.space()
	if c.i == len(c.b) {
		return value{}, false
	}
	start := c.i
	switch ch := c.b[c.i]; {
	case ch == '"':
		c.i++
		v.kind = textValue
		v.raw, v.escaped, complete = c.text()
		return v, complete
	case ch == '{', ch == '[':
		c.i++
		complete = c.skipNested()
		v.kind = objectValue
		if ch == '[' {
			v.kind = arrayValue
		}
	case ch == '-' || isDigit(ch):
		for c.i < len(c.b) && isNumberByte(c.b[c.i]) {
			c.i++
		}
		v.kind, complete = numberValue, true
	default:
		for c.i < len(c.b) && isLetter(c.b[c.i]) {
			c.i++
		}
		v.kind, complete = otherValue, c.i > start
	}
	v.raw = c.b[start:c.i]
	return v, complete
}

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// maxNesting is how deep known fields are looked for: http.request.id.
const maxNesting = 3

// scanObject finds the known fields of a JSON object. It reports whether the
// line is one; what a cut line has is found all the same. w, which may be nil,
// is told of every field at the top.
func scanObject(line []byte, f *fields, w *where) bool {
	c := cursor{b: line}
	if !c.take('{') {
		return false
	}
	var buf [maxKey + 1]byte
	path := buf[:0]                    // of the open object, with a dot behind
	ends := make([]int, 0, maxNesting) // the path's length before each open object
	first := true
	for {
		if !first && c.take(',') {
			first = true
		} else if c.take('}') {
			if len(ends) == 0 {
				c.space()
				// An element of an array, a line each, ends in a comma.
				return c.i == len(line) || c.i == len(line)-1 && line[c.i] == ','
			}
			path = buf[:ends[len(ends)-1]]
			ends = ends[:len(ends)-1]
			first = false
			continue
		}
		if !first || !c.take('"') {
			return false
		}
		first = false
		key, _, ok := c.text()
		if ok && c.i < len(line) && line[c.i] == ':' {
			c.i++
		} else if !ok || !c.take(':') {
			return false
		}
		name := key
		if len(path) > 0 {
			name = buf[:len(path)+copy(buf[len(path):], key)]
			if len(name) != len(path)+len(key) || len(name) > maxKey {
				name = nil // longer than any that is known
			}
		}
		c.space()
		if w != nil && len(ends) == 0 && w.wants(key) {
			ahead := c
			v, _ := ahead.value()
			w.field(key, v)
		}
		if c.i < len(line) && line[c.i] == '{' && len(ends) < maxNesting {
			if u := containerUse(name); u.role != unknown {
				start := c.i
				if fu := fieldUse(name); fu.role == messageField {
					// "log" is a message in one format and an object in another.
					whole := cursor{b: line, i: start + 1}
					if whole.skipNested() {
						f.offer(use{messageField, 8}, value{raw: line[start:whole.i], kind: objectValue})
					}
				}
				ends = append(ends, len(path))
				if u.role == parentField {
					path = append(buf[:copy(buf[:], name)], '.')
				}
				c.i++
				first = true
				continue
			}
		}
		u := fieldUse(name)
		v, ok := c.value()
		if u.role != unknown {
			f.offer(u, v)
		}
		if !ok {
			return false
		}
	}
}
