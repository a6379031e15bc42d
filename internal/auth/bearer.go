package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// maxToken bounds a token, in bytes. Tokens with hundreds of groups have some
// ten thousand, and most proxies take headers of 8 or 16 KiB.
const maxToken = 16 << 10

// maxHeader is a token in base64 with a user's name before it.
const maxHeader = 2 * maxToken

// password returns the password of Basic credentials. The user's name says nothing:
// the token does.
func password(credentials string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(credentials)
	_, token, ok := strings.Cut(string(text), ":")
	if err != nil || !ok || token == "" {
		return "", refuse(Malformed, "the Authorization header has Basic credentials without a password: the token is the password, as in https://judged:TOKEN@host")
	}
	return token, nil
}

// bearer returns the token of an Authorization header: "Bearer TOKEN" (RFC 6750,
// section 2.1), or Basic with the token as password (RFC 7617), which is all that a
// client can bring along that knows of nothing but a URL: https://judged:TOKEN@host.
// Its errors repeat nothing of the header: without a scheme, the first word is
// the token.
func bearer(header string) (string, error) {
	if len(header) > maxHeader {
		return "", refuse(Malformed, "the Authorization header has %d bytes; a token may have %d. Does it list too many groups?", len(header), maxToken)
	}
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.Trim(token, " ")
	switch {
	case ok && strings.EqualFold(scheme, "Bearer") && token != "":
	case ok && strings.EqualFold(scheme, "Basic") && token != "":
		var err error
		if token, err = password(token); err != nil {
			return "", err
		}
	default:
		return "", refuse(Malformed, `the Authorization header is not of the form "Bearer TOKEN"`)
	}
	if len(token) > maxToken {
		return "", refuse(Malformed, "the Authorization header has a token of %d bytes; a token may have %d. Does it list too many groups?", len(token), maxToken)
	}
	for i := range len(token) {
		c := token[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/=", c) >= 0) {
			return "", refuse(Malformed, "the bearer token has a character in it that no token has: is there a line break or a quote too many?")
		}
	}
	return token, nil
}

func hashToken(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// unverified is what a token says of itself. Nothing of it is true yet.
type unverified struct {
	raw    string
	issuer string
	alg    string
	kid    string
	typ    string
}

// peek reads as much of a token as is needed to find the key that can verify
// it.
func peek(token string) (unverified, error) {
	t := unverified{raw: token}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return t, refuse(Malformed, "the bearer token is not a JSON Web Token: it has %d parts with dots between, not three", len(parts))
	}
	var header struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}
	if decodePart(parts[0], &header) != nil {
		return t, refuse(Malformed, "the bearer token is not a JSON Web Token: its first part is not a header")
	}
	var payload struct {
		Iss string `json:"iss"`
	}
	if decodePart(parts[1], &payload) != nil {
		return t, refuse(Malformed, "the bearer token is not a JSON Web Token: its second part is not a set of claims")
	}
	t.issuer, t.alg, t.kid, t.typ = payload.Iss, header.Alg, header.Kid, header.Typ
	return t, nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return errors.New("not base64url")
	}
	return json.Unmarshal(text, into)
}
