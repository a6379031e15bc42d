package kayenta

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parser reads JSON (RFC 8259) strictly, in one pass and without copying.
// encoding/json would take several times as long over the arrays of numbers
// that requests consist of, and matches names regardless of case, which
// Kayenta's Jackson does not.
type parser struct {
	data  []byte
	pos   int
	depth int
	// values holds all numbers of a request, one array after the other.
	values []float64
	// items is the number of other things that were kept.
	items int
}

// maxDepth limits nesting, as Jackson does.
const maxDepth = 1000

// maxValues limits the numbers in the arrays of one request. Each takes some
// 40 bytes while it is judged.
const maxValues = 1 << 22

// maxItems limits what else is kept of one request: metrics, pairs, groups,
// tags, settings. Each takes up to some 1000 bytes, its result included.
const maxItems = 1 << 18

// item counts one more thing to keep.
func (p *parser) item() error {
	if p.items++; p.items > maxItems {
		return fmt.Errorf("has more items than fit into one request, %d", maxItems)
	}
	return nil
}

// syntaxError is about text that is not JSON, in contrast to JSON that is not
// what it should be.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("not valid JSON at byte %d: %s", e.at, e.what)
}

func (p *parser) errorf(format string, args ...any) error {
	return &syntaxError{p.pos, fmt.Sprintf(format, args...)}
}

// unexpected is the error for a byte that does not fit where want is due.
func (p *parser) unexpected(want string) error {
	if p.pos >= len(p.data) {
		return p.errorf("it ends where %s should be", want)
	}
	return p.errorf("%q where %s should be", p.data[p.pos], want)
}

// peek skips white space and returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) expect(c byte, want string) error {
	if p.peek() != c {
		return p.unexpected(want)
	}
	p.pos++
	return nil
}

// end checks that nothing follows.
func (p *parser) end() error {
	if p.peek(); p.pos < len(p.data) {
		return p.unexpected("the end")
	}
	return nil
}

// word consumes w if it is next.
func (p *parser) word(w string) bool {
	if p.pos+len(w) > len(p.data) || string(p.data[p.pos:p.pos+len(w)]) != w {
		return false
	}
	p.pos += len(w)
	return true
}

// null consumes null if it is next.
func (p *parser) null() bool { return p.peek() == 'n' && p.word("null") }

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return p.errorf("nested deeper than %d", maxDepth)
	}
	p.pos++
	return nil
}

// object reads an object and calls field at each value, which field must
// consume.
func (p *parser) object(field func(name string) error) error {
	if p.peek() != '{' {
		return p.unexpected("an object")
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer func() { p.depth-- }()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	for {
		if p.peek() != '"' {
			return p.unexpected("a name in quotes")
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		if err := p.expect(':', "a colon"); err != nil {
			return err
		}
		p.peek()
		if err := field(name); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return nil
		default:
			return p.unexpected("a comma or the end of the object")
		}
	}
}

// array reads an array and calls element at each value, which element must
// consume.
func (p *parser) array(element func(i int) error) error {
	if p.peek() != '[' {
		return p.unexpected("an array")
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer func() { p.depth-- }()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for i := 0; ; i++ {
		p.peek()
		if err := element(i); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return nil
		default:
			return p.unexpected("a comma or the end of the array")
		}
	}
}

// skip consumes any value.
func (p *parser) skip() error {
	switch c := p.peek(); {
	case c == '{':
		return p.object(func(string) error { return p.skip() })
	case c == '[':
		return p.array(func(int) error { return p.skip() })
	case c == '"':
		_, err := p.raw()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := p.scanNumber()
		return err
	case c == 't' && p.word("true"), c == 'f' && p.word("false"), c == 'n' && p.word("null"):
		return nil
	}
	return p.unexpected("a value")
}

// raw consumes a string and returns it with its quotes and escapes.
func (p *parser) raw() ([]byte, error) {
	start := p.pos
	for i := p.pos + 1; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '"':
			p.pos = i + 1
			return p.data[start:p.pos], nil
		case c == '\\':
			_, size, ok := unescape(p.data[i:])
			if !ok {
				p.pos = i
				return nil, p.errorf("an escape that does not exist")
			}
			i += size - 1
		case c < ' ':
			p.pos = i
			return nil, p.errorf("a control character in a string")
		}
	}
	p.pos = len(p.data)
	return nil, p.errorf("a string does not end")
}

