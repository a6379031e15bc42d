package backtest

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// none stands where there is no number.
const none = "–"

// maxShown is the length of a name, in bytes, that is shown as a whole.
const maxShown = 80

// shown quotes what stands in a file.
func shown(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(s[:maxShown]) + "…"
	}
	return strconv.Quote(s)
}

// plain is a name as a table shows it: one that a reader could not see or that
// would act on the display is quoted.
func plain(s string) string {
	if len(s) <= maxShown && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 && !strings.ContainsRune(s, unicode.ReplacementChar) {
		return s
	}
	return shown(s)
}

func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case v == 0 || v == 1:
		return strconv.Itoa(int(100*v)) + "%"
	default:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	}
}

// between is a rate's interval in percent.
func between(r Rate) string {
	if r.Cases == 0 {
		return none
	}
	low, high := r.Interval()
	return strconv.FormatFloat(100*low, 'f', 1, 64) + " to " + strconv.FormatFloat(100*high, 'f', 1, 64)
}

// number writes a count with commas between the thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
