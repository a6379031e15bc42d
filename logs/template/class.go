package template

import "encoding/binary"

// What a byte can be. Words are made of letters, digits, bytes above ASCII and
// the signs that hold names, numbers, paths and hosts together: - . / @ ~ _ and `.
// All else separates words; control bytes count as white space.
const (
	letter = 1 << iota
	digit
	joint // - . / @ ~, and DEL, which spares the arithmetic below a step
	high  // not ASCII
	space
	hexadecimal // 0-9 a-f A-F

	wordByte = letter | digit | joint | high
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c <= ' ':
			t[c] = space
		case c >= 0x80:
			t[c] = high
		case '0' <= c && c <= '9':
			t[c] = digit | hexadecimal
		case 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
			t[c] = letter | hexadecimal
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '`':
			t[c] = letter
		case '-' <= c && c <= '/' || c == '@' || c == '~' || c == 0x7f:
			t[c] = joint
		}
	}
	return t
}()

func isWord(c byte) bool  { return classes[c]&wordByte != 0 }
func isDigit(c byte) bool { return classes[c]&digit != 0 }
func isSpace(c byte) bool { return classes[c]&space != 0 }
func isHex(c byte) bool   { return classes[c]&hexadecimal != 0 }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// load returns eight bytes of m from i on, the first lowest, zeros beyond its end.
func load(m []byte, i int) uint64 {
	if i+8 <= len(m) {
		return binary.LittleEndian.Uint64(m[i:])
	}
	return loadTail(m, i)
}

func loadTail(m []byte, i int) uint64 {
	rest := len(m) - i
	if rest <= 0 {
		return 0
	}
	if len(m) >= 8 {
		return binary.LittleEndian.Uint64(m[len(m)-8:]) >> (64 - 8*uint(rest))
	}
	var w uint64
	for k, c := range m[i:] {
		w |= uint64(c) << (8 * k)
	}
	return w
}
