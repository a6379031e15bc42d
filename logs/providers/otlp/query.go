package otlp

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/metrics/promql"
)

const (
	maxQuery    = 8 << 10
	maxMatchers = 64
)

// Expand fills a query's ${variables}. Strings are those of PromQL and so are the
// rules: within one a value is escaped, within one after =~ or !~ it also matches
// only itself, and outside none is one that the query could be made of.
func Expand(query string, variables map[string]string) (string, error) {
	return promql.Expand(query, variables)
}

// matcher is one condition.
type matcher struct {
	name, operator, value string
	pattern               *regexp.Regexp // of =~ and !~
}

func (m matcher) matches(value string) bool {
	switch m.operator {
	case "=":
		return value == m.value
	case "!=":
		return value != m.value
	case "=~":
		return m.pattern.MatchString(value)
	default:
		return !m.pattern.MatchString(value)
	}
}

// query is a parsed query: all of its matchers must hold.
type query []matcher

var matcherText = regexp.MustCompile("^([A-Za-z_][A-Za-z0-9_.:/-]*)[ \t\r\n]*(=~|!~|!=|=)[ \t\r\n]*(\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`)[ \t\r\n]*")

// parse reads a query.
func parse(text string) (query, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("the query has %d bytes, the longest possible has %d", len(text), maxQuery)
	}
	var q query
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t\r\n")
		found := matcherText.FindStringSubmatch(rest)
		if found == nil {
			if rest == "" && len(q) == 0 {
				return nil, errors.New(`the query is empty: choose at least a service, service.name="checkout"`)
			}
			return nil, fmt.Errorf(`at byte %d there is no matcher: one is a name, an operator (= != =~ !~) and a quoted value, such as service.version="v2"; further ones follow after commas`, len(text)-len(rest))
		}
		if len(q) == maxMatchers {
			return nil, fmt.Errorf("the query has more than %d matchers", maxMatchers)
		}
		m := matcher{name: found[1], operator: found[2]}
		var err error
		if m.value, err = strconv.Unquote(found[3]); err != nil {
			return nil, fmt.Errorf("the value of %s, %s, has an escape that Go's strings do not know", m.name, found[3])
		}
		if m.operator == "=~" || m.operator == "!~" {
			if m.pattern, err = regexp.Compile("^(?s:" + m.value + ")$"); err != nil {
				return nil, fmt.Errorf("the expression of %s: %w", m.name, err)
			}
		}
		q = append(q, m)
		if rest = rest[len(found[0]):]; rest == "" {
			return q, nil
		}
		if rest[0] != ',' {
			return nil, fmt.Errorf("at byte %d there is %q where a comma or the end was expected", len(text)-len(rest), rest[:1])
		}
		rest = rest[1:]
	}
}

// may reports whether a resource with these indexed attributes can match.
func (q query) may(value func(name string) string) bool {
	for _, m := range q {
		if indexed(m.name) && !m.matches(value(m.name)) {
			return false
		}
	}
	return true
}

// matches reports whether a resource does.
func (q query) matches(value func(name string) string) bool {
	for _, m := range q {
		if !m.matches(value(m.name)) {
			return false
		}
	}
	return true
}
