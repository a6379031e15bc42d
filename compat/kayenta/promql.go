package kayenta

import (
	"cmp"
	"strings"
)

// promQL builds a query for Prometheus. A filter that begins with "PromQL:"
// is the query itself. Else it is the average of a metric over all series that
// the filter and the label bindings select, or without a filter those of a
// group of servers on Google's or Amazon's cloud.
func promQL(c *Config, q *QueryConfig, s *Scope, o QueryOptions) (string, error) {
	if _, present := q.fields["customFilter"].(string); present {
		return "", invalid("CanaryMetricSetQueryConfig.customFilter is deprecated, use CanaryMetricSetQueryConfig.customInlineTemplate instead.")
	}
	filter, err := c.filter(q, variables([]string{"project", "resourceType", "scope", "location"}, map[string]string{
		"scope": s.Scope, "location": s.Location,
	}, q, s.ExtendedScopeParams))
	if err != nil {
		return "", err
	}
	if query, whole := strings.CutPrefix(filter, "PromQL:"); whole {
		return query, nil
	}
	metric := q.text("metricName")
	if metric == "" {
		return "", invalid("Metric Name is required when query type is Default.")
	}
	var filters []string
	if filter == "" {
		of, err := resourceFilters(q, s, o)
		if err != nil {
			return "", err
		}
		filters = append(q.texts("labelBindings"), of...)
	} else {
		if filter = strings.TrimRight(filter, ","); filter != "" { // as Java splits
			filters = strings.Split(filter, ",")
		}
		filters = append(filters, q.texts("labelBindings")...)
	}
	query := metric
	if len(filters) > 0 {
		query += "{" + strings.Join(filters, ",") + "}"
	}
	query = "avg(" + query + ")"
	if by := q.texts("groupByFields"); len(by) > 0 {
		query += " by (" + strings.Join(by, ",") + ")"
	}
	return query, nil
}

// resourceFilters select the servers of a scope by the labels that
// Prometheus' service discovery gives them.
func resourceFilters(q *QueryConfig, s *Scope, o QueryOptions) ([]string, error) {
	resource := q.text("resourceType")
	if strings.TrimSpace(resource) == "" {
		resource = s.ExtendedScopeParams["resourceType"]
	}
	var scope, zone string
	switch resource {
	case "gce_instance":
		scope = cmp.Or(o.ScopeLabel, "instance") + `=~"` + s.Scope + `-.{4}"`
		zone = ".+/"
		if project := s.ExtendedScopeParams["project"]; project != "" {
			zone += "projects/" + project + "/"
		}
		zone += "zones/" + s.Location + "-.{1}"
	case "aws_ec2_instance":
		scope = `asg_groupName="` + s.Scope + `"`
		zone = s.Location + ".{1}"
	case "":
		return nil, invalid("Either a resource type or a custom filter is required.")
	default:
		return nil, invalid("There is no explicit support for resourceType '%s'. Select the series with a custom filter template or label bindings.", shorten(resource))
	}
	if s.Location == "" {
		return nil, invalid("A location is required when resourceType is '%s'.", resource)
	}
	zone = `zone=~"` + zone + `"`
	if s.Scope == "" {
		return []string{zone}, nil
	}
	return []string{scope, zone}, nil
}

// promQLShape reduces a query to its operators, brackets and the places of
// words and literals. Words are names, numbers, durations and lists of them
// with commas between.
func promQLShape(query string) string {
	const word = wordCharacters + ":.,"
	var shape strings.Builder
	for i := 0; i < len(query); {
		rest := query[i:]
		switch c := query[i]; {
		case strings.IndexByte(word, c) >= 0:
			shape.WriteByte('w')
			i += len(rest) - len(strings.TrimLeft(rest, word))
		case c == '"' || c == '\'' || c == '`':
			length, closed := literal(rest)
			shape.WriteByte('s')
			if !closed {
				shape.WriteByte('?')
			}
			i += length
		case c == '#':
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				i += end
			} else {
				i = len(query)
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		default:
			shape.WriteByte(c)
			i++
		}
	}
	return shape.String()
}

// literal returns the length of the string literal that s begins with, and
// whether it ends.
func literal(s string) (length int, closed bool) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return i + 1, true
		case s[i] == '\\' && quote != '`':
			i++
		}
	}
	return len(s), false
}
