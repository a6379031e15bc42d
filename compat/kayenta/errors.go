package kayenta

import "fmt"

// Kind sorts what is wrong with a caller's document into the few cases that
// an answer treats differently.
type Kind int

const (
	// Malformed is a body that is not JSON, or JSON of another shape. Kayenta
	// answers 400 with its framework's body.
	Malformed Kind = iota + 1
	// Invalid is a document that breaks a rule of Kayenta's. It answers 400
	// {"message": text}.
	Invalid
	// Unsupported is a document that Kayenta can execute and this
	// implementation cannot.
	Unsupported
)

// Error says why a document is refused. Its text is for the person who reads
// {"message": text}, and repeats parts of the document.
type Error struct {
	Kind Kind
	// Message says what is wrong; where Kayenta has a text for it, that one.
	Message string
	// Err is the cause, or nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return &Error{Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}
