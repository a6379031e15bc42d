package datadog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. What a value may hold depends on where it
// stands:
//   - in a string, version:"${version}": anything that prints but " \ and the
//     wildcards * and ?;
//   - elsewhere: letters, digits and _ . -, no operator, no - at its beginning,
//     which would exclude.
//
// https://docs.datadoghq.com/logs/explorer/search_syntax/
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

var operators = []string{"AND", "OR", "NOT", "TO"}

func quote(prefix, name, value string) (string, error) {
	at := logs.PlaceOf(prefix)
	switch {
	case value == "":
		return "", fmt.Errorf("the value of %q is empty", name)
	case at == logs.Escaped:
		return "", fmt.Errorf("${%s} stands after a backslash, which would change the value", name)
	case at == logs.Quoted && !logs.Literal(value, `"\*?`):
		return "", fmt.Errorf(`the value %q of %q cannot stand in a Datadog search, where " \ * ? and what does not print have other meanings`, value, name)
	case at == logs.Bare && (!logs.Plain(value, "_.-") || value[0] == '-'):
		return "", fmt.Errorf(`the value %q of %q cannot stand outside quotes: write "${%s}"`, value, name, name)
	case at == logs.Bare && slices.Contains(operators, strings.ToUpper(value)):
		return "", fmt.Errorf(`the value %q of %q is an operator of the search language: write "${%s}"`, value, name, name)
	default:
		return value, nil
	}
}
