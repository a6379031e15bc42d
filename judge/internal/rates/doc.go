// Package rates compares two event rates through the events of both arms in
// the same intervals. It is the machinery of the judges counts and ratio.
package rates
