//go:build !race

package fetch_test

const aMillion = 1_000_000
