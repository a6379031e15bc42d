// Package report turns the result of an analysis into what a person reads at
// three in the morning and what CI systems read: [Text] for a terminal or a
// log, [Markdown] for a comment on a pull request, [JUnit] for test reports.
//
// All three say the same: the verdict and the one sentence first, then what
// was compared, every finding in the order of the judgment (what decided comes
// first), doubts about the data, and what to do next if nothing was decided.
//
// Names, reasons, warnings and queries come from configs, backends and log
// lines, so they are hostile until shown otherwise. Each is reduced to visible
// characters first (see clean.go) and then escaped for its format: no name can
// move a terminal's cursor, break out of a table or a code block, mention a
// person or make XML invalid.
//
// Width in this package is in terminal cells: 1 for most characters, 2 for
// CJK and emoji, 0 for combining marks.
package report
