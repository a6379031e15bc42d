// Package stat holds the statistics that the default judges need and gonum
// lacks: one method a file, each with the source of its formulas.
//
// Functions take cleaned data: finite numbers only. They return NaN, never
// panic, where a result is undefined.
package stat
