package client

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Error is a call that failed: the server refused it or could not be reached.
type Error struct {
	// Op is what was tried.
	Op string
	// Code says whose turn it is: invalid_argument is the caller's mistake,
	// unavailable may work later.
	Code connect.Code
	// Message is the server's, for people.
	Message string
	// Problems are the single mistakes, where there are several.
	Problems []string
	// RequestID finds the call in the server's log.
	RequestID string

	err error
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Op + ": " + e.Message
	if e.Code == connect.CodeInternal && e.RequestID != "" {
		text += fmt.Sprintf(" (request id %s)", e.RequestID)
	}
	return text
}

// Unwrap returns the *connect.Error, with its details.
func (e *Error) Unwrap() error { return e.err }

func newError(op string, err error) *Error {
	e := &Error{Op: op, Code: connect.CodeOf(err), Message: err.Error(), err: err}
	rpc, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return e
	}
	e.Message, e.RequestID = rpc.Message(), rpc.Meta().Get("X-Request-Id")
	for _, d := range rpc.Details() {
		value, err := d.Value()
		if err != nil {
			continue // a detail of a newer server
		}
		if bad, ok := value.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				e.Problems = append(e.Problems, v.GetDescription())
			}
		}
	}
	return e
}

// CanceledError is an analysis that somebody ended before it had a verdict.
type CanceledError struct {
	ID, Reason string
	// By is who did; empty where callers have no names.
	By string
}

// Error implements error.
func (e *CanceledError) Error() string {
	by := ""
	if e.By != "" {
		by = " by " + e.By
	}
	return fmt.Sprintf("analysis %s was cancelled%s: %s", e.ID, by, e.Reason)
}

// ExpiredError is an analysis that ended because its looks could not be taken in
// time.
type ExpiredError struct {
	ID string
	// Looks is how many of the Planned ones were taken.
	Looks, Planned int
	// Trouble is why the latest try of a look failed, if the server says.
	Trouble string
}

// Error implements error.
func (e *ExpiredError) Error() string {
	text := fmt.Sprintf("analysis %s expired without its verdict: %d of its %d looks could be taken in time", e.ID, e.Looks, e.Planned)
	if e.Trouble != "" {
		text += " (" + e.Trouble + ")"
	}
	return text + "; start another one when its sources answer"
}
