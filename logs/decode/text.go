package decode

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// printable reports whether b is ASCII without control characters: text that
// needs no cleaning. It looks at eight bytes at a time.
func printable(b []byte) bool {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		// The high bit of a byte of (x - 0x20..) is set where the byte is below 0x20
		// (or above 0x9f, which has its own high bit), that of (x + 0x01..) where it is
		// 0x7f.
		if (x|(x-0x20*ones)|(x+ones))&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// appendClean appends b without terminals' escape sequences; control characters
// other than tab and line break become spaces, bytes that are not UTF-8 become
// U+FFFD.
func appendClean(dst, b []byte) []byte {
	if printable(b) {
		return append(dst, b...)
	}
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == 0x1b:
			i += escapeSequence(b[i:])
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			i++
		case c < 0x20 && c != '\t' && c != '\n' || c == 0x7f:
			dst = append(dst, ' ')
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRune(b[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return dst
}

// escapeSequence returns the length of the escape sequence at b's start
// (ECMA-48): ESC [ parameters final byte; ESC ] text up to BEL or ESC \; or ESC
// and one character.
func escapeSequence(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
			if b[i] < 0x20 {
				return i
			}
		}
		return len(b)
	case ']':
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b || b[i] < 0x20 {
				return i // what follows is an escape of its own
			}
		}
		return len(b)
	}
	if b[1] < 0x20 || b[1] >= 0x7f {
		return 1
	}
	return 2
}

// appendUnescaped appends a JSON string's text, its quotes taken off. Escapes
// that JSON does not have stand for their character.
func appendUnescaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i == len(b)-1 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		c := b[i+1]
		b = b[i+2:]
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			var r rune
			r, b = unicodeEscape(b)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

// unicodeEscape reads the four hexadecimal digits after \u, with those of a
// second surrogate, and returns the rest.
func unicodeEscape(b []byte) (rune, []byte) {
	r, ok := hex4(b)
	if !ok {
		return utf8.RuneError, b
	}
	b = b[4:]
	if !utf16.IsSurrogate(r) {
		return r, b
	}
	if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
		if low, ok := hex4(b[2:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, b[6:]
			}
		}
	}
	return utf8.RuneError, b
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// cutText cuts valid UTF-8 to n bytes at most, at a rune's start.
func cutText(b []byte, n int) ([]byte, bool) {
	if len(b) <= n {
		return b, false
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n], true
}

// trimSpace cuts spaces, tabs, carriage returns and line breaks at both ends.
// bytes.TrimSpace would also look for Unicode's.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

var hexDigits = bytesOf("0123456789abcdefABCDEF")
