package logs

import "time"

// Record is one log entry: a line, or a line with the stack trace that follows
// it. Its slices are valid only until the function that was given the record
// returns: who keeps them copies them.
type Record struct {
	// Time is when it was written; zero if the line does not say.
	Time  time.Time
	Level Level
	// Logger is what wrote it, as far as the line says so: a class, a module, a
	// logger's name, without the number of the source line, which changes with
	// every release.
	Logger []byte
	// Site is that number, 0 if the line does not give it: which of a logger's
	// statements wrote it.
	Site uint32
	// Instance is the pod, host or container that wrote it.
	Instance []byte
	// Trace is the request's trace id, or whatever else identifies one request.
	Trace []byte
	// Message is the text, without time, level and the like; a stack trace follows
	// after a line break.
	Message []byte
}
