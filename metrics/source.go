package metrics

import (
	"context"
	"time"
)

// Query asks a source for series over a grid: one value per interval, taken
// at each interval's end.
type Query struct {
	// Expr is in the source's own language, scope values already expanded.
	Expr string
	Grid Grid
}

// Result is what a source answered. It is whole: a source that could read
// only part returns an error.
type Result struct {
	Series []Series
	// Step is the resolution of the answer where the backend chose a coarser
	// one than asked for (rollups); 0 means as asked.
	Step time.Duration
	// Warnings of the backend, for the person who reads the verdict.
	Warnings []string
}

// Source answers queries. Implementations are safe for concurrent use,
// honour the context and bound what they read.
type Source interface {
	// Query returns the result or an *Error.
	Query(ctx context.Context, q Query) (Result, error)
	// Close releases connections.
	Close() error
}
