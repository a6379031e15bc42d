// Package metrics brings numbers from metric backends onto the grid that
// judges compare.
//
// A [Source] answers a [Query] over a [Window] with [Series]; [Align] puts a
// series on a [Grid] and keeps its gaps. Providers (package
// metrics/providers/...) register how to open a source of their kind and how
// their query language quotes a scope's values.
package metrics
