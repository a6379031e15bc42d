package files

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/logs/decode"
)

const (
	// maxSelector bounds the text of a query's matchers, maxField the name of a
	// field and maxPath the names that it is a path of, which decoding looks for.
	maxSelector = 16 << 10
	maxField    = 256
	maxPath     = 16
)

// selectorExample is shown where matchers are not understood.
const selectorExample = `matchers are written as in shop/*.log {track="canary", level!="debug"}`

// split divides a query at its first brace, before which a space has to be, into
// its glob and its matchers with their braces.
func split(query string) (glob, selector string, err error) {
	i := strings.IndexByte(query, '{')
	if i < 0 {
		return query, "", nil
	}
	glob = strings.TrimRight(query[:i], " ")
	if len(glob) == i && i > 0 {
		return "", "", &queryError{
			fmt.Errorf("a brace begins the matchers of fields, and at character %d there is no space before it", column(query, i)),
			selectorExample + "; for a file with a brace in its name write ? in its place",
		}
	}
	return glob, query[i:], nil
}

// column counts characters from 1.
func column(query string, offset int) int { return utf8.RuneCountInString(query[:offset]) + 1 }

// parseQuery returns the glob of a query and its matchers.
func parseQuery(query string) (string, []decode.Matcher, error) {
	glob, selector, err := split(query)
	if err != nil {
		return "", nil, err
	}
	if err := checkGlob(glob); err != nil || selector == "" {
		return glob, nil, err
	}
	if len(selector) > maxSelector {
		return "", nil, &queryError{fmt.Errorf("the matchers have %d bytes, the limit is %d", len(selector), maxSelector), selectorExample}
	}
	p := parser{query: query, i: len(query) - len(selector) + 1}
	where, err := p.matchers()
	return glob, where, err
}

// parser reads the matchers of a query.
type parser struct {
	query string
	i     int
}

func (p *parser) wrong(format string, args ...any) error {
	return &queryError{fmt.Errorf("character %d of the query: %s", column(p.query, p.i), fmt.Sprintf(format, args...)), selectorExample}
}

// matchers reads what follows the opening brace, to the query's end.
func (p *parser) matchers() ([]decode.Matcher, error) {
	var all []decode.Matcher
	for {
		m, err := p.matcher()
		if err != nil {
			return nil, err
		}
		if all = append(all, m); len(all) > decode.MaxMatchers {
			return nil, p.wrong("there are more than %d matchers", decode.MaxMatchers)
		}
		if p.take(",") {
			continue
		}
		if !p.take("}") {
			return nil, p.wrong("after a matcher comes a comma or the closing brace, not %s", p.next())
		}
		if p.space(); p.i < len(p.query) {
			return nil, p.wrong("nothing can follow the closing brace, and %s does", p.next())
		}
		return all, nil
	}
}

func (p *parser) matcher() (decode.Matcher, error) {
	p.space()
	start := p.i
	for p.i < len(p.query) && strings.IndexByte(" =!~,\"\\{}", p.query[p.i]) < 0 {
		p.i++
	}
	m := decode.Matcher{Field: p.query[start:p.i]}
	switch {
	case m.Field == "":
		return m, p.wrong("here the name of a field has to be, not %s", p.next())
	case len(m.Field) > maxField || strings.Count(m.Field, ".") >= maxPath:
		p.i = start
		return m, p.wrong("a field's name has at most %d bytes and %d parts between dots", maxField, maxPath)
	}
	switch {
	case p.take("=~"), p.take("!~"):
		p.i -= len("=~")
		return m, p.wrong("there are no regular expressions here: compare the field %q by = or !=", m.Field)
	case p.take("!="):
		m.Not = true
	case !p.take("="):
		return m, p.wrong("after the field %q comes = or !=, not %s", m.Field, p.next())
	}
	var err error
	m.Value, err = p.value(m.Field)
	return m, err
}

// value reads what is between double quotes.
func (p *parser) value(field string) (string, error) {
	if !p.take(`"`) {
		return "", p.wrong(`the value of the field %q is written between double quotes, here begins %s`, field, p.next())
	}
	start := p.i - 1
	var value strings.Builder
	for ; p.i < len(p.query); p.i++ {
		switch c := p.query[p.i]; c {
		case '"':
			p.i++
			return value.String(), nil
		case '\\':
			p.i++
			if p.i == len(p.query) || p.query[p.i] != '"' && p.query[p.i] != '\\' {
				p.i--
				return "", p.wrong(`after a backslash in a value comes a quote or another backslash: \" or \\`)
			}
			value.WriteByte(p.query[p.i])
		default:
			value.WriteByte(c)
		}
	}
	p.i = start
	return "", p.wrong("the quote that begins the value of the field %q is not closed", field)
}

func (p *parser) space() {
	for p.i < len(p.query) && p.query[p.i] == ' ' {
		p.i++
	}
}

// take consumes a token if it is next, after space.
func (p *parser) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.query[p.i:], token) {
		return false
	}
	p.i += len(token)
	return true
}

// next describes what is next, for errors.
func (p *parser) next() string {
	r, n := utf8.DecodeRuneInString(p.query[p.i:])
	if n == 0 {
		return "the query's end"
	}
	return fmt.Sprintf("%q", r)
}
