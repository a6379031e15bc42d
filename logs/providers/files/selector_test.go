package files

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

func TestMatchersSelectLines(t *testing.T) {
	root := tree(t, map[string]string{
		"a.jsonl.gz": gzipped(t, `{"track":"stable","level":"info","msg":"a1"}
{"track":"canary","level":"error","msg":"a2"}
	at o.e.A.f(A.java:1)
{"track":"stable","level":"error","msg":"a3"}
	at o.e.A.g(A.java:1)
{"track":"canary","level":"debug","msg":"a4"}
plain text
`),
		"b.log": `level=info track=canary msg="b1"
level=info track="say \"hi\"" msg="b2"
`,
	})
	for query, want := range map[string][]string{
		`a.jsonl.gz {track="canary"}`:                      {"a: a2\n\tat o.e.A.f(A.java:1)", "a: a4"},
		`a.jsonl.gz { track = "canary" , level!="debug" }`: {"a: a2\n\tat o.e.A.f(A.java:1)"},
		`*   {track="canary",level="info"}`:                {"b: b1"},
		`{track="say \"hi\""}`:                             {"b: b2"},
		`{track=""}`:                                       {"a: plain text"},
		`a* {track!="canary",level!="error"}`:              {"a: a1", "a: plain text"},
		`{track="absent"}`:                                 {},
	} {
		got, s, err := read(t, open(t, Options{}, root), logs.Query{Expr: query})
		if err != nil || !slices.Equal(got, want) || s.Lines != int64(len(want)) {
			t.Errorf("%s: got %q, %+v, %v, want %q", query, got, s, err, want)
		}
	}
	// A file that is the root, and standard input, have lines too.
	got, _, err := read(t, open(t, Options{}, filepath.Join(root, "b.log")), logs.Query{Expr: `{track="canary"}`})
	if err != nil || len(got) != 1 {
		t.Errorf("of one file: %q, %v", got, err)
	}
	got, _, err = read(t, open(t, Options{Stdin: strings.NewReader("track=a msg=x\ntrack=b msg=y level=info\n")}, Stdin), logs.Query{Expr: `{track="b"}`})
	if err != nil || len(got) != 1 {
		t.Errorf("of standard input: %q, %v", got, err)
	}
}

