package redact

import "strings"

var (
	alphanumeric = newSet("A-Za-z0-9")
	base64URL    = newSet("A-Za-z0-9_-")
	base32       = newSet("A-Z2-7")
	pemLabel     = newSet("A-Z0-9 ")
)

const unbounded = 1 << 40

// privateKey finds a PEM block of a private key (RFC 7468), to the text's end if it
// is cut off.
func privateKey(s string, from int) span {
	for {
		i := strings.Index(s[from:], "-----BEGIN ")
		if i < 0 {
			return span{}
		}
		start := from + i
		body := pemBoundary(s, start, "-----BEGIN ")
		if body == 0 {
			from = start + 1
			continue
		}
		for at := body; ; {
			i := strings.Index(s[at:], "-----END ")
			if i < 0 {
				return span{start, len(s), PrivateKey}
			}
			if end := pemBoundary(s, at+i, "-----END "); end > 0 {
				return span{start, end, PrivateKey}
			}
			at += i + 1
		}
	}
}

// pemBoundary returns the end of the line that begins or ends a private key, 0 if
// it is another.
func pemBoundary(s string, i int, head string) int {
	const most = 64 // longer labels are not in use
	i += len(head)
	end := pemLabel.run(s, i, most)
	label := strings.TrimSuffix(s[i:end], " BLOCK")
	if !strings.HasSuffix(label, "PRIVATE KEY") || !strings.HasPrefix(s[end:], "-----") {
		return 0
	}
	return end + len("-----")
}

// jsonWebToken finds a token whose header and payload are base64url of {"...,
// around the dot between them: from a beginning forward, what is none would be
// looked at once for each eyJ in it.
func jsonWebToken(s string, from, dot int) (start, end int) {
	end = base64URL.run(s, dot+1, unbounded)
	if end < dot+1+4 {
		return 0, 0
	}
	for start = base64URL.back(s, dot, from, unbounded); ; start++ {
		next := strings.Index(s[start:dot], "eyJ")
		if next < 0 || start+next+len("eyJ")+8 > dot {
			return 0, 0
		}
		if start += next; boundary(s, from, start) {
			break
		}
	}
	// A signature; encrypted ones have five parts.
	for range 3 {
		if end < len(s) && s[end] == '.' {
			end = base64URL.run(s, end+1, unbounded)
		}
	}
	return start, end
}

// awsKey finds the unique identifiers of access keys, permanent and temporary.
func awsKey(s string, from, i int) (start, end int) {
	if len(s)-i < 20 {
		return 0, 0
	}
	switch s[i : i+4] {
	case "AKIA", "ASIA", "ABIA", "ACCA":
	default:
		return 0, 0
	}
	if end = base32.run(s, i+4, 16); end != i+20 || !boundary(s, from, end) {
		return 0, 0
	}
	return i, end
}

// gitHubToken finds classic tokens (prefix and 36 characters) and fine-grained ones.
func gitHubToken(s string, from, i int) (start, end int) {
	rest := s[i:]
	switch {
	case len(rest) > 4 && rest[1] == 'h' && rest[3] == '_' && strings.IndexByte("pousr", rest[2]) >= 0:
		return tail(s, from, i, i+4, alphanumeric, 36)
	case strings.HasPrefix(rest, "github_pat_"):
		return tail(s, from, i, i+len("github_pat_"), isWordByte, 22)
	}
	return 0, 0
}

// stripeKey finds secret, publishable and restricted keys, and those of webhooks.
func stripeKey(s string, from, i int) (start, end int) {
	rest := s[i:]
	switch {
	case strings.HasPrefix(rest, "whsec_"):
		return tail(s, from, i, i+len("whsec_"), alphanumeric, 10)
	case len(rest) > 8 && rest[0] != 'w' && rest[1:3] == "k_" && (rest[3:8] == "live_" || rest[3:8] == "test_"):
		return tail(s, from, i, i+8, alphanumeric, 10)
	}
	return 0, 0
}

// tail returns a secret's place whose prefix is followed by so many bytes of a set
// at least, and by the word's end.
func tail(s string, from, start, i int, of *set, least int) (int, int) {
	const most = 255
	end := of.run(s, i, most+1)
	if end-i < least || end-i > most || !boundary(s, from, end) {
		return 0, 0
	}
	return start, end
}

// slackToken finds xoxb-1-a and the like: two to eight parts.
func slackToken(s string, from, i int) (start, end int) {
	if len(s)-i < 5 || s[i:i+3] != "xox" || strings.IndexByte("abeoprs", s[i+3]) < 0 {
		return 0, 0
	}
	at := i + 4
	for part := 1; part <= 8 && at < len(s) && s[at] == '-'; part++ {
		next := alphanumeric.run(s, at+1, unbounded)
		if next == at+1 {
			break
		}
		if at = next; part >= 2 && boundary(s, from, at) {
			end = at
		}
	}
	if end == 0 {
		return 0, 0
	}
	return i, end
}

// googleToken finds API keys, OAuth's access tokens and client secrets.
func googleToken(s string, _, i int) (start, end int) {
	for _, form := range [...]struct {
		prefix      string
		least, most int
	}{{"AIza", 35, 35}, {"ya29.", 20, unbounded}, {"GOCSPX-", 28, 28}} {
		if rest, ok := strings.CutPrefix(s[i:], form.prefix); ok {
			at := len(s) - len(rest)
			if end = base64URL.run(s, at, form.most); end-at >= form.least {
				return i, end
			}
		}
	}
	return 0, 0
}
