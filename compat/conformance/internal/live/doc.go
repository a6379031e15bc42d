// Package live runs judged for the tests that call it as deployers do: the real
// program on a port of its own, with a file for its store and a source whose
// answers follow from the queries.
//
// It uses the standard library alone, so that it fits into a module beside any
// deployer's dependencies.
package live
