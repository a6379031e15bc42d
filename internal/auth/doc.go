// Package auth finds out who is calling.
//
// [New] makes an [Authenticator], and [Authenticator.Authenticate] turns what
// a request brings along into a [Caller], or an error that says what is wrong
// with it:
//
//   - a bearer token of an OpenID Connect issuer (signature, issuer, audience
//     and times are checked; see [Issuer]), which service-account tokens of
//     Kubernetes are, too,
//   - a bearer token out of a file of hashed tokens (see [NewToken]),
//   - a client's certificate, already verified by TLS (see [MTLS]),
//   - nothing, if the options say that this will do.
//
// A bearer token comes first: a certificate may be that of the proxy in front
// of the caller. A token that is no good is an error even if a certificate
// would do; nobody is somebody else by mistake.
//
// What a caller may do is not decided here.
//
// # Issuers that are down
//
// Keys are fetched in the background, when the Authenticator is made, every
// five minutes, and when a token names a key that is not known, though at most
// every ten seconds whatever tokens are sent. An issuer that does not answer
// is asked again, and meanwhile the keys that it gave before are good; those
// that it takes back are not, also for tokens that were checked before. Until
// there are keys its tokens are neither taken nor refused: the error is
// [UnavailableError], and an [UnauthenticatedError] is final.
package auth
