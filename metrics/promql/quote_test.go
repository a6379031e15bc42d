package promql_test

import (
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics/promql"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ name, query, value, want string }{
		{"matcher", `up{v="${x}"}`, "v1.2", `up{v="v1.2"}`},
		{"quote in a string", `up{v="${x}"}`, `a"b\`, `up{v="a\"b\\"}`},
		{"single quotes", `up{v='${x}'}`, `a'b"c`, `up{v='a\'b"c'}`},
		{"backquotes", "up{v=`${x}`}", `a"b\`, "up{v=`a\"b\\`}"},
		{"regular expression", `up{v=~"${x}"}`, "v1.2|.*", `up{v=~"v1\\.2\\|\\.\\*"}`},
		{"negated, with a space", `up{v !~ "${x}-.*"}`, "a.b", `up{v !~ "a\\.b-.*"}`},
		{"an earlier string does not count", `up{a=~"x",v="${x}"}`, "a.b", `up{a=~"x",v="a.b"}`},
		{"duration", `rate(x[${x}])`, "5m", `rate(x[5m])`},
		{"metric name", `rate(${x}[5m])`, "http_total", `rate(http_total[5m])`},
		{"number", `x > ${x}`, "0.5", `x > 0.5`},
		{"after a closed class and an escaped bracket", `up{v=~"[a-z]\\[${x}"}`, "a.b", `up{v=~"[a-z]\\[a\\.b"}`},
		{"hostile value stays one string", `up{v="${x}"}`, `"} or vector(1) or up{v="`, `up{v="\"} or vector(1) or up{v=\""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := promql.Expand(c.query, map[string]string{"x": c.value})
			if err != nil || got != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	for _, c := range []struct{ name, query, value, want string }{
		{"expression outside quotes", `sum(${x})`, `a) or vector(1`, "outside quotes"},
		{"keyword outside quotes", `a ${x} b`, "unless", "outside quotes"},
		{"keyword in capitals", `a ${x} b`, "OR", "outside quotes"},
		{"empty outside quotes", `a ${x} b`, "", "outside quotes"},
		{"backquote in a raw string", "up{v=`${x}`}", "a`b", "backquote"},
		{"line break", `up{v="${x}"}`, "a\nb", "line break"},
		{"not UTF-8", `up{v="${x}"}`, "a\xff", "UTF-8"},
		{"behind a backslash", `up{v='a\${x}'}`, `'} or vector(1) #`, "unfinished escape"},
		{"behind half an escape", `up{v="a\x4${x}"}`, "1", "unfinished escape"},
		{"behind a regexp's backslash", `up{v=~"\\${x}"}`, "Q", "regular expression"},
		{"behind a hidden backslash", `up{v=~"\x5c${x}"}`, "Q", "regular expression"},
		{"behind a raw regexp's backslash", "up{v=~`\\${x}`}", ".", "regular expression"},
		{"in a class", `up{v=~"[${x}]"}`, "a-z", "regular expression"},
		{"in a class that begins with a bracket", `up{v=~"[]${x}]"}`, "a-z", "regular expression"},
		{"in \\Q", `up{v=~"\\Q${x}\\E"}`, "a", "regular expression"},
		{"comment", "up # ${x}", "a", "comment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := promql.Expand(c.query, map[string]string{"x": c.value})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v; want an error with %q", got, err, c.want)
			}
		})
	}
}
