package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func TestLabelGrowth(t *testing.T) {
	r := open(t, "a{b=\""+strings.Repeat("x", 1000)+"\",c=\"y\"} 1 10\n# EOF\n", Options{})
	// nest wraps "a" n times.
	nest := func(n int, format string) string {
		expr := "a"
		for range n {
			expr = fmt.Sprintf(format, expr)
		}
		return expr
	}
	tests := map[string]struct {
		expr    string
		refused bool
	}{
		"copies":                       {nest(50, `label_replace(%s, "d", "$1", "b", "(.*)")`), false},
		"a few doublings":              {nest(6, `label_replace(%s, "b", "$1$1", "b", "(.*)")`), false},
		"doublings":                    {nest(7, `label_replace(%s, "b", "$1$1", "b", "(.*)")`), true},
		"many":                         {`label_replace(a, "b", "` + strings.Repeat("$1", 70) + `", "b", "(.*)")`, true},
		"by name":                      {`label_replace(a, "b", "` + strings.Repeat("${all}", 70) + `", "b", "(?P<all>.*)")`, true},
		"of a short label":             {`label_replace(a, "c", "` + strings.Repeat("$1", 70) + `", "c", "(.*)")`, false},
		"joins":                        {nest(7, `label_join(%s, "b", "", "b", "b")`), true},
		"joins with brackets":          {nest(7, `label_join((%s), ("b"), (""), ("b"), (("b")))`), true},
		"separators":                   {nest(7, `label_join(%s, "c", "`+strings.Repeat("-", 1000)+`", "c", "c")`), true},
		"on one side of a join":        {`a * on () group_left (b) ` + nest(7, `label_replace(%s, "b", "$1$1", "b", "(.*)")`), true},
		"through other functions":      {nest(7, `sum by (b) (label_replace(rate(%s[1m:]), "b", "$1$1", "b", "(.*)"))`), true},
		"with one count at the bottom": {strings.Repeat(`label_replace(`, 12) + `count_values("v", a)` + strings.Repeat(`, "v", "$1$1", "v", "(.*)")`, 12), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := r.Query(t.Context(), metrics.Query{Expr: test.expr, Grid: metrics.Grid{Start: seconds(0), Step: 10 * time.Second, N: 1}})
			if !test.refused {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if reason, _ := metrics.ReasonOf(err); err == nil || reason != metrics.TooLarge || !strings.Contains(err.Error(), "label_replace and label_join") {
				t.Errorf("error %v, want too large", err)
			}
		})
	}
}
