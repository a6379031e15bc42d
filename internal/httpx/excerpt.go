package httpx

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerptBytes is how much of an answer an error shows.
const excerptBytes = 300

const loginHint = "is this the address of a login page or proxy?"

// excerpt is the beginning of an answer, made printable.
func (x exchange) excerpt(body []byte) string {
	// Enough for the longest secret to be found whole before the cut.
	const window = 16 << 10
	return printable(x.secrets.scrub(string(body[:min(len(body), window)])), excerptBytes)
}

// Printable makes a text from outside safe to show on one line and short.
func Printable(s string) string { return printable(s, excerptBytes) }

// printable makes a text from outside safe to show on one line: white space
// becomes one space, whatever does not print (control characters, direction
// marks, broken UTF-8) becomes U+FFFD, and it is cut after n bytes.
func printable(s string, n int) string {
	var b strings.Builder
	space := false
	for i, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r)+1 > n {
			if strings.TrimSpace(s[i:]) != "" {
				b.WriteString("…")
			}
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

var title = regexp.MustCompile(`(?is)<title[^>]*>([^<]{1,400})`)

// htmlPage recognises an HTML page and says which one it is.
func htmlPage(h http.Header, body []byte) (string, bool) {
	head := body[:min(len(body), 4<<10)]
	lower := bytes.ToLower(bytes.TrimLeft(head, "\ufeff \t\r\n"))
	if !bytes.HasPrefix(lower, []byte("<!doctype html")) && !bytes.HasPrefix(lower, []byte("<html")) &&
		!(strings.HasPrefix(h.Get("Content-Type"), "text/html") && bytes.Contains(lower, []byte("<"))) {
		return "", false
	}
	if m := title.FindSubmatch(head); m != nil {
		if name := printable(html.UnescapeString(string(m[1])), 80); name != "" {
			return fmt.Sprintf("an HTML page, %q", name), true
		}
	}
	return "an HTML page", true
}
