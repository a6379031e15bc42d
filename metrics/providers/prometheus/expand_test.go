package prometheus

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/metrics/promql"
	"github.com/judged-dev/judged/metrics/providertest"
)

// templates put a value into every place of PromQL where one can stand.
var templates = []providertest.Template{
	literal(`up{version="${value}"}`),
	literal(`up{version='${value}'}`),
	literal("up{version=`${value}`}"),
	literal(`up{version!="${value}", app="x"}`),
	literal(`up{version=~"${value}"}`),
	literal(`up{version=~'${value}'}`),
	literal("up{version=~`${value}`}"),
	literal(`up{version !~ "${value}"}`),
	literal(`up{version=~"(a|${value})-.*"}`),
	literal(`up{app="a\"b#{", version="${value}"} # a comment's "quote`),
	literal("# it's a comment\nup{version=\"${value}\"}"),
	literal(`sum(rate(up{version="${value}"}[1m])) / sum(rate(up{version="${value}",code=~"5.."}[1m]))`),
	literal(`histogram_quantile(0.99, sum by (le) (rate(x_bucket{version="${value}"}[1m])))`),
	literal(`label_replace(up, "a", "${value}", "b", "c")`),
	literal(`{"${value}"}`),
	bare(`up{app="x"}[${value}]`, "5m", "90s"),
	bare(`rate(up[${value}]) > 1`, "5m", "90s"),
	bare(`up > ${value}`, "5", "1.5"),
	bare(`sum by (${value}) (up)`, "pod", "feature_x"),
	bare(`up offset ${value}`, "5m"),
	bare(`${value}`, "up", "job:up:sum", "5"),
	bare(`${value}{app="x"}`, "up"),
	bare(`x_${value}_total`, "a", "feature_x", "5"),
	bare(`up ${value} up`),
}

// literal is a template with the value inside a string: whatever the value,
// the query has the shape that it has for an innocent one, and the string is
// the value.
func literal(query string) providertest.Template {
	return providertest.Template{Query: query, Check: func(value, expanded string) error { return sameShape(query, value, expanded) }}
}

// bare is a template with the value outside of strings.
func bare(query string, accepts ...string) providertest.Template {
	if accepts == nil {
		accepts = []string{}
	}
	return providertest.Template{Query: query, Accepts: accepts, Check: func(value, expanded string) error {
		want := strings.ReplaceAll(query, "${value}", value)
		if expanded != want {
			return fmt.Errorf("want the value as it is: %s", want)
		}
		// The grammar decides what can stand there. Whatever it is, it is one
		// number, duration or name: no value may bring structure with it.
		if strings.ContainsAny(value, "\"'`{}()[], #=~!<>+-*/%^@\\\n\t") {
			return fmt.Errorf("the value brings structure with it")
		}
		return nil
	}}
}

// sameShape compares an expanded query with the one for an innocent value.
func sameShape(template, value, expanded string) error {
	const innocent = "INNOCENT"
	reference, err := promql.Expand(template, map[string]string{"value": innocent})
	if err != nil {
		return err
	}
	want, err := describe(reference)
	if err != nil {
		return fmt.Errorf("the reference: %w", err)
	}
	got, err := describe(expanded)
	if err != nil {
		if value == "" || !utf8.ValidString(value) {
			return nil // not what was meant, and Prometheus says so
		}
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("it has %d parts, want %d", len(got), len(want))
	}
	changed := 0
	for i := range want {
		if got[i].shape != want[i].shape {
			return fmt.Errorf("part %d is %q, want %q", i, got[i].shape, want[i].shape)
		}
		if strings.Contains(want[i].text, innocent) {
			changed++
		}
		if want[i].pattern != nil {
			if err := samePattern(want[i], got[i], innocent, value); err != nil {
				return err
			}
		} else if text := strings.ReplaceAll(want[i].text, innocent, value); got[i].text != text {
			return fmt.Errorf("the string %q became %q, want %q", want[i].text, got[i].text, text)
		}
	}
	if changed == 0 {
		return fmt.Errorf("the value is nowhere in it")
	}
	return nil
}

