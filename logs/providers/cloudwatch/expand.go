package cloudwatch

import (
	"fmt"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. What a value may hold depends on where it
// stands, since CloudWatch does not say how its patterns quote a quote, and takes
// * for a wildcard inside strings too:
//   - in the log group's name: letters, digits and _ . / # -;
//   - in a string, {$.version = "${version}"}: anything that prints but
//     " \ * and %;
//   - elsewhere: letters, digits and _, of which a word without quotes consists.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

func quote(prefix, name, value string) (string, error) {
	_, pattern, inPattern := strings.Cut(prefix, separator)
	at := logs.PlaceOf(pattern)
	switch {
	case value == "":
		return "", fmt.Errorf("the value of %q is empty", name)
	case !inPattern && !logs.Plain(value, "_./#-"):
		return "", fmt.Errorf("the value %q of %q cannot stand in a log group's name: that has letters, digits and _ . / # - only", value, name)
	case !inPattern:
		return value, nil
	case at == logs.Escaped:
		return "", fmt.Errorf("${%s} stands after a backslash, which would change the value", name)
	case at == logs.Bare && !logs.Plain(value, "_"):
		return "", fmt.Errorf(`the value %q of %q cannot stand outside quotes: only letters, digits and _ can; write "${%s}"`, value, name, name)
	case at == logs.Quoted && !logs.Literal(value, `"\*%`):
		return "", fmt.Errorf(`the value %q of %q cannot stand in a filter pattern, which has no way to quote " \ * %% or what does not print`, value, name)
	default:
		return value, nil
	}
}

// separator is between the log group and the pattern. No group's name has a
// colon, and in an ARN none is followed by a space.
const separator = ": "

func split(expr string) (group, pattern string) {
	group, pattern, _ = strings.Cut(strings.TrimSpace(expr), separator)
	return strings.TrimSuffix(strings.TrimSpace(group), ":"), strings.TrimSpace(pattern)
}
