// Package policy holds the rules that users write: expressions in CEL, the Common
// Expression Language (https://cel.dev), that are true or false.
//
//   - [Decision]: which findings make a verdict;
//   - [Windows]: when a release may go on, and when it may next;
//   - [Authorization]: who may do what;
//   - [Constraints]: what an administrator requires of configs;
//   - [Route]: which events go to a channel.
//
// Rules are compiled once, when they are saved. Every name and type is checked
// then, also words (a verdict is never "FAILED"), dates, time zones, calendars and
// patterns, and a mistake is a [CompileError] with its line, column and a caret.
//
// What a rule may do is bounded, since its author need not be trusted: its
// length and nesting, and the steps of an evaluation, of which each is a
// constant amount of work. There are no lists of lists and no sums of lists, so
// that no value is larger than what was spent on making it. An evaluation ends
// with its context. A rule that cannot be evaluated is an [EvalError] and opens
// nothing: no PASS, no window, no access.
//
// The package is pure. It reads no file but time zones, no clock and no network;
// a program whose machine may lack time zones imports time/tzdata.
package policy
