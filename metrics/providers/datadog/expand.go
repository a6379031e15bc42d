package datadog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/judged-dev/judged/metrics"
)

// Expand fills a Datadog query's ${variables}. Datadog has no way to quote a
// value, so what a value may hold depends on where it stands:
//   - between braces, avg:x{version:${version}}, and inside a string: letters,
//     digits and _ . : / - as tags have them, at most 200. No wildcard, since a
//     scope selects one version;
//   - anywhere else: a number, or a metric's name.
//
// https://docs.datadoghq.com/getting_started/tagging/#define-tags
// https://docs.datadoghq.com/metrics/advanced-filtering/
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

// maxTag is how long a tag can be; Datadog cuts longer ones.
const maxTag = 200

var (
	tagText = regexp.MustCompile(`^[A-Za-z0-9_.:/-]+$`)
	// Metric names: letters, digits, underscores and periods, a letter first.
	bareText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.]*$|^[0-9]+(\.[0-9]+)?$`)
	words    = []string{"and", "or", "not", "in", "by"}
)

func quote(prefix, name, value string) (string, error) {
	at := scan(prefix)
	switch {
	case value == "":
		return "", fmt.Errorf("the value of %q is empty", name)
	case len(value) > maxTag:
		return "", fmt.Errorf("the value of %q has %d characters; a tag has at most %d", name, len(value), maxTag)
	case slices.Contains(words, strings.ToLower(value)):
		return "", fmt.Errorf("the value %q of %q is a word of the query language", value, name)
	case at == outside && !bareText.MatchString(value):
		return "", fmt.Errorf("the value %q of %q cannot stand outside braces: only a number or a metric's name can; put ${%s} into the filter, {%s:${%s}}", value, name, name, name, name)
	case at != outside && !tagText.MatchString(value):
		return "", fmt.Errorf("the value %q of %q cannot stand in a Datadog filter: tags have letters, digits and _ . : / - only, and Datadog has no way to quote anything else (when it stores a tag, it replaces other characters by _)", value, name)
	case at == inBraces && value[0] == '-' && !strings.HasSuffix(prefix, ":") && startsTerm(prefix):
		return "", fmt.Errorf("the value %q of %q cannot begin a filter's term: a tag begins with a letter", value, name)
	default:
		return value, nil
	}
}

// startsTerm reports whether what follows prefix begins a new term of a filter.
func startsTerm(prefix string) bool {
	return prefix == "" || strings.ContainsRune("{,(! \t\n", rune(prefix[len(prefix)-1]))
}

type place int

const (
	outside place = iota
	inBraces
	inString
)

// scan says where the end of prefix is.
func scan(prefix string) place {
	depth, quote := 0, byte(0)
	for i := range len(prefix) {
		switch c := prefix[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			depth = max(0, depth-1)
		}
	}
	switch {
	case quote != 0:
		return inString
	case depth > 0:
		return inBraces
	default:
		return outside
	}
}
