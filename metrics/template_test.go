package metrics_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func plain(_, _, value string) (string, error) { return value, nil }

func TestExpandTemplate(t *testing.T) {
	v := map[string]string{"a": "1", "b_2": "${a}"}
	for _, c := range []struct{ query, want string }{
		{"no variables", "no variables"},
		{"x ${a} y", "x 1 y"},
		{"${a}${a}", "11"},
		{"values are not expanded again: ${b_2}", "values are not expanded again: ${a}"},
		{"literal $${a}", "literal ${a}"},
		{"a price in $ or $5", "a price in $ or $5"},
		{"", ""},
	} {
		got, err := metrics.ExpandTemplate(c.query, v, plain)
		if err != nil || got != c.want {
			t.Errorf("%q gave %q, %v; want %q", c.query, got, err, c.want)
		}
	}
	for _, c := range []struct{ query, want string }{
		{"${c}", `no variable "c" (it has: a, b_2)`},
		{"${a", "unfinished"},
		{"${}", "unfinished or misspelt"},
		{"${a b}", "misspelt"},
		{"${1}", "misspelt"},
	} {
		if _, err := metrics.ExpandTemplate(c.query, v, plain); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: err = %v, want %q", c.query, err, c.want)
		}
	}
}

func TestTemplateVariables(t *testing.T) {
	got := metrics.TemplateVariables(`x{a="${v}",b="${w}",c="${v}",d="$${z}"}`)
	if want := []string{"v", "w"}; !slices.Equal(got, want) {
		t.Errorf("variables %v, want %v", got, want)
	}
}

func FuzzExpandTemplate(f *testing.F) {
	f.Add("${a} $${b} ${", "x")
	f.Fuzz(func(_ *testing.T, query, value string) {
		_, _ = metrics.ExpandTemplate(query, map[string]string{"a": value}, plain)
		_ = metrics.TemplateVariables(query)
	})
}
