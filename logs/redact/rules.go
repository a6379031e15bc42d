package redact

import (
	"regexp"
	"strings"
)

// defaults are in the order of their application: what is certain first.
var defaults = []rule{
	{kind: PrivateKey, may: has("private key"), find: regexp.MustCompile(`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)`)},
	// A JSON Web Token: header and payload are base64url of {"...
	{kind: Token, may: has("eyj"), find: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}`)},
	// AWS: unique identifiers of access keys, permanent and temporary.
	{kind: Token, may: has("akia", "asia", "abia", "acca"), find: regexp.MustCompile(`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b`)},
	// GitHub: classic (prefix and 36 characters), fine-grained.
	{kind: Token, may: has("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), find: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b`)},
	{kind: Token, may: has("xox"), find: regexp.MustCompile(`\bxox[abeoprs](?:-[A-Za-z0-9]+){2,8}\b`)},                                                             // Slack
	{kind: Token, may: has("aiza", "ya29.", "gocspx-"), find: regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28})`)}, // Google
	{kind: Token, may: has("k_live_", "k_test_", "whsec_"), find: regexp.MustCompile(`\b(?:[spr]k_(?:live|test)|whsec)_[A-Za-z0-9]{10,255}\b`)},                    // Stripe
	// Credentials of an Authorization header.
	{
		kind: Token, group: 1,
		may:  has("authorization"),
		find: regexp.MustCompile(`(?i)\bauthorization\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?(?:[a-z][a-z0-9_-]{1,30}[ ]{1,3})?([A-Za-z0-9._~+/=-]{6,})`),
		secret: func(m []string) bool {
			return looksRandom(m[1]) || strings.ContainsAny(m[0], ":=") && strings.Contains(strings.ToLower(m[0]), "basic ")
		},
	},
	{
		kind: Token, group: 1,
		may:    has("bearer ", "basic "),
		find:   regexp.MustCompile(`(?i)\b(?:bearer|basic)[ ]{1,3}([A-Za-z0-9._~+/=-]{8,})`),
		secret: func(m []string) bool { return looksRandom(m[1]) },
	},
	// user:password@ of a URL, as far as the last @ before the path.
	{
		kind: Password, group: 1, may: has("://"),
		find: regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s/@:"'<>]{0,128}:[^\s/"'<>]{1,256})@`),
	},
	named(`"(?P<value>(?:[^"\\]|\\.)*)"`),
	named(`\\"(?P<value>(?:[^"\\]|\\\\.)*)\\"`),
	named(`'(?P<value>[^']*)'`),
	named(`(?P<value>[^\s"'\\&,;<>(){}\[\]|]+)`),
	{kind: Email, may: has("@"), find: regexp.MustCompile(`\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b`)},
	{
		kind: Card, may: manyDigits,
		find:   regexp.MustCompile(`\b[2-6](?:[ -]?[0-9]){12,18}\b`),
		secret: func(m []string) bool { return isCard(m[0]) },
	},
}

// has returns a check for one of some words, in lower case.
func has(words ...string) func(string) bool {
	return func(lower string) bool {
		for _, w := range words {
			if strings.Contains(lower, w) {
				return true
			}
		}
		return false
	}
}

// manyDigits reports whether a text has as many digits as a card's number.
func manyDigits(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n >= 13
}

// named returns the rule for a value, written in one of the ways that the
// expression says, after a name that ends in what secrets are called: in JSON,
// in logfmt, in query strings, in headers.
func named(value string) rule {
	find := regexp.MustCompile(`(?i)(?P<name>password|passwd|passphrase|pwd|secret|token|(?:api|access|secret|private|auth)[_-]?key)\b\\?["']?(?P<separator>\s{0,3}(?:[:=]|=>|:=)\s{0,3})` + value)
	at := find.SubexpIndex("value")
	name, separator := find.SubexpIndex("name"), find.SubexpIndex("separator")
	bare := strings.HasPrefix(value, "(?P")
	return rule{kind: Password, may: has("passw", "passphrase", "pwd", "secret", "token", "key"), find: find, group: at, secret: func(m []string) bool {
		v := m[at]
		switch strings.ToLower(strings.Trim(v, "*.-_x")) {
		case "", "null", "nil", "none", "true", "false", "undefined":
			return false // no value, or one that is masked already
		}
		if bare && strings.HasSuffix(m[separator], " ") && isWord(v) {
			// "invalid token: expired" is a sentence; "password: swordfish" may be one.
			return strings.HasPrefix(strings.ToLower(m[name]), "pass") || strings.EqualFold(m[name], "pwd")
		}
		return true
	}}
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

// isCard reports whether digits, with spaces or dashes between, are the number
// of a payment card.
func isCard(s string) bool {
	digits := make([]byte, 0, 19)
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' {
			digits = append(digits, c-'0')
		}
	}
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	prefix := 0
	for _, d := range digits[:4] {
		prefix = prefix*10 + int(d)
	}
	var network bool
	switch n := len(digits); {
	case prefix/1000 == 4: // Visa
		network = n == 13 || n == 16 || n == 19
	case prefix/100 >= 51 && prefix/100 <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		network = n == 16
	case prefix/100 == 34, prefix/100 == 37: // American Express
		network = n == 15
	case prefix/100 == 36, prefix/100 == 38, prefix/10 >= 300 && prefix/10 <= 305: // Diners Club
		network = n == 14
	case prefix == 6011, prefix/100 == 65, prefix/10 >= 644 && prefix/10 <= 649, prefix >= 3528 && prefix <= 3589, prefix/100 == 62: // Discover, JCB, UnionPay
		network = n == 16
	}
	return network && luhn(digits)
}

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		n := int(d)
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
