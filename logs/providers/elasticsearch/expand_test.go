package elasticsearch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/judged-dev/judged/metrics/providertest"
)

// templates put a value into every place of a query where one can stand.
var templates = []providertest.Template{
	literal(`logs-*: version:"${value}"`),
	literal(`logs-*: service.name:"checkout" AND version:"v-${value}" AND NOT message:"health*"`),
	literal(`logs-*: message:"a \"b\" \\${value}"~2 (x OR y)`),
	literal(`logs-*: message:"a/b" AND version:"${value}"`),
	literal(`logs-*: path:/api\/.*[0-9]/ AND version:"${value}"`),
	literal(`logs-*: name:a\"b AND version:"${value}"`),
	outside(`logs-*: version:${value}`),
	outside(`logs-*: version:(v1 OR ${value}) AND x:[1 TO 2]`),
	outside(`logs-*: -version:${value}`),
	outside(`logs-${value}-*,other: version:"x"`, "prod", "v1.8.2", "eu-west-1", "feature_x"),
}

// literal is a template with the value in a phrase: whatever the value, the query
// has the tokens that it has for an innocent one, and the phrase is the value.
func literal(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error {
		const innocent = "INNOCENT"
		reference, err := Expand(query, map[string]string{"value": innocent})
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
			if strings.Contains(w, innocent) {
				changed++
			}
			if text := strings.ReplaceAll(w, innocent, value); got[i] != text {
				return fmt.Errorf("token %d is %q, want %q", i, got[i], text)
			}
		}
		if changed != 1 {
			return fmt.Errorf("the value is in it %d times", changed)
		}
		return nil
	}}
}

// outside is a template with the value outside of phrases.
func outside(query string, accepts ...string) providertest.Template {
	return providertest.Template{Query: query, Accepts: accepts, Check: func(value, expanded string) error {
		if want := strings.ReplaceAll(query, "${value}", value); expanded != want {
			return fmt.Errorf("want the value as it is: %s", want)
		}
		switch {
		case strings.ContainsAny(value, " \t\n\"'/\\()[]{}<>~*?:^+!&|=,;#%@`$") || !utf8.ValidString(value):
			return errors.New("the value brings structure with it")
		case strings.HasPrefix(query, "logs-${") && value != "":
			return nil // the language's words are none there
		case value == "" || value[0] == '-' || slices.Contains([]string{"AND", "OR", "NOT", "TO"}, strings.ToUpper(value)):
			return errors.New("the value is an operator")
		}
		return nil
	}}
}

// tokens takes a query apart: phrases, of which the escapes are resolved, regular
// expressions, and every other character.
func tokens(query string) ([]string, error) {
	var out []string
	for rest := query; rest != ""; {
		switch c := rest[0]; c {
		case '"', '/':
			text := []byte{c}
			i := 1
			for ; i < len(rest) && rest[i] != c; i++ {
				if rest[i] == '\\' {
					if i++; i == len(rest) {
						return nil, errors.New("it ends in a backslash")
					}
				}
				text = append(text, rest[i])
			}
			if i == len(rest) {
				return nil, fmt.Errorf("a %q is not closed", c)
			}
			out, rest = append(out, string(text)), rest[i+1:]
		case '\\':
			if len(rest) < 2 {
				return nil, errors.New("it ends in a backslash")
			}
			out, rest = append(out, rest[:2]), rest[2:]
		default:
			_, n := utf8.DecodeRuneInString(rest)
			out, rest = append(out, rest[:n]), rest[n:]
		}
	}
	return out, nil
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, value, says string }{
		{`logs-*: version:${v}`, "v1*", `write version:"${v}"`},
		{`logs-*: version:${v}`, "OR", `write version:"${v}"`},
		{`logs-*: version:${v}`, "to", `write version:"${v}"`},
		{`logs-*: version:${v}`, "-1", `write version:"${v}"`},
		{`logs-*: version:\${v}`, "n", "behind a backslash"},
		{`logs-*: version:"\${v}"`, "n", "behind a backslash"},
		{`logs-*: version:/${v}/`, "n", "regular expression"},
		{`logs-*: version:/a\\/ AND x:"${v}"`, "n", "regular expression"},
		{`logs-*: version:"${v}"`, "", "is empty"},
		{`logs-*: version:"${v}"`, "a\nb", "line break"},
		{`logs-*: version:"${v}"`, "a\xff", "UTF-8"},
		{`${v}: *`, "_all", "index's name"},
		{`${v}: *`, "-x", "index's name"},
		{`a-${v}: *`, "X", "index's name"},
		{`a-${v}: *`, "b,c", "index's name"},
		{`a-${v}: *`, "b: x", "index's name"},
		{`a-${v}: *`, "../b", "index's name"},
		{`a-*: x:"${w}"`, "b", "no variable"},
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
		for _, value := range []string{"v1", `" OR "`, `\`, `\"`, "*", "a b", "/", "OR", "[1 TO 2]", "x: y"} {
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
