// Package httpx is the HTTP client of every source of metrics, logs and
// traces: one place for retries, limits, credentials and the texts of errors.
//
// [New] makes a [Client] from a source's settings. [Client.Do] sends one
// request that reads and returns the whole [Answer], or a [*metrics.Error]
// that says what was asked, what came back and what to do next. A vendor's SDK
// gets the same through [Client.HTTPClient].
//
// A request passes these layers, outermost first:
//
//   - Retry: network errors, cut-off answers, 408, 429 and 5xx (but 501) are
//     tried again, at most Attempts times in all, if the request only reads
//     (see [Reads]). The pause doubles from 250 ms to 10 s, varied by half, and
//     is never shorter than the server's Retry-After. A server that asks for
//     more than a minute, or for longer than the context lasts, is not waited
//     for: its last answer is the result, at once.
//   - Gate: at most Concurrency requests at the same time, RequestsPerSecond in
//     a second and RequestsPerDay in 24 hours; who waits, for at most MaxWait,
//     is served in turns (see [fetch.Gate]). A request that pauses holds no
//     place.
//   - Circuit breaker: when 10 or more requests within a minute failed at
//     least four times in five (no answer, a cut-off answer, or 5xx), nothing
//     is asked for 10 s; then one request may try. Refused queries and rate
//     limits do not count: they are answers.
//   - One try: at most Timeout, from connecting to the last byte of the
//     answer, of which at most MaxResponseBytes are read after decompression.
//     More is an error, never a shorter answer. An answer is held in memory,
//     so a source may take Concurrency times MaxResponseBytes, and what its
//     driver makes of them.
//
// Only the context bounds the total time; without a deadline four tries of
// 30 s and their pauses take about two minutes.
//
// Credentials, the CA file and the client's certificate may be replaced while
// the program runs. Credentials are read from their place at every try, and
// once more when the server refuses them: if they are others by then, the
// request is sent again. So it is with the CA file when it does not know the
// server's certificate. A client certificate is read at every handshake.
// Credentials are sent to the source's own host only, redirects to another host
// are refused, and their values are taken out of every error text.
// Proxies come from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
package httpx

import "time"

// What a zero limit in the settings means.
const (
	DefaultTimeout          = 30 * time.Second
	DefaultAttempts         = 4
	DefaultConcurrency      = 8
	DefaultMaxResponseBytes = 64 << 20
)
