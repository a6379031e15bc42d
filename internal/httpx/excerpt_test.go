package httpx

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"", 10, ""},
		{" \n a\t\r\n b ", 10, "a b"},
		{"\x1b[31mred\x00", 20, "�[31mred�"},
		{"evil\u202egnp", 20, "evil�gnp"},
		{"a\xffb", 20, "a�b"},
		{"0123456789", 10, "012345678…"},
		{"012345678   ", 10, "012345678"},
		{"äöü", 5, "äö…"},
		{"日本語", 300, "日本語"},
	}
	for _, test := range tests {
		if got := printable(test.in, test.n); got != test.want {
			t.Errorf("printable(%q, %d) is %q, want %q", test.in, test.n, got, test.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\nb\x00\xff\u202e", 10)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 8 + n&0xff
		got := printable(s, n)
		if !utf8.ValidString(got) || len(got) > n+len("…") {
			t.Errorf("printable(%q, %d) is %q", s, n, got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("printable(%q, %d) has %q", s, n, got[i:])
		}
	})
}

func TestHTMLPage(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, body, want string }{
		{"", "<!DOCTYPE HTML><title>Log in</title>", `an HTML page, "Log in"`},
		{"", "\ufeff\n<html lang=en><head><TITLE id=x>\n Log\n in &amp; out</TITLE>", `an HTML page, "Log in & out"`},
		{"text/html; charset=utf-8", "<p>hello", "an HTML page"},
		{"text/html", "just text", ""},
		{"text/plain", "<p>hello", ""},
		{"", `{"html":"<html>"}`, ""},
		{"", "<title>", ""},
		{"", "<html><title></title>", "an HTML page"},
	}
	for _, test := range tests {
		got, ok := htmlPage(http.Header{"Content-Type": {test.kind}}, []byte(test.body))
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%q is %q, %t, want %q", test.body, got, ok, test.want)
		}
	}
}
