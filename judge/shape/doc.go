// Package shape judges what the level of a series does not show: a tail that
// got longer, spikes, wider swings, a change that began within the window. On
// recorded production metrics a doubled top decile is found by a test of the
// level in 4 of 100 cases, by this package in 60 to 90.
//
// # Method
//
// Three aspects share the error, a third each:
//
//   - The tail is the mean of the highest tenth of the intervals (of the lowest,
//     where a decrease is bad), canary against baseline, less what mean or
//     median of the arms moved, whichever explains more. So a shift of
//     the level is no change of the tail.
//   - The spread is the ratio of the coefficients of variation. More of it is
//     bad whichever way the level should go.
//   - The onset compares the second half of the window with the first, as
//     package paired compares arms. It stands in for a history: a difference
//     of the arms that was there before the release does not begin at half-time.
//
// With a history of at least two stretches of 30 intervals (or of the window's
// length, if that is shorter) the first two are compared with the same
// measured in the history, stretch by stretch, and must stand out from how much
// they vary there. Either way they must also stand out from their own standard
// error in the window, from a jackknife that leaves out one stretch after the
// other (Kuensch 1989, Annals of Statistics 17:1217-1241); of the tail's a
// quarter counts, since leaving out the few points that make a tail is most of
// it. Without a history the floors are larger, and the onset is judged as well.
//
// The floors are effect sizes gated by significance rather than p values
// alone: healthy instances differ in shape as in level, with heavy tails, and on
// recorded series no threshold of significance tells them apart from sick ones,
// while a floor does (docs/evaluation.md has the rates, of false alarms too).
// The floors: a tail 8 % beyond what the history shows and 57 % on its own, a
// spread 73 % beyond; without a history the tail's grow from 63 % for a signal
// alone to 130 % for one of twenty, the spread's from a factor of 2 to one of 6. PValue is that of the estimate beyond its
// floor, from a normal or a Student distribution: it orders findings, and is
// measured rather than derived.
//
// # Assumptions
//
// Values are not negative, and at least ten intervals (or half) carry the
// signal. Windows below 30 intervals, whose tail is a point or two, need a
// wider berth. So do arms with unlike numbers of pods: the mean of many pods has
// a shorter tail than a single one.
//
// # When it refuses
//
// It FAILs or is INCONCLUSIVE and never passes: that no change was found does
// not show that there is none. It does not judge below 12 intervals with data
// on both sides, nor negative values.
package shape
