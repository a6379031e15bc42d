package providertest

import (
	"strings"
	"testing"
)

// hostile values, each of which has broken out of some query language.
var hostile = []string{
	`"`, `'`, "`", `\`, `\"`, `\\"`, `"}`, `"} or vector(1) #`, `'} or vector(1) or x{a='`, "`} or vector(1) or x{a=`",
	`x",version=~".*`, `.*`, `.+`, `a|b`, `(`, `)`, `[`, `]`, `[^a]`, `{`, `}`, `{}`, `*`, `?`, `^`, `$`, `a-z`,
	`\d`, `\E`, `\Q`, `$1`, `${value}`, `$${value}`, `${other}`, `{{.Value}}`, `%s`, `%00`, `%22`, `&a=b`, `a#b`, `#`, `//`, `/*`, `--`, `; drop`,
	"\n", "\r\n", "a\nb", "\x00", "\x1b", "\t", " ", "", "  a  ", "\u2028", "\u202e", "\ufeff", "é", "日本", "\xff", "a\xc3", "😀",
	`x} or up{y="`, `1) or vector(1`, `1 or 1`, `or`, `and`, `unless`, `by`, `offset`, `bool`, `sum`, `inf`, `NaN`, `-1`, `+1`, `1e5`, `0x1`, `1.5`, `5m`, `5m:1m`, `a.b`, `a:b`, `a/b`,
	`*,env:prod`, `x} by {host`, `x OR y`, `NOT x`, `!x`, `IN (a)`, `x,y`, `-x`, strings.Repeat("a", 300), strings.Repeat(`"`, 300), strings.Repeat(`\`, 301),
}

// ordinary values of scopes, which every query language can express.
var ordinary = []string{"v1.8.2", "checkout", "shop-7d4f9c6b5-x2x9z", "eu-west-1", "feature_x", "2026.11.3", "a"}

func (s suite) injection(t *testing.T) {
	if len(s.Templates) == 0 {
		t.Fatal("providertest: a harness has templates to put values into")
	}
	for _, template := range s.Templates {
		t.Run(template.Query, func(t *testing.T) {
			t.Parallel()
			for _, value := range hostile {
				expanded, err := s.Provider.Expand(template.Query, map[string]string{"value": value, "other": "x"})
				if err != nil {
					continue // refused
				}
				if err := template.Check(value, expanded); err != nil {
					t.Errorf("the value %q breaks out:\n%s\n%v", value, expanded, err)
				}
			}
			accepts := template.Accepts
			if accepts == nil {
				accepts = ordinary
			}
			for _, value := range accepts {
				expanded, err := s.Provider.Expand(template.Query, map[string]string{"value": value})
				if err != nil {
					t.Errorf("an ordinary value is refused: %v", err)
					continue
				}
				if err := template.Check(value, expanded); err != nil {
					t.Errorf("the value %q is not taken literally:\n%s\n%v", value, expanded, err)
				}
			}
			if _, err := s.Provider.Expand(template.Query, map[string]string{"version": "v1"}); err == nil || !strings.Contains(err.Error(), "version") {
				t.Errorf("a variable without a value: got %v, want an error that lists the variables there are", err)
			}
		})
	}
}
