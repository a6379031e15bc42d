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
}

// Error implements error.
func (e *CanceledError) Error() string {
	return fmt.Sprintf("analysis %s was cancelled: %s", e.ID, e.Reason)
}
