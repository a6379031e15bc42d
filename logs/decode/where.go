package decode

import (
	"bytes"
	"strings"
)

// MaxMatchers bounds how many matchers a decoder may have.
const MaxMatchers = 16

// A Matcher selects lines by one of their fields: those where it has the value,
// or does not have it. A line without the field has the value "".
//
// The field of a JSON object is named by its key, one in an object within by its
// path with dots: http.status, which also finds the key "http.status". In logfmt
// it is the key; of OTLP it is an attribute of the record, or else of its
// resource. Lines of plain text have no fields. The value is a text, without
// the quotes and escapes around it, or a number, true or false as it is written;
// null is no value.
type Matcher struct {
	Field, Value string
	// Not selects the lines where the field has another value.
	Not bool
}

// where is what the fields of one line say to the matchers. Of a field that is
// there twice, the first counts.
type where struct {
	matchers    []Matcher
	seen, equal uint32 // a bit for each matcher
	scratch     []byte
}

func newWhere(matchers []Matcher) *where {
	if len(matchers) == 0 {
		return nil
	}
	if len(matchers) > MaxMatchers {
		panic("decode: more matchers than MaxMatchers")
	}
	return &where{matchers: matchers}
}

// reset forgets the line before.
func (w *where) reset() { w.seen, w.equal = 0, 0 }

// wants reports whether a field at the top of a line is one of the matchers', or
// may hold one.
func (w *where) wants(name []byte) bool {
	for i := range w.matchers {
		if w.matchers[i].begins(name) {
			return true
		}
	}
	return false
}

func (m *Matcher) begins(name []byte) bool {
	n := len(name)
	return n <= len(m.Field) && m.Field[:n] == string(name) && (n == len(m.Field) || m.Field[n] == '.')
}

// field is told of a field at the top of a line.
func (w *where) field(name []byte, v value) {
	for i := range w.matchers {
		switch m := &w.matchers[i]; {
		case !m.begins(name):
		case len(name) == len(m.Field):
			w.value(i, v)
		case v.kind == objectValue:
			w.within(i, v.raw, m.Field[len(name)+1:])
		}
	}
}

// within looks for the rest of a path in an object. Its depth is that of the path.
func (w *where) within(i int, object []byte, path string) {
	c := cursor{b: object}
	if !c.take('{') {
		return
	}
	for c.take('"') {
		key, _, ok := c.text()
		if !ok || !c.take(':') {
			return
		}
		v, ok := c.value()
		switch rest, inside := strings.CutPrefix(path, string(key)); {
		case !inside:
		case rest == "":
			w.value(i, v)
		case v.kind == objectValue && rest[0] == '.':
			w.within(i, v.raw, rest[1:])
		}
		if !ok || !c.take(',') {
			return
		}
	}
}

func (w *where) value(i int, v value) {
	bit := uint32(1) << i
	if w.seen&bit != 0 || v.kind == otherValue && bytes.Equal(v.raw, []byte("null")) {
		return
	}
	w.seen |= bit
	text := v.raw
	if v.escaped {
		w.scratch = appendUnescaped(w.scratch[:0], text)
		text = w.scratch
	}
	if string(text) == w.matchers[i].Value {
		w.equal |= bit
	}
}

// selects reports whether the line is one of those that are wanted.
func (w *where) selects() bool {
	for i, m := range w.matchers {
		bit := uint32(1) << i
		if equal := w.equal&bit != 0 || w.seen&bit == 0 && m.Value == ""; equal == m.Not {
			return false
		}
	}
	return true
}
