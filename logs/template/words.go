package template

// Words that are a value wherever they stand, or next to one.
const (
	aValue = iota + 1 // true, null: stands for a value
	aDate             // Mon, Jan: a value before a number or after one
	anHour            // AM, PM: part of the number before it
	aUnit             // ms, KB: part of the number before it
)

// shortWords are the words of at most eight bytes that mean something to the
// scanner, found by their bytes as an integer.
var shortWords = map[string]uint8{
	"true": aValue, "True": aValue, "TRUE": aValue,
	"false": aValue, "False": aValue, "FALSE": aValue,
	"null": aValue, "Null": aValue, "NULL": aValue, "nil": aValue, "None": aValue, "NaN": aValue,

	"Mon": aDate, "Tue": aDate, "Wed": aDate, "Thu": aDate, "Fri": aDate, "Sat": aDate, "Sun": aDate,
	"Jan": aDate, "Feb": aDate, "Mar": aDate, "Apr": aDate, "May": aDate, "Jun": aDate,
	"Jul": aDate, "Aug": aDate, "Sep": aDate, "Oct": aDate, "Nov": aDate, "Dec": aDate,

	"AM": anHour, "PM": anHour, "am": anHour, "pm": anHour,

	"ns": aUnit, "us": aUnit, "ms": aUnit, "s": aUnit, "sec": aUnit, "min": aUnit, "h": aUnit,
	"B": aUnit, "kB": aUnit, "KB": aUnit, "MB": aUnit, "GB": aUnit, "TB": aUnit,
	"KiB": aUnit, "MiB": aUnit, "GiB": aUnit, "TiB": aUnit,
}

type shortWord struct {
	bytes uint64
	kind  uint8
}

const (
	wordTableBits = 8
	// longestShortWord lets the scanner skip the look-up.
	longestShortWord = 5
	// wordTableFactor sends every short word to a place of its own; a test keeps it so.
	wordTableFactor = 0x66fec086df229651
)

var wordTable = func() (t [1 << wordTableBits]shortWord) {
	for w, kind := range shortWords {
		b := load([]byte(w), 0)
		t[b*wordTableFactor>>(64-wordTableBits)] = shortWord{b, kind}
	}
	return t
}()

// kindOf returns what the word whose bytes these are means; 0: nothing.
func kindOf(w uint64) uint8 {
	e := &wordTable[w*wordTableFactor>>(64-wordTableBits)]
	if e.bytes != w {
		return 0
	}
	return e.kind
}
