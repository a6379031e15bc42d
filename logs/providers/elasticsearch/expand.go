package elasticsearch

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. Where a variable stands decides what its
// value may be:
//   - in a phrase, version:"${version}": anything but line breaks; quotes and
//     backslashes are escaped, wildcards mean themselves there;
//   - elsewhere in the query: letters, digits and . _ -, and none of the language's
//     words;
//   - among the indices, logs-${env}: lower-case letters, digits and . _ -
//
// In a regular expression, /.../, no value could be written literally: there a
// variable is an error.
//
// https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-query-string-query#query-string-syntax
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

var words = []string{"and", "or", "not", "to"}

func quote(prefix, name, value string) (string, error) {
	if strings.ContainsAny(value, "\n\r\x00") || !utf8.ValidString(value) {
		return "", fmt.Errorf("the value of %q has a line break, a NUL byte or is not UTF-8, which no query value needs", name)
	}
	if value == "" {
		return "", fmt.Errorf("the value of %q is empty", name)
	}
	_, query, inQuery := strings.Cut(prefix, separator)
	if !inQuery {
		if strings.ToLower(value) != value || !logs.Plain(value, "._-") || strings.ContainsAny(value[:1], "._-") {
			return "", fmt.Errorf("the value %q of %q cannot be part of an index's name: these have lower-case letters, digits and . _ - and begin with a letter or a digit", value, name)
		}
		return value, nil
	}
	switch scan(query) {
	case inPhrase:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value), nil
	case inRegexp:
		return "", fmt.Errorf("${%s} stands in, or behind, a regular expression, where its value could not be written literally: write it in a phrase before that, version:\"${%s}\"", name, name)
	case escaped:
		return "", fmt.Errorf("${%s} stands behind a backslash, which would change its first character: remove it", name)
	default:
		if !logs.Plain(value, "._-") || value[0] == '-' || slices.Contains(words, strings.ToLower(value)) {
			return "", fmt.Errorf("the value %q of %q can only stand in a phrase: write version:\"${%s}\"", value, name, name)
		}
		return value, nil
	}
}

type place int

const (
	bare place = iota
	inPhrase
	inRegexp
	escaped
)

// scan says where the end of prefix is, as Lucene's classic query parser reads it.
// In a regular expression it takes \/ for an escaped slash even after another
// backslash, so that where one with \\ ends depends on what follows: everything
// behind it counts as inside.
func scan(prefix string) place {
	at := bare
	for i := 0; i < len(prefix); i++ {
		switch c := prefix[i]; {
		case c == '\\':
			i++
			if i == len(prefix) {
				return escaped
			}
			if at == inRegexp && prefix[i] == '\\' {
				return inRegexp
			}
		case c == '"' && at == bare:
			at = inPhrase
		case c == '/' && at == bare:
			at = inRegexp
		case c == '"' && at == inPhrase, c == '/' && at == inRegexp:
			at = bare
		}
	}
	return at
}