// text consumes a string and returns what it stands for.
func (p *parser) text() (string, error) {
	raw, err := p.raw()
	if err != nil {
		return "", err
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), nil
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		c, size, _ := unescape(raw[i:]) // checked by raw
		out = utf8.AppendRune(out, c)
		i += size
	}
	return string(out), nil
}

// unescape reads the escape that s begins with. Half a surrogate pair reads
// as U+FFFD.
func unescape(s []byte) (c rune, size int, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, true
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	}
	c, ok = codeUnit(s)
	if !ok || !utf16.IsSurrogate(c) {
		return c, 6, ok
	}
	if low, ok := codeUnit(s[6:]); ok {
		if c := utf16.DecodeRune(c, low); c != utf8.RuneError {
			return c, 12, true
		}
	}
	return utf8.RuneError, 6, true
}

// codeUnit reads \uXXXX.
func codeUnit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	unit := rune(0)
	for _, c := range s[2:6] {
		switch {
		case c-'0' <= 9:
			unit = unit<<4 | rune(c-'0')
		case c|0x20-'a' <= 5:
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

// number consumes a number and returns it and its text.
func (p *parser) number() (float64, []byte, error) {
	start := p.pos
	d, err := p.scanNumber()
	if err != nil {
		return 0, nil, err
	}
	text := p.data[start:p.pos]
	v, ok := d.float()
	if !ok {
		// Numbers that are too large are infinite.
		v, _ = strconv.ParseFloat(string(text), 64)
	}
	return v, text, nil
}

// floats consumes an array of numbers. Strings that stand for numbers count as
// such, see parseDouble.
func (p *parser) floats() ([]float64, error) {
	start := len(p.values)
	if p.peek() != '[' {
		return nil, p.wrongType("a list of numbers")
	}
	p.pos++
	if p.peek() == ']' {
		p.pos++
		return []float64{}, nil
	}
	for i := 0; ; i++ {
		if len(p.values) >= maxValues {
			return nil, fmt.Errorf("has more values than fit into one request, %d", maxValues)
		}
		v, plain := p.plainNumber()
		if !plain {
			var null bool
			var err error
			if v, null, err = p.double(); null {
				err = errors.New("is null, want a number")
			}
			if err != nil {
				return nil, withinElement(i, err)
			}
		}
		p.values = append(p.values, v)
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return p.values[start:len(p.values):len(p.values)], nil
		default:
			return nil, p.unexpected("a comma or the end of the array")
		}
	}
}

// double consumes a number, or what Jackson accepts in its place.
func (p *parser) double() (v float64, null bool, err error) {
	switch c := p.peek(); {
	case c == '-' || c >= '0' && c <= '9':
		v, _, err := p.number()
		return v, false, err
	case c == '"':
		s, err := p.text()
		if err != nil {
			return 0, false, err
		}
		return parseDouble(s)
	case p.null():
		return 0, true, nil
	}
	return 0, false, p.wrongType("a number")
}

// parseDouble reads a string in the place of a number, as Jackson does: blank
// is null, and not-a-number and infinities are words.
func parseDouble(s string) (v float64, null bool, err error) {
	switch s = strings.TrimSpace(s); s {
	case "", "null":
		return 0, true, nil
	case "NaN":
		return math.NaN(), false, nil
	case "Infinity", "INF", "+Infinity", "+INF":
		return math.Inf(1), false, nil
	case "-Infinity", "-INF":
		return math.Inf(-1), false, nil
	}
	if strings.Trim(s, "0123456789+-.eE") == "" {
		v, err := strconv.ParseFloat(s, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			return v, false, nil
		}
	}
	return 0, false, fmt.Errorf("is the string %q, want a number", shorten(s))
}

// shorten cuts s down to what fits into a message.
func shorten(s string) string { return shortenTo(s, 60) }

func shortenTo(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// wrongType consumes a value and says that it should be something else, or
// that it is not JSON.
func (p *parser) wrongType(want string) error {
	is := "a number"
	switch p.peek() {
	case '{':
		is = "an object"
	case '[':
		is = "a list"
	case '"':
		is = "a string"
	case 't', 'f':
		is = "a boolean"
	case 'n':
		is = "null"
	}
	if err := p.skip(); err != nil {
		return err
	}
	return fmt.Errorf("is %s, want %s", is, want)
}
