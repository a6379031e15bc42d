package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of one text in bytes. A longer reason is a page that a backend sent
// instead of one; a longer name or unit would leave no room for the rest.
const (
	maxText     = 4096
	maxSentence = 500
	maxName     = 200
	maxUnit     = 24
)

// line returns s as one line of visible characters: stretches of white space
// become one space, and whatever a reader could not see or that would act on
// the display - control characters, escape sequences, bidi overrides, zero
// width characters, invalid UTF-8 - is spelled out as Go writes it, like
// \x1b or \u202e.
func line(s string) string { return lineOf(s, maxText) }

// lineOf is line with another limit.
func lineOf(s string, limit int) string {
	s, cut := shorten(s, limit)
	var b strings.Builder
	space := false
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsSpace(r) {
			space = true
		} else {
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			visible(&b, r, s[:n])
		}
		s = s[n:]
	}
	b.WriteString(cut)
	return b.String()
}

// block is line for texts whose line breaks and indentation matter: queries.
func block(s string) string {
	s, cut := shorten(s, maxText)
	s = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(s)
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r != '\r' && unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			visible(&b, r, s[:n])
		}
		s = s[n:]
	}
	b.WriteString(cut)
	return strings.Trim(b.String(), "\n")
}

// visible writes r, whose encoding is raw, so that it can be seen.
func visible(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case unicode.IsPrint(r):
		b.WriteRune(r)
	default:
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
}

// shorten cuts s to limit bytes at a character and marks the cut.
func shorten(s string, limit int) (text, cut string) {
	if len(s) <= limit {
		return s, ""
	}
	n := limit
	for n > limit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], "…"
}

// asciiWords are the characters of this package and of judge's number formats
// for devices that know only ASCII.
var asciiWords = strings.NewReplacer(
	"✓", "+", "✗", "x", "─", "-", "→", "->", "–", "-", "—", "-", "…", "...", "·", "|", "×", "x",
	"∞", "inf", "±", "+/-", "µ", "u",
)

// toASCII spells out in s what is not ASCII.
func toASCII(s string) string {
	s = asciiWords.Replace(s)
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
