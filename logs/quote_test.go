package logs

import (
	"strings"
	"testing"
)

func TestPlaceOf(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]Place{
		"": Bare, "a": Bare, `"`: Quoted, `a="b`: Quoted, `a="b"`: Bare, `"\"`: Quoted, `"\\"`: Bare, `"\`: Escaped, `\`: Escaped, `\"`: Bare, `\\"`: Quoted, `"a" "ü`: Quoted,
	} {
		if got := PlaceOf(prefix); got != want {
			t.Errorf("the end of %s is at %d, want %d", prefix, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "aZ09": true, "v1.9_0": true, "a-b": false, "ü": false, "a b": false, "a\x00": false} {
		if got := Plain(value, "._"); got != want {
			t.Errorf("%q is plain: %t, want %t", value, got, want)
		}
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"": false, "a b": true, "ünïcode": true, `a"b`: false, "a*": false, "a\nb": false, "a\x00": false, "\xff": false, "\ufffd": false, "a\u202eb": false, "a\u2028": false,
	} {
		if got := Literal(value, `"*`); got != want {
			t.Errorf("%q is literal: %t, want %t", value, got, want)
		}
	}
}

// FuzzPlaceOf: a value that has neither quotes nor backslashes does not change
// where its end is, but for one after a backslash.
func FuzzPlaceOf(f *testing.F) {
	f.Add(`a="b`, "c")
	f.Add(`a\`, "c")
	f.Fuzz(func(t *testing.T, prefix, value string) {
		if !Literal(value, `"\`) {
			return
		}
		before, after := PlaceOf(prefix), PlaceOf(prefix+value)
		if before != Escaped && before != after || before == Escaped && after == Escaped {
			t.Errorf("%q is at %d, with %q at %d", prefix, before, value, after)
		}
		if Plain(value, "") && strings.ContainsAny(value, "\" \\\n") {
			t.Errorf("%q is plain", value)
		}
	})
}
