package loki

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"testing"
	"text/scanner"
	"unicode/utf8"

	"github.com/judged-dev/judged/metrics/providertest"
)

// templates put a value into every place of LogQL where one can stand.
var templates = []providertest.Template{
	literal(`{app="${value}"}`),
	literal("{app=`${value}`}"),
	literal(`{app!="${value}", pod="x"}`),
	literal(`{app=~"${value}"}`),
	literal("{app=~`${value}`}"),
	literal(`{app !~ "(a|${value})-.*"}`),
	literal(`{app="x"} |= "${value}"`),
	literal("{app=\"x\"} != `${value}`"),
	literal(`{app="x"} |~ "${value}"`),
	literal("{app=\"x\"} |~ `id=[0-9]+ (${value})+`"),
	literal(`{app="x"} !~ "a\\d${value}$"`),
	literal(`{app="x"} | json | version="${value}"`),
	literal(`{app="x"} | logfmt | line_format "{{.msg}}" | version =~ "v.*${value}"`),
	literal(`{app="a\"b#{", version="${value}"} # a comment's "quote`),
	literal("# it's a comment\n{version=\"${value}\"}"),
	literal(`/* "a" */ {version="${value}"} // '`),
	bare(`{app="x"} | json | duration > ${value}`, "5m", "10", "1.5"),
	bare(`{app="x"} | status >= ${value}`, "500"),
}

// literal is a template with the value inside a string: whatever the value, the
// query has the tokens that it has for an innocent one, and the string is the
// value.
func literal(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error { return sameShape(query, value, expanded) }}
}

// bare is a template with the value outside of strings.
func bare(query string, accepts ...string) providertest.Template {
	return providertest.Template{Query: query, Accepts: accepts, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want the value as it is: %s", want)
		}
		if strings.Trim(value, "0123456789.msdhwy") != "" {
			return fmt.Errorf("the value is no number and no duration")
		}
		return nil
	}}
}

// sameShape compares an expanded query with the one for an innocent value.
func sameShape(template, value, expanded string) error {
	const innocent = "INNOCENT"
	reference, err := Expand(template, map[string]string{"value": innocent})
	if err != nil {
		return err
	}
	want, err := tokens(reference)
	if err != nil {
		return fmt.Errorf("the reference: %w", err)
	}
	got, err := tokens(expanded)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("it has %d tokens, want %d", len(got), len(want))
	}
	changed := 0
	for i, w := range want {
		text := strings.ReplaceAll(w.text, innocent, value)
		if strings.Contains(w.text, innocent) {
			changed++
		}
		if i > 0 && want[i-1].text == "~" && w.kind == scanner.String {
			// \x{...} shares nothing with regexp.QuoteMeta.
			var quoted strings.Builder
			for _, r := range value {
				fmt.Fprintf(&quoted, `\x{%x}`, r)
			}
			a, err := syntax.Parse(strings.ReplaceAll(w.text, innocent, quoted.String()), syntax.Perl)
			if err != nil {
				return err
			}
			b, err := syntax.Parse(got[i].text, syntax.Perl)
			if err != nil {
				return err
			}
			if got[i].kind != w.kind || a.String() != b.String() {
				return fmt.Errorf("the regular expression is %s, want %s", b, a)
			}
		} else if got[i] != (token{w.kind, text}) {
			return fmt.Errorf("token %d is %q, want %q", i, got[i].text, text)
		}
	}
	if changed == 0 {
		return fmt.Errorf("the value is nowhere in it")
	}
	return nil
}

type token struct {
	kind rune // of text/scanner; raw strings count as strings
	text string
}