func TestMatchersThatAreWrong(t *testing.T) {
	f := open(t, Options{Name: "archive"}, tree(t, map[string]string{"a.log": "a\n"}))
	for query, words := range map[string][]string{
		`a.log{track="x"}`:            {"character 6", "no space"},
		`a.log {}`:                    {"character 8", "name of a field", `'}'`},
		`a.log {`:                     {"character 8", "name of a field", "end"},
		`a.log {track}`:               {"character 13", `after the field "track"`},
		`a.log {track=canary}`:        {"character 14", "double quotes", `'c'`},
		`a.log {track='canary'}`:      {"character 14", "double quotes"},
		`é {track="canary}`:           {"character 10", "not closed"},
		`a.log {track="a\nb"}`:        {"character 16", "backslash"},
		`a.log {track="a\`:            {"character 16", "backslash"},
		`a.log {track="a"`:            {"character 17", "closing brace", "end"},
		`a.log {track="a" level="b"}`: {"character 18", "comma"},
		`a.log {track="a",}`:          {"character 18", "name of a field"},
		`a.log {track="a"} x`:         {"character 19", "closing brace"},
		`a.log {track="a"} {b="c"}`:   {"character 19", "closing brace"},
		`a.log {track=~"a"}`:          {"character 13", "no regular expressions"},
		`a.log {track!~"a"}`:          {"character 13", "no regular expressions"},
		`a.log {tr\ack="a"}`:          {"character 10", "after the field"},
		`a.log {` + strings.Repeat("x", maxField+1) + `="a"}`:               {"character 8", "at most 256 bytes"},
		`a.log {` + strings.Repeat("x.", maxPath) + `x="a"}`:                {"character 8", "16 parts"},
		`a.log {` + strings.Repeat(`a="b",`, decode.MaxMatchers) + `a="b"}`: {"more than 16"},
		`a.log {a="` + strings.Repeat("x", maxSelector) + `"}`:              {"limit is 16384"},
		`../a.log {track="a"}`: {".."},
	} {
		_, _, err := read(t, f, logs.Query{Expr: query})
		wantError(t, err, metrics.BadQuery, append(words, "archive")...)
		if !strings.Contains(query, "..") && !strings.Contains(err.Error(), `{track="canary", level!="debug"}`) {
			t.Errorf("%.80s: no example in %v", query, err)
		}
	}
}

func TestExpandMatchers(t *testing.T) {
	for _, c := range []struct{ query, value, want string }{
		{`a {t="${v}"}`, "canary", `a {t="canary"}`},
		{`${v} {t="${v}"}`, "canary", `canary {t="canary"}`},
		{`a {t="x ${v}-${v}"}`, "b", `a {t="x b-b"}`},
		{`a {t="${v}"}`, `"} or {t="`, `a {t="\"} or {t=\""}`},
		{`a {t="${v}", u!="x"}`, `\`, `a {t="\\", u!="x"}`},
		{`a {t="${v}"}`, `../*`, `a {t="../*"}`},
		{`a {t="${v}"}`, "a\nb", ""},
		{`a {t="${v}"}`, "", ""},
		{`a {t="${v}"}`, "\xff", ""},
		{`a {t="\${v}"}`, "x", ""},
		{`a {${v}="x"}`, "t", ""},
		{`a {t=${v}}`, "x", ""},
		{`a {t="x" ${v}}`, ", u=", ""},
		{`a {t="x"}${v}`, "x", ""},
		// In the glob nothing can begin a matcher.
		{`${v}`, `a {t="x"}`, ""},
		{`${v}`, `a }`, ""},
		{`${v}{t="x"}`, "a ", ""},
		{`${v}{t="x"}`, "a", ""},
		{`${v} {t="x"}`, " ", ""},
		{`${v} {t="x"}`, "..", ""},
	} {
		got, err := Expand(c.query, map[string]string{"v": c.value})
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%q with %q: %q, %v; want %q", c.query, c.value, got, err, c.want)
		}
	}
}

// FuzzExpandMatchers checks that a value is compared with as it is, and changes
// nothing else: neither the glob, nor other matchers, nor how many there are.
func FuzzExpandMatchers(f *testing.F) {
	for _, v := range []string{"canary", `"`, `\`, `"}`, `",u="`, `\",u="`, "{", " ", "${v}", "\u202e", "\n"} {
		f.Add(`a/* {t="${v}", u!="x"}`, v)
		f.Add(`${v} {t="\\${v}${v}\""}`, v)
		f.Add(`a {${v}="${v}"}`, v)
		f.Add(`${v}{t="x"}`, v)
	}
	const mark = "xXx"
	f.Fuzz(func(t *testing.T, query, value string) {
		got, err := Expand(query, map[string]string{"v": value})
		if err != nil || strings.Contains(query, mark) {
			return
		}
		harmless, err := Expand(query, map[string]string{"v": mark})
		if err != nil {
			return // "${v}." is no name with ".", but is with others
		}
		glob, where, err := parseQuery(got)
		if err != nil {
			t.Fatalf("%q with %q is %q: %v", query, value, got, err)
		}
		wantGlob, want, err := parseQuery(harmless)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].Value = strings.ReplaceAll(want[i].Value, mark, value)
		}
		if glob != strings.ReplaceAll(wantGlob, mark, value) || !reflect.DeepEqual(where, want) {
			t.Fatalf("%q with %q is %q: %q, %+v, want %+v", query, value, got, glob, where, want)
		}
	})
}

// FuzzParseQuery checks that what is understood can be written again and means the
// same, and that errors show an example.
func FuzzParseQuery(f *testing.F) {
	for _, q := range []string{``, `a`, `a {b="c"}`, `{b!="\"\\"}`, `{b=~"c"}`, `a{`, `a {b="`, `a {b="\`, `a {é="ü"} `, `{a="b",c="d"}`, "{\xff=\"\xff\"}"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		glob, where, err := parseQuery(query)
		if err != nil {
			if wrong, ok := err.(*queryError); !ok || wrong.hint == "" { //nolint:errorlint // it is not wrapped
				t.Fatalf("%q: %v has no hint", query, err)
			}
			return
		}
		if len(where) == 0 {
			return
		}
		again := glob + " {"
		for i, m := range where {
			if i > 0 {
				again += ","
			}
			again += m.Field + map[bool]string{false: "=", true: "!="}[m.Not] + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.Value) + `"`
		}
		glob2, where2, err := parseQuery(again + "}")
		if err != nil || glob2 != glob || !reflect.DeepEqual(where2, where) {
			t.Fatalf("%q is %q and %+v, written %q is %q and %+v: %v", query, glob, where, again, glob2, where2, err)
		}
	})
}
