package loki

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/metrics"
)

// Expand fills a LogQL query's ${variables}. Where a variable stands decides how
// its value is written:
//   - in the string of a matcher or of a line filter, {app="${app}"} |= "${text}":
//     escaped for its kind of string, "..." or `...`;
//   - if that string is a regular expression (=~, !~, |~): also with its special
//     characters escaped, so that the value matches only itself;
//   - outside of strings: only a number or a duration can stand.
//
// Elsewhere LogQL reads strings as templates, patterns and paths, in which no
// value could be written literally: there a variable is an error.
//
// https://grafana.com/docs/loki/latest/query/log_queries/
func Expand(query string, variables map[string]string) (string, error) {
	return metrics.ExpandTemplate(query, variables, quote)
}

var (
	numberOrDuration = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$|^([0-9]+(ms|[smhdwy]))+$`)
	// unfinished regular expressions, in which a value's first characters would
	// mean something else than themselves: a group's head, a repetition, an octal
	// escape, \Q.
	unfinished = regexp.MustCompile(`\(\?[^:)]*$|\{[0-9]*,?[0-9]*$|\\[0-7]{1,2}$|\\Q`)
	// stages whose strings are no text to compare with.
	stages = map[string]bool{
		"json": true, "logfmt": true, "regexp": true, "pattern": true, "unpack": true, "line_format": true, "label_format": true,
		"decolorize": true, "unwrap": true, "drop": true, "keep": true,
	}
)

func quote(prefix, name, value string) (string, error) {
	if strings.ContainsAny(value, "\n\r\x00") || !utf8.ValidString(value) {
		return "", fmt.Errorf("the value of %q has a line break, a NUL byte or is not UTF-8, which no query value needs", name)
	}
	at := scan(prefix)
	switch {
	case at.quote == 0 && numberOrDuration.MatchString(value):
		return value, nil
	case at.quote == 0:
		return "", fmt.Errorf("the value %q of %q cannot stand outside quotes: only a number or a duration can; put ${%s} into a matcher such as {%s=\"${%s}\"}", value, name, name, name, name)
	case at.quote == '#':
		return "", fmt.Errorf("${%s} stands in a comment", name)
	case at.quote == '\'':
		return "", fmt.Errorf("${%s} stands between single quotes, which LogQL does not have: use \"${%s}\"", name, name)
	case stages[at.stage]:
		return "", fmt.Errorf("${%s} stands in the stage %q, whose strings are templates, patterns or names: compare with it in a matcher or a line filter", name, at.stage)
	case !at.compares():
		return "", fmt.Errorf("${%s} stands in a string that nothing is compared with: put it behind one of = != =~ !~ |= |~", name)
	}
	text, err := at.decoded()
	if err != nil {
		return "", fmt.Errorf("${%s} stands behind an unfinished escape: remove the backslash before it", name)
	}
	if at.regexp() {
		if !mayFollow(text) {
			return "", fmt.Errorf("${%s} stands inside an escape, a [class], a group's head, {n} or \\Q of a regular expression, where its value could not be written literally: move it out", name)
		}
		value = regexp.QuoteMeta(value)
	}
	if at.quote == '`' {
		if strings.Contains(value, "`") {
			return "", fmt.Errorf("the value %q of %q has a backquote and cannot stand in a raw string", value, name)
		}
		return value, nil
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value), nil
}

// mayFollow reports whether a literal can be appended to the beginning of a
// regular expression.
func mayFollow(text string) bool {
	if unfinished.MatchString(text) {
		return false
	}
	_, err := syntax.Parse(text, syntax.Perl)
	if err == nil {
		return true
	}
	// A group that is still open is the only thing that may be missing.
	e, ok := err.(*syntax.Error) //nolint:errorlint // what Parse is documented to return
	return ok && e.Code == syntax.ErrMissingParen
}

// place is where in a query a position is.
type place struct {
	// quote it is inside of; 0: none, '#': a comment.
	quote byte
	// operator are the last two bytes before the string, without spaces.
	operator string
	// stage is the last word that follows a pipe, in lower case as LogQL reads it.
	stage string
	// text of the string so far, as it is written.
	text string
}

// compares reports whether the string is the right side of a comparison.
func (p place) compares() bool {
	if p.regexp() {
		return true
	}
	return strings.HasSuffix(p.operator, "=") && p.operator != ">=" && p.operator != "<="
}

func (p place) regexp() bool { return p.operator == "=~" || p.operator == "!~" || p.operator == "|~" }

// decoded returns the string's text so far as LogQL reads it.
func (p place) decoded() (string, error) {
	if p.quote == '`' {
		return p.text, nil
	}
	return strconv.Unquote(`"` + p.text + `"`)
}

// scan says where the end of prefix is. LogQL's words and strings are those of
// Go's text/scanner, with # for comments beside // and /* */.
func scan(prefix string) place {
	var at place
	piped := false // the next word names a stage
	for i := 0; i < len(prefix); i++ {
		switch c := prefix[i]; {
		case c == '"' || c == '\'' || c == '`':
			end := closing(prefix, i)
			if end < 0 {
				at.quote, at.text = c, prefix[i+1:]
				return at
			}
			i, at.operator, piped = end, "", false
		case c == '#' || c == '/' && i+1 < len(prefix) && (prefix[i+1] == '/' || prefix[i+1] == '*'):
			until := "\n"
			if strings.HasPrefix(prefix[i:], "/*") {
				until, i = "*/", i+2
			}
			n := strings.Index(prefix[i:], until)
			if n < 0 {
				return place{quote: '#'}
			}
			i += n + len(until) - 1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case wordByte(c):
			begin := i
			for i+1 < len(prefix) && wordByte(prefix[i+1]) {
				i++
			}
			if piped {
				at.stage = strings.ToLower(prefix[begin : i+1])
			}
			at.operator, piped = prefix[i:i+1], false
		default:
			piped = c == '|'
			if piped {
				at.stage = ""
			}
			at.operator += string(c)
			at.operator = at.operator[max(0, len(at.operator)-2):]
		}
	}
	return at
}

func wordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
}

// closing returns where the string that begins at i ends, or -1.
func closing(s string, i int) int {
	quote := s[i]
	for n := i + 1; n < len(s); n++ {
		switch {
		case s[n] == '\\' && quote != '`':
			n++
		case s[n] == quote:
			return n
		}
	}
	return -1
}