// tokens takes a query apart as Loki does, whose lexer is text/scanner with
// comments that begin with #.
func tokens(query string) (out []token, err error) {
	var s scanner.Scanner
	s.Init(strings.NewReader(query))
	s.Error = func(_ *scanner.Scanner, msg string) { err = fmt.Errorf("%s", msg) }
	for r := s.Scan(); r != scanner.EOF; r = s.Scan() {
		switch r {
		case '#':
			for next := s.Peek(); next != '\n' && next != scanner.EOF; next = s.Peek() {
				s.Next()
			}
			continue
		case scanner.String, scanner.RawString:
			text, err := strconv.Unquote(s.TokenText())
			if err != nil {
				return nil, fmt.Errorf("the string %s: %w", s.TokenText(), err)
			}
			out = append(out, token{scanner.String, text})
		default:
			out = append(out, token{r, s.TokenText()})
		}
	}
	return out, err
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, value, says string }{
		{`{${v}="x"}`, "app", "outside quotes"},
		{`{app="x"} | ${v}`, "json", "outside quotes"},
		{`{app="x"} |= "a" or "${v}"`, "b", "nothing is compared with"},
		{`{app="x"} |= ip("${v}")`, "1.2.3.4", "nothing is compared with"},
		{`{app="x"} |> "<_> ${v} <_>"`, "<a>", "nothing is compared with"},
		{`label_replace({app="x"}, "a", "${v}", "b", "c")`, "a", "nothing is compared with"},
		{`{app="x"} | line_format "${v}"`, "{{.a}}", `the stage "line_format"`},
		{`{app="x"} | Label_Format a="${v}"`, "{{.a}}", `the stage "label_format"`},
		{`{app="x"} | pattern "${v}"`, "<a>", `the stage "pattern"`},
		{`{app="x"} | json a="${v}"`, "b.c", `the stage "json"`},
		{`{app='${v}'}`, "a", "single quotes"},
		{`{app="x"} # ${v}`, "a", "comment"},
		{`{app="x"} // ${v}`, "a", "comment"},
		{`{app="x"} /* ${v}`, "a", "comment"},
		{"{app=`${v}`}", "a`b", "backquote"},
		{`{app="${v}"}`, "a\nb", "line break"},
		{`{app="${v}"}`, "a\xff", "UTF-8"},
		{`{app="a\${v}"}`, `n`, "unfinished escape"},
		{`{app="a\x4${v}"}`, `1`, "unfinished escape"},
		{`{app=~"\\${v}"}`, "d", "regular expression"},
		{`{app=~"\x5c${v}"}`, "d", "regular expression"},
		{"{app=~`\\${v}`}", "d", "regular expression"},
		{`{app=~"[${v}]"}`, "a-z", "regular expression"},
		{`{app=~"a{${v}}"}`, "2", "regular expression"},
		{`{app=~"a{1,${v}}"}`, "2", "regular expression"},
		{`{app=~"(?${v})"}`, "i", "regular expression"},
		{`{app=~"(?P<${v}>a)"}`, "i", "regular expression"},
		{`{app=~"\\Q${v}\\E"}`, "i", "regular expression"},
		{`{app=~"\\0${v}"}`, "1", "regular expression"},
		{`{app=~"\\pL\\p${v}"}`, "L", "regular expression"},
		{`{app="${w}"}`, "a", "no variable"},
	}
	for _, test := range tests {
		got, err := Expand(test.query, map[string]string{"v": test.value})
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s with %q: got %q, %v, want an error that says %q", test.query, test.value, got, err, test.says)
		}
	}
}

// FuzzExpand: what is accepted has the shape that it has for an innocent value.
func FuzzExpand(f *testing.F) {
	for i := range templates {
		for _, value := range []string{"v1", `"} |= "x`, `\`, `\"`, "`", ".*", "[a-z]", "5m", "or", "{{.a}}", "2}"} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		template := templates[int(which)%len(templates)]
		expanded, err := Expand(template.Query, map[string]string{"value": value})
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the error is not UTF-8: %q", err)
			}
			return
		}
		if err := template.Check(value, expanded); err != nil {
			t.Errorf("the value %q breaks out of %s:\n%s\n%v", value, template.Query, expanded, err)
		}
	})
}
