// Package analysis runs one comparison of a release with what runs now:
//
//	plan -> fetch -> align -> judge -> decide
//
// [Config] says what to compare, [NewPlan] expands its queries for both
// scopes, [Run] asks the sources, puts the answers on one grid and lets the
// judges compare them. The package knows no RPC, no SQL and no clock: the
// window it judges is given.
package analysis
