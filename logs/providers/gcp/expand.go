package gcp

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. What a value may hold depends on where it
// stands:
//   - in a string: anything that prints; quotes and \ are escaped;
//   - in a string after =~ or !~: that, but for \ ^ and quotes; what has a meaning
//     in a regular expression loses it;
//   - elsewhere: letters, digits and _ . -, no operator, no - at its ends, which
//     could negate or begin a comment;
//   - in a comment: nothing.
//
// https://cloud.google.com/logging/docs/view/logging-query-language
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

var (
	escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`)
	matches = regexp.MustCompile(`[=!]~\s*$`)
	// special are the characters with a meaning in RE2. In brackets they have none,
	// and need no backslash, which the string around them would read first.
	special = regexp.MustCompile(`[.+*?()|{}$\[\]]`)
)

func quote(prefix, name, value string) (string, error) {
	at, begins := placeOf(prefix)
	switch {
	case value == "":
		return "", fmt.Errorf("the value of %q is empty", name)
	case at == comment:
		return "", fmt.Errorf("${%s} stands in a comment", name)
	case at == escaped:
		return "", fmt.Errorf("${%s} stands after a backslash, which would change the value", name)
	case at == bare && (!logs.Plain(value, "_.-") || strings.Trim(value, "-") != value || strings.Contains(value, "--")):
		return "", fmt.Errorf(`the value %q of %q cannot stand outside quotes: write "${%s}"`, value, name, name)
	case at == bare && operators[strings.ToUpper(value)]:
		return "", fmt.Errorf(`the value %q of %q is an operator of the query language: write "${%s}"`, value, name, name)
	case at == bare:
		return value, nil
	case !logs.Literal(value, ""):
		return "", fmt.Errorf("the value %q of %q has characters that do not print", value, name)
	case !matches.MatchString(prefix[:begins]):
		return escaper.Replace(value), nil
	case !logs.Literal(value, `\^"'`):
		return "", fmt.Errorf("the value %q of %q cannot stand in a regular expression here, which cannot quote \\ ^ and quotes: compare with = in place of =~", value, name)
	default:
		return special.ReplaceAllString(value, "[$0]"), nil
	}
}

var operators = map[string]bool{"AND": true, "OR": true, "NOT": true}

type place int

const (
	bare place = iota
	quoted
	escaped
	comment
)

// placeOf says where the end of prefix is, and where its string begins.
func placeOf(prefix string) (at place, begins int) {
	var end byte // of the string
	for i := range len(prefix) {
		c := prefix[i]
		switch at {
		case comment:
			if c == '\n' {
				at = bare
			}
		case escaped:
			at = quoted
		case quoted:
			if c == '\\' {
				at = escaped
			} else if c == end {
				at = bare
			}
		default:
			switch {
			case c == '"' || c == '\'':
				at, end, begins = quoted, c, i
			case strings.HasPrefix(prefix[i:], "--"):
				at = comment
			}
		}
	}
	return at, begins
}
