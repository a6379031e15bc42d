package decode

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/judged-dev/judged/logs"
)

func TestWhere(t *testing.T) {
	is := func(field, value string) Matcher { return Matcher{Field: field, Value: value} }
	not := func(field, value string) Matcher { return Matcher{Field: field, Value: value, Not: true} }
	for _, c := range []struct {
		line string
		m    Matcher
		want bool
	}{
		{`{"msg":"x","track":"canary"}`, is("track", "canary"), true},
		{`{"msg":"x","track":"canary2"}`, is("track", "canary"), false},
		{`{"msg":"x","track2":"canary"}`, is("track", "canary"), false},
		{`{"msg":"x","track":"stable"}`, not("track", "canary"), true},
		{`{"msg":"x","track":"canary"}`, not("track", "canary"), false},
		{`{"msg":"x" , "track" : "c\u0061n\"ary" }`, is("track", `can"ary`), true},
		{`{"msg":"x","track":"canary","track":"stable"}`, is("track", "canary"), true},
		{`{"msg":"track","a":["track",{"track":"canary"}]}`, is("track", "canary"), false},
		{`{"msg":"x","status":404,"ok":true}`, is("status", "404"), true},
		{`{"msg":"x","status":404,"ok":true}`, is("ok", "true"), true},
		{`{"msg":"x","ids":[1,2]}`, is("ids", "[1,2]"), true},

		// The field is not there.
		{`{"msg":"x"}`, is("track", "canary"), false},
		{`{"msg":"x"}`, is("track", ""), true},
		{`{"msg":"x"}`, not("track", "canary"), true},
		{`{"msg":"x"}`, not("track", ""), false},
		{`{"msg":"x","track":null}`, is("track", ""), true},
		{`{"msg":"x","track":null}`, is("track", "null"), false},
		{`{"msg":"x","track":"null"}`, is("track", "null"), true},
		{`{"msg":"x","track":""}`, is("track", ""), true},
		{`{"msg":"x","track":""}`, not("track", ""), false},

		// Paths: of an object, of a key with dots, of both; known containers or not.
		{`{"msg":"x","http":{"a":{"b":1},"status":404}}`, is("http.status", "404"), true},
		{`{"msg":"x","http.status":"404"}`, is("http.status", "404"), true},
		{`{"msg":"x","pod":{"labels.app":{"name":"shop"}}}`, is("pod.labels.app.name", "shop"), true},
		{`{"msg":"x","pod":{"a":1},"pod":{"b":2}}`, is("pod.b", "2"), true},
		{`{"msg":"x","pod":{"a":1}}`, is("pod", `{"a":1}`), true},
		{`{"msg":"x","pod":{"a":1}}`, is("pod.", "1"), false},
		{`{"msg":"x","pod":{"":1}}`, is("pod.", "1"), true},
		{`{"msg":"x","pod":"b"}`, is("pod.b", ""), true},
		{`{"msg":"x","fields":{"track":"canary"}}`, is("track", "canary"), false},
		{`{"msg":"x","fields":{"track":"canary"}}`, is("fields.track", "canary"), true},

		// Other formats, and envelopes.
		{`level=info msg="x y" track=canary`, is("track", "canary"), true},
		{`level=info msg="x y" track=canary`, is("msg", "x y"), true},
		{`level=info msg="x y" track=canary`, not("level", "info"), false},
		{`2026-01-02T15:04:05.123456789Z stdout F {"msg":"x","track":"canary"}`, is("track", "canary"), true},
		{`{"log":"{\"msg\":\"x\",\"track\":\"canary\"}\n","stream":"stdout","time":"2026-01-02T15:04:05Z"}`, is("track", "canary"), true},
		{`{"log":"{\"msg\":\"x\",\"track\":\"canary\"}\n","stream":"stdout","time":"2026-01-02T15:04:05Z"}`, is("stream", "stdout"), false},

		// Plain text has no fields, whatever it looks like.
		{`track=canary`, is("track", "canary"), false},
		{`track=canary`, is("track", ""), true},
		{`track=canary and more`, not("track", "canary"), true},
		{`2026-01-02 15:04:05 INFO track=canary`, is("track", "canary"), false},
		{`{"track":"canary"`, is("track", "canary"), false},
		{`{"track":"canary"} behind`, is("track", ""), true},
	} {
		if got := len(decodeAll(t, c.line, Options{Where: []Matcher{c.m}})) == 1; got != c.want {
			t.Errorf("%s\n%+v: selected %v, want %v", c.line, c.m, got, c.want)
		}
	}
	line := `{"msg":"x","track":"canary","level":"debug"}`
	for _, c := range []struct {
		all  []Matcher
		want int
	}{
		{[]Matcher{is("track", "canary"), not("level", "info")}, 1},
		{[]Matcher{is("track", "canary"), not("level", "debug")}, 0},
		{[]Matcher{is("track", "canary"), is("track", "stable")}, 0},
		{[]Matcher{not("track", "a"), not("track", "b")}, 1},
	} {
		if got := decodeAll(t, line, Options{Where: c.all}); len(got) != c.want {
			t.Errorf("%+v: %d records, want %d", c.all, len(got), c.want)
		}
	}
}

