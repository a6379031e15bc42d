// Package fetch lets many analyses ask few sources.
//
// [Share] wraps a source: identical queries of callers that ask at the same
// time run once, and an answer is kept for a moment, so that a hundred
// analyses of one release cost the backend as much as one.
//
// A [Gate] keeps the requests of one source within its settings: how many at
// the same time, a second and a day. Whoever waits is let through in turns:
// round-robin between owners ([WithOwner]), first come first served within
// each, so that an analysis of a thousand metrics does not hold up the others.
// Package internal/httpx passes every try of every request through the gate of
// its source, since that is what a backend counts: a query may take several
// requests, and a request several tries.
//
// Every source has a Shared and a Gate of its own, and no lock is held while a
// source is asked: a slow or broken one delays only those who ask it.
package fetch
