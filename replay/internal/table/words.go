package table

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// None stands where there is no number.
const None = "–"

// maxShown is the length of a name, in bytes, that is shown as a whole.
const maxShown = 80

// Name is a name as a table shows it: one that a reader could not see or that
// would act on the display is quoted, a very long one is cut.
func Name(s string) string {
	printable := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 && !strings.ContainsRune(s, unicode.ReplacementChar)
	switch {
	case printable && len(s) <= maxShown:
		return s
	case len(s) > maxShown:
		return strconv.Quote(s[:maxShown]) + "…"
	default:
		return strconv.Quote(s)
	}
}

// Percent is a share or a relative change; None for NaN.
func Percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return None
	case math.IsInf(v, 0) || v == 0 || v == 1:
		return trimmed(v, 0)
	case math.Abs(v) >= 1:
		return trimmed(v, 0)
	default:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	}
}

func trimmed(v float64, digits int) string {
	if math.IsInf(v, 0) {
		return "∞"
	}
	return strconv.FormatFloat(100*v, 'f', digits, 64) + "%"
}

// Between is an interval of shares in percent.
func Between(low, high float64) string {
	if math.IsNaN(low) || math.IsNaN(high) {
		return None
	}
	return strconv.FormatFloat(100*low, 'f', 1, 64) + " to " + strconv.FormatFloat(100*high, 'f', 1, 64) + "%"
}

// Number writes a count with commas between the thousands.
func Number(n int) string {
	s := strconv.Itoa(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural is a count with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}
