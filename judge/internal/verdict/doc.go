// Package verdict is what the default judges share around their statistics:
// the check that there is something to judge (Screen), the three-valued rule
// from an interval and a signal's margins (Limits), how many more intervals
// would decide (Needed), and the wording of reasons.
package verdict
