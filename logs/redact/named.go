package redact

import "strings"

var (
	space       = newSet(" \t\n\r\f")
	blank       = newSet(" ")
	credentials = newSet("A-Za-z0-9._~+/=-")
	schemeBytes = newSet("A-Za-z0-9+.-")
	letter      = newSet("A-Za-z")
	schemeWord  = newSet("A-Za-z0-9_-")
	userBytes   = newSet(" \t\n\r\f/@:\"'<>").without()
	secretBytes = newSet(" \t\n\r\f/\"'<>").without()
	bareBytes   = newSet(" \t\n\r\f\"'\\&,;<>(){}[]|").without()
)

// maxBlanks is how many spaces may stand at a separator.
const maxBlanks = 3

// nameEnd returns where the name before a separator at i ends, at which its quote
// and its spaces begin.
func nameEnd(s string, from, i int) int {
	for n := 0; i > from && space[s[i-1]]; i-- {
		if n++; n > maxBlanks {
			return from
		}
	}
	if i > from && (s[i-1] == '"' || s[i-1] == '\'') {
		i--
	}
	if i > from && s[i-1] == '\\' {
		i--
	}
	return i
}

// valueStart returns where the value behind a separator at i begins, and whether
// there are more spaces than belong to a separator.
func valueStart(s string, i int) (int, bool) {
	start := space.run(s, i, maxBlanks)
	return start, start < len(s) && !space[s[start]]
}

// secretNames are what the names of secrets end in, beside those of keys.
var secretNames = [...]string{"password", "passwd", "passphrase", "pwd", "secret", "token"}

// keyNames are what may stand before key, with a dash or an underscore or not.
var keyNames = [...]string{"api", "access", "secret", "private", "auth"}

// secretName returns which name of secrets ends at an offset; "" for none.
func secretName(s string, from, end int) string {
	if end-from < len("pwd") {
		return ""
	}
	switch s[end-1] | 0x20 {
	case 'd', 'e', 't', 'n':
		for _, name := range secretNames {
			if end-len(name) >= from && hasFold(s, end-len(name), name) {
				return name
			}
		}
	case 'y':
		at := end - len("key")
		if !hasFold(s, at, "key") {
			return ""
		}
		if at > from && (s[at-1] == '_' || s[at-1] == '-') {
			at--
		}
		for _, name := range keyNames {
			if at-len(name) >= from && hasFold(s, at-len(name), name) {
				return "key"
			}
		}
	}
	return ""
}

// named finds the value behind a name that ends in what secrets are called: in
// JSON, in JSON within JSON, in logfmt, in query strings, in headers.
func named(s string, from, i int) (start, end int) {
	name := secretName(s, from, nameEnd(s, from, i))
	if name == "" {
		return 0, 0
	}
	at := i + 1
	if at < len(s) && (s[at] == '=' || s[at] == '>' && s[i] == '=') {
		at++ // := == =>
	}
	start, ok := valueStart(s, at)
	if !ok {
		return 0, 0
	}
	switch {
	case s[start] == '"':
		start++
		end = quoted(s, start)
	case strings.HasPrefix(s[start:], `\"`):
		start += 2
		end = quotedTwice(s, start)
	case s[start] == '\'':
		start++
		if end = start + strings.IndexByte(s[start:], '\''); end < start {
			return 0, 0
		}
	default:
		end = bareBytes.run(s, start, unbounded)
		if endsInScheme(s, from, start, end) {
			return 0, 0 // then the credentials behind it are found first
		}
		if start > at && s[start-1] == ' ' && isWord(s[start:end]) && name[0] != 'p' {
			return 0, 0 // "invalid token: expired" is a sentence; "password: swordfish" may be one
		}
	}
	if end <= start {
		return 0, 0
	}
	switch strings.ToLower(strings.Trim(s[start:end], "*.-_x")) {
	case "", "null", "nil", "none", "true", "false", "undefined":
		return 0, 0 // no value, or one that is masked already
	}
	return start, end
}

// quoted returns the end of a string whose quote is before i; 0 if it has none.
func quoted(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return 0
}

