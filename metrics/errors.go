package metrics

import (
	"errors"
	"fmt"
	"strings"
)

// Reason sorts what went wrong with a source into the few cases that a
// caller treats differently.
type Reason int

const (
	// Unsorted: nobody said. The zero value, so that a forgotten reason does
	// not look like one that passes by itself.
	Unsorted Reason = iota
	// Unavailable: the backend did not answer in time or answered 5xx; a
	// later try may succeed.
	Unavailable
	// BadQuery: the backend refuses the query; somebody has to change it.
	BadQuery
	// Denied: credentials are missing, wrong or not allowed to read this.
	Denied
	// Throttled: the backend's rate limit, after waiting as it asked.
	Throttled
	// BadAnswer: the answer is not what the backend's protocol promises: cut
	// off, HTML, another type, contradictory.
	BadAnswer
	// TooLarge: the answer is over a limit.
	TooLarge
	// Misconfigured: the source's settings cannot work.
	Misconfigured
	// Canceled: the caller gave up.
	Canceled
)

var reasonWords = map[Reason]string{
	Unsorted: "failed", Unavailable: "unavailable", BadQuery: "bad query", Denied: "denied", Throttled: "throttled",
	BadAnswer: "bad answer", TooLarge: "too large", Misconfigured: "misconfigured", Canceled: "canceled",
}

// String returns the reason in words.
func (r Reason) String() string { return reasonWords[r] }

// Error says what was asked of what, why it failed and what to do next. Its
// text reaches the person who reads the verdict unchanged, so it never holds
// credentials.
type Error struct {
	// Op is what was tried, e.g. "query", "open".
	Op string
	// Source is the source's name.
	Source string
	// Query is what was asked, if anything.
	Query string
	// Reason sorts the failure.
	Reason Reason
	// Err is the cause.
	Err error
	// Hint says what to do next.
	Hint string
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Op, e.Source)
	if e.Query != "" {
		fmt.Fprintf(&b, ": %s", shorten(e.Query, 300))
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of the first *Error in err's chain, or false.
func ReasonOf(err error) (Reason, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason, true
	}
	return 0, false
}

// shorten cuts s to n bytes at a rune boundary, marking the cut.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
