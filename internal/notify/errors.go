package notify

import (
	"fmt"
	"strings"
	"time"
)

// Reason says whether sending again can help.
type Reason int

const (
	// Temporary: sending again later may work. The zero value, so that a
	// forgotten reason loses no message.
	Temporary Reason = iota
	// Throttled: the other side asks to send less often; see
	// [Error.RetryAfter].
	Throttled
	// Permanent: the other side refuses the message; somebody has to change
	// the settings before it is sent again.
	Permanent
)

// String returns the reason in words.
func (r Reason) String() string {
	switch r {
	case Temporary:
		return "temporary"
	case Throttled:
		return "throttled"
	case Permanent:
		return "permanent"
	default:
		return fmt.Sprintf("Reason(%d)", int(r))
	}
}

// Error says what was sent where, why it failed and what to do next. Its text
// names hosts, never paths or secrets.
type Error struct {
	// Channel is the channel's name.
	Channel string
	Reason  Reason
	// RetryAfter is how long the other side asks to wait, at most an hour; 0:
	// it did not say.
	RetryAfter time.Duration
	// Err is the cause.
	Err error
	// Hint says what to do next; it may be empty.
	Hint string
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "notify %s: %s: %v", e.Channel, e.Reason, e.Err)
	switch {
	case e.Hint != "" && e.RetryAfter > 0:
		fmt.Fprintf(&b, " (asks to wait %s; %s)", e.RetryAfter, e.Hint)
	case e.RetryAfter > 0:
		fmt.Fprintf(&b, " (asks to wait %s)", e.RetryAfter)
	case e.Hint != "":
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// described is a cause whose text was made safe to show.
type described struct {
	text  string
	cause error
}

func (d *described) Error() string { return d.text }
func (d *described) Unwrap() error { return d.cause }
