// Package promql puts values into PromQL queries without letting them change
// the query's shape. It knows the language's quoting, not its grammar.
package promql

import (
	"fmt"
	"regexp"
	"strings"

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
	"anchored": true, "smoothed": true,
}

var (
	numberOrDuration = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$|^([0-9]+(ms|[smhdwy]))+$`)
	identifier       = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
)

func quote(prefix, name, value string) (string, error) {
	if strings.ContainsAny(value, "\n\r\x00") {
		return "", fmt.Errorf("the value of %q has a line break or NUL byte, which no query value needs", name)
	}
	switch at := scan(prefix); at.quote {
	case 0:
		if numberOrDuration.MatchString(value) || identifier.MatchString(value) && !keywords[strings.ToLower(value)] {
			return value, nil
		}
		return "", fmt.Errorf("the value %q of %q cannot stand outside quotes: only a number, a duration or a metric name can; put ${%s} into a label matcher such as {%s=\"${%s}\"}", value, name, name, name, name)
	case '#':
		return "", fmt.Errorf("${%s} stands in a comment", name)
	case '`':
		if at.regexp {
			value = regexp.QuoteMeta(value)
		}
		if strings.Contains(value, "`") {
			return "", fmt.Errorf("the value %q of %q has a backquote and cannot stand in a raw string", value, name)
		}
		return value, nil
	default:
		if at.regexp {
			value = regexp.QuoteMeta(value)
		}
		return strings.NewReplacer(`\`, `\\`, string(at.quote), `\`+string(at.quote)).Replace(value), nil
	}
}

// place is where in a query a position is: the kind of quote it is inside of
// (0: none, '#': a comment), and whether that string is a regular expression.
type place struct {
	quote  byte
	regexp bool
}

func scan(prefix string) place {
	var at place
	operator := "" // the last two significant bytes outside strings
	for i := 0; i < len(prefix); i++ {
		c := prefix[i]
		switch at.quote {
		case 0:
			switch c {
			case '"', '\'', '`':
				at = place{quote: c, regexp: operator == "=~" || operator == "!~"}
				operator = ""
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
	return at
}

func lastTwo(s string, c byte) string {
	s += string(c)
	if len(s) > 2 {
		s = s[len(s)-2:]
	}
	return s
}
