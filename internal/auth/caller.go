package auth

import (
	"context"
	"unicode"
	"unicode/utf8"
)

// Method is how a caller was recognized.
type Method string

// The methods.
const (
	OIDC         Method = "oidc"
	Certificate  Method = "mtls"
	StaticToken  Method = "token"
	Unidentified Method = "none"
)

// Caller is somebody who is calling. It is shared between requests: nobody
// may change it.
type Caller struct {
	// Name is unique within one way of recognizing callers; see
	// [Issuer.NamePrefix].
	Name string
	// Tenant is whose data the caller deals with; empty: the only tenant's.
	Tenant string
	Method Method
	// Claims is what is known beside: the claims of a token, or what a
	// certificate says (uri, dns, email, o, ou: lists; cn, issuer, serial).
	// Values are those of JSON: string, float64, bool, nil, []any and
	// map[string]any.
	Claims map[string]any
}

type callerKey struct{}

// With returns a context that knows the caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns the context's caller, and whether it has one.
func From(ctx context.Context) (*Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(*Caller)
	return c, ok
}

// maxName bounds names and tenants, in bytes. OpenID Connect allows a subject
// 255.
const maxName = 256

// badName says why s cannot be a caller's or a tenant's name; empty: it can.
func badName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxName:
		return "is longer than 256 bytes"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	}
	for _, r := range s {
		// Format characters, too: a name must look like what it is.
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return "has an invisible character in it"
		}
	}
	return ""
}
