package splunk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. What a value may hold depends on where it
// stands:
//   - in a string, version="${version}": anything that prints but " \ ` and *,
//     which is a wildcard in strings too and cannot be quoted;
//   - elsewhere: letters, digits and _ . : / -, no operator, no - at its
//     beginning;
//   - in a macro's arguments: nothing, since a macro pastes them anywhere.
//
// https://help.splunk.com/en/splunk-enterprise/spl-search-reference (search)
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

var operators = []string{"AND", "OR", "NOT", "IN"}

func quote(prefix, name, value string) (string, error) {
	at := logs.PlaceOf(prefix)
	switch {
	case value == "":
		return "", fmt.Errorf("the value of %q is empty", name)
	case strings.Count(prefix, "`")%2 == 1:
		return "", fmt.Errorf("${%s} stands in a macro, which could paste the value anywhere", name)
	case at == logs.Escaped:
		return "", fmt.Errorf("${%s} stands after a backslash, which would change the value", name)
	case at == logs.Quoted && !logs.Literal(value, "\"\\`*"):
		return "", fmt.Errorf("the value %q of %q cannot stand in a Splunk search, which cannot quote \" \\ ` * or what does not print", value, name)
	case at == logs.Bare && (!logs.Plain(value, "_.:/-") || value[0] == '-'):
		return "", fmt.Errorf(`the value %q of %q cannot stand outside quotes: write "${%s}"`, value, name, name)
	case at == logs.Bare && slices.Contains(operators, strings.ToUpper(value)):
		return "", fmt.Errorf(`the value %q of %q is an operator of the search language: write "${%s}"`, value, name, name)
	default:
		return value, nil
	}
}

var timeTerm = regexp.MustCompile(`(?i)(?:^|[\s(,])(?:_?index_)?(?:earliest|latest|starttime|endtime|starttimeu|endtimeu)\s*=`)

// check refuses what does more than select events, or selects those of another
// time.
func check(expr string) error {
	bare := withoutStrings(expr)
	switch {
	case strings.TrimSpace(expr) == "":
		return errors.New("the query is empty: it would read all that the user may see")
	case logs.PlaceOf(expr) == logs.Quoted:
		return errors.New("the query has a quotation mark without its other one")
	case strings.Contains(bare, `\`):
		return errors.New("the query has a backslash outside of quotes, where it may or may not change what follows")
	case strings.Contains(bare, "```"):
		return errors.New("the query has a comment")
	case strings.Contains(bare, "|"):
		return errors.New("the query has a pipe")
	case strings.ContainsAny(bare, "[]"):
		return errors.New("the query has a subsearch")
	case timeTerm.MatchString(bare):
		return errors.New("the query has a time modifier; the window that is judged decides the time")
	case strings.EqualFold(strings.Fields(expr)[0], "search"):
		return errors.New("the query begins with the command search, which is added to it")
	default:
		return nil
	}
}

// withoutStrings leaves out what is between quotes.
func withoutStrings(expr string) string {
	var out strings.Builder
	quoted, escaped := false, false
	for i := range len(expr) {
		c := expr[i]
		if !quoted || c == '"' && !escaped {
			out.WriteByte(c)
		}
		if c == '"' && !escaped {
			quoted = !quoted
		}
		escaped = c == '\\' && quoted && !escaped
	}
	return out.String()
}