// part is one node of a query, or one string in it.
type part struct {
	shape   string
	text    string
	pattern *syntax.Regexp // of a =~ or !~ matcher
}

// describe lists the nodes of a query in the order of the parser, with every
// string taken out of its node.
func describe(query string) ([]part, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, err
	}
	var out []part
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case nil:
		case *parser.VectorSelector:
			out = append(out, part{shape: fmt.Sprintf("selector offset=%s", n.OriginalOffset)})
			for _, m := range n.LabelMatchers {
				p := part{shape: "matcher " + m.Name + m.Type.String(), text: m.Value}
				if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
					pattern, err := syntax.Parse(m.Value, syntax.Perl)
					if err != nil {
						return err
					}
					p.pattern = pattern
				}
				out = append(out, p)
			}
		case *parser.StringLiteral:
			out = append(out, part{shape: "string", text: n.Val})
		case *parser.NumberLiteral:
			out = append(out, part{shape: fmt.Sprint("number ", n.Val)})
		case *parser.BinaryExpr:
			out = append(out, part{shape: fmt.Sprintf("binary %s %v", n.Op, n.VectorMatching)})
		case *parser.AggregateExpr:
			out = append(out, part{shape: fmt.Sprintf("aggregate %s %v without=%t", n.Op, n.Grouping, n.Without)})
		case *parser.Call:
			out = append(out, part{shape: "call " + n.Func.Name})
		case *parser.MatrixSelector:
			out = append(out, part{shape: "range " + n.Range.String()})
		default:
			out = append(out, part{shape: fmt.Sprintf("%T", node)})
		}
		return nil
	})
	return out, nil
}

// samePattern checks that got's regular expression is want's with the innocent
// value replaced by the value, taken literally.
func samePattern(want, got part, innocent, value string) error {
	if !strings.Contains(want.text, innocent) && want.text != got.text {
		return fmt.Errorf("the regular expression %s became %s", want.text, got.text)
	}
	expected := strings.Replace(want.text, innocent, syntaxQuote(value), 1)
	pattern, err := syntax.Parse(expected, syntax.Perl)
	if err != nil {
		return err
	}
	if pattern.String() != got.pattern.String() {
		return fmt.Errorf("the regular expression is %s, want %s", got.pattern, pattern)
	}
	return nil
}

// syntaxQuote writes every byte of s as \x{...}, which shares nothing with
// regexp.QuoteMeta.
func syntaxQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\x{%x}`, r)
	}
	return b.String()
}

// FuzzExpand lets Prometheus' own parser judge what any value becomes.
func FuzzExpand(f *testing.F) {
	for i := range templates {
		for _, value := range []string{"v1", `"} or vector(1) #`, `\`, `\"`, "`", ".*", "[a-z]", "5m", "or"} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		template := templates[int(which)%len(templates)]
		expanded, err := promql.Expand(template.Query, map[string]string{"value": value})
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

// Templates in which the text before the variable changes what the value's
// first characters mean. The value has to be refused there, or still be taken
// literally.
func TestExpandAfterEscapes(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		`up{version="\${value}"}`,
		`up{version='a\${value}'}`,
		`up{version="a\\${value}"}`,
		"up{version=~`\\${value}`}",
		`up{version=~"\\${value}"}`,
		`up{version=~"[${value}]"}`,
		`up{version=~"\\Q${value}\\E"}`,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			for _, value := range []string{`"} or vector(1) #`, `'} or vector(1) #`, "d+", ".", "a-z", `\E.*`, "n"} {
				expanded, err := promql.Expand(query, map[string]string{"value": value})
				if err != nil {
					continue
				}
				if err := sameShape(query, value, expanded); err != nil {
					t.Errorf("the value %q breaks out:\n%s\n%v", value, expanded, err)
				}
			}
		})
	}
}
