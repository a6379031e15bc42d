package logs

import (
	"context"

	"github.com/judged-dev/judged/metrics"
)

// Query asks a source for the lines of one side.
type Query struct {
	// Expr is in the source's own language, scope values already expanded.
	Expr string
	// Window is the time of the lines: after Start, up to and including End. The
	// zero window asks for all there is, which only files can answer.
	Window metrics.Window
	// MaxLines bounds how many lines are read; 0 is DefaultMaxLines.
	MaxLines int64
}

// DefaultMaxLines bounds a read where the query does not: what a network source
// of good will delivers in some minutes.
const DefaultMaxLines = 20_000_000

// Summary is what a read was about.
type Summary struct {
	// Lines were delivered, Bytes is the length of their messages.
	Lines, Bytes int64
	// Undated lines had no time of their own and got that of the line before.
	Undated int64
	// Malformed lines could not be decoded as what their neighbours are, and were
	// delivered as plain text.
	Malformed int64
	// Cut lines were longer than a record may be; their end was dropped.
	Cut int64
	// Warnings are for the person who reads the verdict.
	Warnings []string
}

// Source streams log lines. Implementations are safe for concurrent use, honour
// the context, and bound what they hold: a page, not a window.
type Source interface {
	// Read calls each for every line that query selects, oldest first where the
	// backend can sort. It returns nil only if all of them were delivered; a source
	// that could read only part returns a *metrics.Error, as it does when there are
	// more than MaxLines. An error of each ends the read and is returned as it is.
	//
	// A page that fails is asked for again, from where the last one ended: each
	// never sees a line twice.
	Read(ctx context.Context, query Query, each func(*Record) error) (Summary, error)
	// Close releases connections.
	Close() error
}
