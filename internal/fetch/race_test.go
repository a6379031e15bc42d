//go:build race

package fetch_test

// The race detector makes reading fifty times slower.
const aMillion = 50_000
