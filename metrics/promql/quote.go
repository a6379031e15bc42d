// Package promql puts values into PromQL queries without letting them change
// the query's shape. It knows the language's quoting, not its grammar.
package promql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/metrics"
)

// Expand fills a PromQL query's ${variables}. Where a variable stands decides
// how its value is written:
//   - inside a string: escaped for that kind of string;
//   - inside the string of a =~ or !~ matcher: also with regular-expression
//     characters escaped, so that the value matches only itself;
//   - anywhere else: only a number, a duration ("5m") or an identifier that is
//     no PromQL word can stand.
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

// Keywords that would change a query's shape in an identifier's place.
var keywords = map[string]bool{
	"and": true, "or": true, "unless": true, "atan2": true, "bool": true, "by": true, "without": true,
	"on": true, "ignoring": true, "group_left": true, "group_right": true, "offset": true,
	"sum": true, "avg": true, "count": true, "min": true, "max": true, "group": true, "stddev": true, "stdvar": true,
	"topk": true, "bottomk": true, "count_values": true, "quantile": true, "limitk": true, "limit_ratio": true,
	"start": true, "end": true, "step": true, "inf": true, "nan": true, "fill": true, "fill_left": true, "fill_right": true,
	"anchored": true, "smoothed": true, "range": true, "max_of": true, "min_of": true,
}

var (
	numberOrDuration = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$|^([0-9]+(ms|[smhdwy]))+$`)
	identifier       = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
)

func quote(prefix, name, value string) (string, error) {
	if strings.ContainsAny(value, "\n\r\x00") || !utf8.ValidString(value) {
		return "", fmt.Errorf("the value of %q has a line break, a NUL byte or is not UTF-8, which no query value needs", name)
	}
	at := scan(prefix)
	switch at.quote {
	case 0:
		if numberOrDuration.MatchString(value) || identifier.MatchString(value) && !keywords[strings.ToLower(value)] {
			return value, nil
		}
		return "", fmt.Errorf("the value %q of %q cannot stand outside quotes: only a number, a duration or a metric name can; put ${%s} into a label matcher such as {%s=\"${%s}\"}", value, name, name, name, name)
	case '#':
		return "", fmt.Errorf("${%s} stands in a comment", name)
	}
	text, ok := at.decoded()
	if !ok {
		return "", fmt.Errorf("${%s} stands behind an unfinished escape: remove the backslash before it", name)
	}
	if at.regexp {
		if insideRegexpSyntax(text) {
			return "", fmt.Errorf("${%s} stands inside an escape, a [class] or \\Q...\\E of a regular expression, where its value could not be written literally: move it out", name)
		}
		value = regexp.QuoteMeta(value)
	}
	if at.quote == '`' {
		if strings.Contains(value, "`") {
			return "", fmt.Errorf("the value %q of %q has a backquote and cannot stand in a raw string", value, name)
		}
		return value, nil
	}
	return strings.NewReplacer(`\`, `\\`, string(at.quote), `\`+string(at.quote)).Replace(value), nil
}

// place is where in a query a position is: the kind of quote it is inside of
// (0: none, '#': a comment), that string's text so far as it is written, and
// whether the string is a regular expression.
type place struct {
	quote  byte
	text   string
	regexp bool
}

// decoded returns the string's text so far as the query language reads it;
// false if it ends within an escape.
func (p place) decoded() (string, bool) {
	if p.quote == '`' {
		return p.text, true
	}
	var b strings.Builder
	for rest := p.text; rest != ""; {
		c, multibyte, tail, err := strconv.UnquoteChar(rest, p.quote)
		if err != nil {
			return "", false
		}
		if c < utf8.RuneSelf || !multibyte {
			b.WriteByte(byte(c))
		} else {
			b.WriteRune(c)
		}
		rest = tail
	}
	return b.String(), true
}

// insideRegexpSyntax reports whether a regular expression that begins with
// text goes on inside an escape, a character class or \Q...\E.
func insideRegexpSyntax(text string) bool {
	class := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
			if i == len(text) || text[i] == 'Q' && !class {
				// \Q is rare enough not to look for its end.
				return true
			}
		case class:
			// "]" is literal as the first character of a class.
			class = c != ']' || text[i-1] == '[' || text[i-1] == '^' && i > 1 && text[i-2] == '['
		default:
			class = c == '['
		}
	}
	return class
}

func scan(prefix string) place {
	var at place
	operator, begin := "", 0 // the last two significant bytes outside strings; where the string's text begins
	for i := 0; i < len(prefix); i++ {
		c := prefix[i]
		switch at.quote {
		case 0:
			switch c {
			case '"', '\'', '`':
				at = place{quote: c, regexp: operator == "=~" || operator == "!~"}
				operator, begin = "", i+1
			case '#':
				at = place{quote: '#'}
			case ' ', '\t', '\n', '\r':
			default:
				operator = lastTwo(operator, c)
			}
		case '#':
			if c == '\n' {
				at = place{}
			}
		case '`':
			if c == '`' {
				at = place{}
			}
		default:
			switch c {
			case '\\':
				i++ // the escaped byte cannot end the string
			case at.quote:
				at = place{}
			}
		}
	}
	if at.quote != 0 && at.quote != '#' {
		at.text = prefix[begin:]
	}
	return at
}

func lastTwo(s string, c byte) string {
	s += string(c)
	if len(s) > 2 {
		s = s[len(s)-2:]
	}
	return s
}