// quotedTwice is the same for a string within a string, where a quote is \" and
// one in its text \\\".
func quotedTwice(s string, i int) int {
	for i < len(s) {
		switch {
		case s[i] == '"':
			return 0
		case s[i] != '\\':
			i++
		case strings.HasPrefix(s[i:], `\\\"`):
			i += 4
		case strings.HasPrefix(s[i:], `\\`):
			i += 3
		case strings.HasPrefix(s[i:], `\"`):
			return i
		default:
			return 0
		}
	}
	return 0
}

// isWord reports whether v is a word of a language rather than a secret.
func isWord(v string) bool {
	for i, c := range []byte(strings.TrimRight(v, ".:!?")) {
		if c >= 'A' && c <= 'Z' && i == 0 {
			continue
		}
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// looksRandom reports whether v has digits or capitals within, as encoded
// secrets do and words ("authentication") do not.
func looksRandom(v string) bool {
	for i, c := range []byte(v) {
		if c >= '0' && c <= '9' || c == '=' || c >= 'A' && c <= 'Z' && i > 0 {
			return true
		}
	}
	return false
}

// authorization finds the credentials of such a header, behind their scheme.
func authorization(s string, from, i int) (start, end int) {
	const name, least = "authorization", 6
	at := nameEnd(s, from, i) - len(name)
	if at < from || !hasFold(s, at, name) || !boundary(s, from, at) {
		return 0, 0
	}
	start, ok := valueStart(s, i+1)
	if !ok {
		return 0, 0
	}
	if s[start] == '\\' {
		start++
	}
	if start < len(s) && (s[start] == '"' || s[start] == '\'') {
		start++
	}
	scheme := start
	if end = schemeWord.run(s, start, 32); end-start > 1 && end-start < 32 && letter[s[start]] {
		if at := blank.run(s, end, maxBlanks); at > end && credentials.run(s, at, least) == at+least {
			start = at
		}
	}
	if end = credentials.run(s, start, unbounded); end-start < least {
		return 0, 0
	}
	// Of short words, base64 may look like another word.
	if !looksRandom(s[start:end]) && !(start > scheme && hasFold(s, scheme, "basic ")) {
		return 0, 0
	}
	return start, end
}

// bearer finds credentials behind their scheme alone.
func bearer(s string, _, i int) (start, end int) {
	const least = 8
	at := i
	switch {
	case hasFold(s, i, "bearer"):
		at += len("bearer")
	case hasFold(s, i, "basic"):
		at += len("basic")
	default:
		return 0, 0
	}
	start = blank.run(s, at, maxBlanks)
	if end = credentials.run(s, start, unbounded); start == at || end-start < least || !looksRandom(s[start:end]) {
		return 0, 0
	}
	return start, end
}

// endsInScheme reports whether a value ends in the scheme of credentials behind it.
func endsInScheme(s string, from, start, end int) bool {
	for _, scheme := range [...]string{"bearer", "basic"} {
		if at := end - len(scheme); at >= start && boundary(s, from, at) && hasFold(s, at, scheme) {
			a, b := bearer(s, from, at)
			return a < b
		}
	}
	return false
}

// userInfo finds user:password@ of a URL, as far as the last @ before the path.
func userInfo(s string, from, i int) (start, end int) {
	if !strings.HasPrefix(s[i:], "://") || !endsScheme(s, from, i) {
		return 0, 0
	}
	start = i + len("://")
	colon := userBytes.run(s, start, 128)
	if colon == len(s) || s[colon] != ':' {
		return 0, 0
	}
	stop := secretBytes.run(s, colon+1, 257)
	last := strings.LastIndexByte(s[colon+1:stop], '@')
	if last < 1 {
		return 0, 0
	}
	return start, colon + 1 + last
}

// endsScheme reports whether a URL's scheme ends at i.
func endsScheme(s string, from, i int) bool {
	for at := i - 1; at >= from && i-at <= 21 && schemeBytes[s[at]]; at-- {
		if letter[s[at]] && i-at >= 2 && boundary(s, from, at) {
			return true
		}
	}
	return false
}