// TestWhereDropsWhatContinues: stack traces go the way of their records, and the
// time of a line that is left out is that of the next without one.
func TestWhereDropsWhatContinues(t *testing.T) {
	got, s := decodeSummary(t, `{"track":"a","level":"error","time":"2026-01-02T15:04:04Z","msg":"one"}
	at a.B.one(B.java:1)
{"track":"b","level":"error","time":"2026-01-02T15:04:05Z","msg":"two"}
	at a.B.two(B.java:1)
java.lang.Error: x
	at a.B.three(B.java:1)

{"track":"a","msg":"three"}
{"track":"b","msg":"panic: four"}

goroutine 1 [running]:
main.run()
	/a/main.go:1 +0x1
{"track":"a","msg":"five"}
text
`, Options{Where: []Matcher{{Field: "track", Value: "a"}}})
	if w := []string{"one\n\tat a.B.one(B.java:1)", "three", "five"}; !reflect.DeepEqual(messages(got), w) {
		t.Errorf("got %q, want %q", messages(got), w)
	}
	if got[1].time != at1 || s.Lines != 3 || s.Undated != 2 {
		t.Errorf("the second is of %s, want %s; summary %+v, want 3 lines, 2 undated", got[1].time, at1, s)
	}
}

func TestWhereOfOTLP(t *testing.T) {
	in := strings.ReplaceAll(otlpLine, `[{"key":"exc`, `[{"key":"http","value":{"kvlistValue":{"values":[{"key":"status","value":{"intValue":"404"}}]}}},{"key":"exc`)
	for _, c := range []struct {
		m    Matcher
		want []string
	}{
		{Matcher{Field: "k8s.pod.name", Value: "shop-1"}, []string{"no stock", "json within"}},
		{Matcher{Field: "k8s.pod.name", Value: "shop-2"}, nil},
		{Matcher{Field: "http.status", Value: "404"}, []string{"no stock"}},
		{Matcher{Field: "http.status", Value: "404", Not: true}, []string{"json within"}},
		{Matcher{Field: "msg", Value: "json within"}, nil}, // its body has fields, it has attributes
	} {
		var got []string
		for _, m := range messages(decodeAll(t, in, Options{Where: []Matcher{c.m}})) {
			first, _, _ := strings.Cut(m, "\n")
			got = append(got, first)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.m, got, c.want)
		}
	}
}

func TestWhereAllocatesNothing(t *testing.T) {
	d := NewDecoder(Options{Where: []Matcher{{Field: "currency", Value: `E"UR`, Not: true}, {Field: "a.b", Value: ""}}}, func(*logs.Record) error { return nil })
	lines := bytes.Split(benchLines(100, jsonLine), []byte{'\n'})
	lines = append(lines, []byte(`{"msg":"x","currency":"E\"UR","a":{"c":1}}`))
	if n := testing.AllocsPerRun(20, func() {
		for _, l := range lines {
			if err := d.Line(l, nil); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d lines, want 0", n, len(lines))
	}
}

// FuzzWhere compares with encoding/json.
func FuzzWhere(f *testing.F) {
	f.Add(`{"msg":"x","track":"canary"}`, "track", "canary")
	f.Add(`{"a":{"b.c":{"d":1}}}`, "a.b.c.d", "1")
	f.Add(`{"a":{"b":1},"a.b":2}`, "a.b", "2")
	f.Add(`{"a":[{"b":1}]}`, "a.b", "")
	f.Add(`{"a":null}`, "a", "null")
	f.Add(`{"":{"":""}}`, ".", "")
	f.Fuzz(func(t *testing.T, line, field, value string) {
		w := newWhere([]Matcher{{Field: field, Value: value}, {Field: field, Value: value, Not: true}})
		var fs fields
		ok := scanObject([]byte(line), &fs, w)
		if w.selects() {
			t.Fatalf("%q is %q and is not: %q", field, value, line)
		}
		// Escaped keys are compared as they are written; names that are there twice
		// are ambiguous.
		var object map[string]any
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if !ok || !utf8.ValidString(line) || strings.Contains(line, `\`) || !json.Valid([]byte(line)) || decoder.Decode(&object) != nil {
			return
		}
		found := lookUp(object, field)
		if len(found) > 1 || strings.Count(line, `"`+field[strings.LastIndexByte(field, '.')+1:]+`"`) > 1 {
			return
		}
		want := value == ""
		if len(found) == 1 {
			want = found[0] == value
		}
		w.matchers = w.matchers[:1]
		if got := w.selects(); got != want {
			t.Fatalf("%q is %q selects %q: %v, want %v", field, value, line, got, want)
		}
	})
}

// lookUp returns the values that a path may mean, other than lists and objects.
func lookUp(object map[string]any, path string) []string {
	var found []string
	for key, v := range object {
		rest, ok := strings.CutPrefix(path, key)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			if rest == "" {
				return []string{"", ""} // not compared
			} else if rest[0] == '.' {
				found = append(found, lookUp(v, rest[1:])...)
			}
		case []any:
			if rest == "" {
				return []string{"", ""}
			}
		case string:
			if rest == "" {
				found = append(found, v)
			}
		case json.Number:
			if rest == "" {
				found = append(found, v.String())
			}
		case bool:
			if rest == "" {
				found = append(found, map[bool]string{true: "true", false: "false"}[v])
			}
		}
	}
	return found
}

func BenchmarkWhere(b *testing.B) {
	text := benchLines(benchCount, jsonLine)
	for name, value := range map[string]string{"kept": "EUR", "dropped": "USD"} {
		b.Run(name, func(b *testing.B) { benchmark(b, text, Options{Where: []Matcher{{Field: "currency", Value: value}}}) })
	}
}
