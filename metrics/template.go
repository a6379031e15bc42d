package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Quote returns value as it has to be written into a query after prefix (the
// query's text before it, earlier values already written), or an error if no
// value, or not this one, can stand there safely.
type Quote func(prefix, name, value string) (string, error)

// ExpandTemplate replaces every ${name} of query by quote's text for the
// variable. "$${" stands for a literal "${". A name without a value is an
// error that lists the names there are. Values are not expanded again.
func ExpandTemplate(query string, variables map[string]string, quote Quote) (string, error) {
	var out strings.Builder
	rest := query
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			return out.String(), nil
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1])
			out.WriteString("${")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		name, after, ok := strings.Cut(rest[i+2:], "}")
		if !ok || !isVariableName(name) {
			return "", fmt.Errorf("the query has an unfinished or misspelt variable at %q: write ${name} with letters, digits and underscores (or $${ for a literal ${)", shorten(rest[i:], 40))
		}
		value, ok := variables[name]
		if !ok {
			return "", fmt.Errorf("the query uses ${%s}, but the scope has no variable %q (it has: %s)", name, name, nameList(variables))
		}
		text, err := quote(out.String(), name, value)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		rest = after
	}
}

// TemplateVariables returns the names a query uses, in order of first use,
// ignoring malformed ones.
func TemplateVariables(query string) []string {
	var names []string
	_, _ = ExpandTemplate(query, anyVariable(query), func(_, name, _ string) (string, error) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return "", nil
	})
	return names
}

// anyVariable gives every name that may occur in query a value, so that
// ExpandTemplate never stops at an unknown one.
func anyVariable(query string) map[string]string {
	variables := map[string]string{}
	for part := range strings.SplitSeq(query, "${") {
		if name, _, ok := strings.Cut(part, "}"); ok {
			variables[name] = ""
		}
	}
	return variables
}

func isVariableName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func nameList(variables map[string]string) string {
	if len(variables) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(variables)), ", ")
}
