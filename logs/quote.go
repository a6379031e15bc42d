package logs

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Place is where in a query a variable stands, in languages whose strings are
// between double quotes and escape by a backslash.
type Place int

const (
	// Bare: outside of any string.
	Bare Place = iota
	// Quoted: in a string.
	Quoted
	// Escaped: after a backslash, which would change the value's first character.
	Escaped
)

// PlaceOf returns where the end of prefix is.
func PlaceOf(prefix string) Place {
	quoted, escaped := false, false
	for i := range len(prefix) {
		switch c := prefix[i]; {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		}
	}
	switch {
	case escaped:
		return Escaped
	case quoted:
		return Quoted
	default:
		return Bare
	}
}

// Plain reports whether value has only letters and digits of ASCII and the given
// marks, and is not empty.
func Plain(value, marks string) bool {
	for i := range len(value) {
		c := value[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return value != ""
}

// Literal reports whether value is valid UTF-8 that prints, has none of the
// characters in without, and is not empty.
func Literal(value, without string) bool {
	for _, r := range value {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(without, r) {
			return false
		}
	}
	return value != ""
}
