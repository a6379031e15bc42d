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
	// Partial says that a warning is about the data: the backend may not have seen
	// all of them. Such an answer is judged with its warning, but asked for again.
	Partial bool
}

// Source answers queries. Implementations are safe for concurrent use,
// honour the context and bound what they read.
type Source interface {
	// Query returns the result or an *Error.
	Query(ctx context.Context, q Query) (Result, error)
	// Close releases connections.
	Close() error
}

// Limited is a Source that keeps its requests within the limits of its Settings
// and can tell how busy they are.
type Limited interface {
	Source
	Load() Load
}

// Load is how busy a source is. A request is what the backend counts: a query
// may take several, and each try is one more.
type Load struct {
	// Requests counts those that were sent.
	Requests uint64
	// InFlight are under way; Waiting wait for their turn.
	InFlight, Waiting int
	// BudgetLeft is what is left of RequestsPerDay; -1: there is no such limit.
	BudgetLeft int
}
