package kayenta

import "strings"

// datadogQuery builds a query for Datadog: the filter is the query itself;
// without one it is the metric of all that the scope, a filter of tags,
// selects.
func datadogQuery(c *Config, q *QueryConfig, s *Scope, _ QueryOptions) (string, error) {
	filter, err := c.filter(q, variables([]string{"scope", "location"}, map[string]string{
		"scope": s.Scope, "location": s.Location,
	}, q, s.ExtendedScopeParams))
	switch metric := q.text("metricName"); {
	case err != nil || filter != "":
		return filter, err
	case metric == "":
		return "", invalid("A Datadog query needs a metricName or a template.")
	case s.Scope == "":
		return "", invalid("A Datadog query without a template needs a scope: the tags that select the servers.")
	default:
		return metric + "{" + s.Scope + "}", nil
	}
}

// datadogShape reduces a query to its operators, brackets and the places of
// words. What stands between braces, a filter of tags, counts as nothing but
// its quotes and braces.
func datadogShape(query string) string {
	const word = wordCharacters + ":."
	var shape strings.Builder
	inBraces := false
	for i := 0; i < len(query); {
		c := query[i]
		rest := query[i:]
		switch {
		case c == '{' || c == '}':
			inBraces = c == '{'
			shape.WriteByte(c)
			i++
		case inBraces && c != '"' && c != '\'', c == ' ':
			i++
		case strings.IndexByte(word, c) >= 0:
			shape.WriteByte('w')
			i += len(rest) - len(strings.TrimLeft(rest, word))
		default:
			shape.WriteByte(c)
			i++
		}
	}
	return shape.String()
}
