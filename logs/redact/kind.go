package redact

// Kind is what a redacted text was.
type Kind string

const (
	// PrivateKey: a PEM block of a private key, or its beginning.
	PrivateKey Kind = "private-key"
	// Token: bearer and basic credentials, JSON Web Tokens (RFC 7519), the access
	// key ids of AWS, the tokens of GitHub, Slack, Google and Stripe.
	Token Kind = "token"
	// Password: the values of password=, secret:, "api_key": and the like, and
	// user:password in URLs.
	Password Kind = "password"
	// Email: addresses of persons.
	Email Kind = "email"
	// Card: payment card numbers of the large networks, by prefix, length and
	// check digit (ISO/IEC 7812-1).
	Card Kind = "card"
	// Pattern: what a pattern of the Options matches.
	Pattern Kind = "pattern"
)

// Kinds are those that are redacted by default.
var Kinds = []Kind{PrivateKey, Token, Password, Email, Card}
