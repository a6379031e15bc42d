package auth

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Reason says for programs why somebody is not authenticated.
type Reason string

// The reasons.
const (
	NoCredentials    Reason = "NO_CREDENTIALS"    // nothing that could say who is calling
	Malformed        Reason = "MALFORMED_TOKEN"   // not a token at all, or far too long
	UnknownToken     Reason = "UNKNOWN_TOKEN"     // not in the file of tokens
	UnknownIssuer    Reason = "UNKNOWN_ISSUER"    // of an issuer that is not trusted
	WrongAlgorithm   Reason = "WRONG_ALGORITHM"   // signed in a way that is not allowed, or not at all
	KeyNotFound      Reason = "KEY_NOT_FOUND"     // signed with a key that the issuer does not publish
	WrongSignature   Reason = "WRONG_SIGNATURE"   // changed on the way, or forged
	WrongAudience    Reason = "WRONG_AUDIENCE"    // meant for another service
	Expired          Reason = "EXPIRED"           // was good once
	NotYetValid      Reason = "NOT_YET_VALID"     // will be good
	WrongClaims      Reason = "WRONG_CLAIMS"      // lacks a claim, or has one that is not allowed
	WrongCertificate Reason = "WRONG_CERTIFICATE" // a certificate that says nobody's name
)

// UnauthenticatedError says why a caller's credentials are not accepted. The text
// is for the caller: it holds no token, and nothing that only the issuer and
// the server know. Trying the same credentials again does not help.
type UnauthenticatedError struct {
	Reason Reason
	text   string
}

// Error says what is wrong with the credentials.
func (e *UnauthenticatedError) Error() string { return e.text }

func refuse(reason Reason, format string, args ...any) error {
	return &UnauthenticatedError{Reason: reason, text: fmt.Sprintf(format, args...)}
}

// UnavailableError says that a token cannot be checked now, since its issuer could
// not be asked for its keys. The token may be good.
type UnavailableError struct {
	Issuer string
	// RetryAfter is when the issuer may have been asked again.
	RetryAfter time.Duration
	// err may name hosts that are none of the caller's business.
	err error
}

// Error says that it is not the token, and names no hosts but the issuer.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the token cannot be checked now: the keys of its issuer, %s, could not be had; "+
		"this server's log says why. Try again in %v", e.Issuer, e.RetryAfter.Round(time.Second))
}

// Unwrap returns what went wrong, for the server's log.
func (e *UnavailableError) Unwrap() error { return e.err }

// quote shows what a stranger has written: in quotes, with escapes, and not
// for longer than a person would read.
func quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + " (and so on)"
	}
	return strconv.Quote(s)
}

// quoteAll is quote for several.
func quoteAll(all []string) string {
	const most = 5
	var quoted []string
	for i, s := range all {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		quoted = append(quoted, quote(s))
	}
	return strings.Join(quoted, ", ")
}

// moment writes a time as error texts show it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
