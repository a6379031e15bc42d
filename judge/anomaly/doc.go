// Package anomaly judges one series against its own history, for when there is
// no concurrent baseline: a full roll-out, a single instance, a job.
//
// It is the weaker kind of evidence, and its findings say so. A concurrent
// baseline shares load, time of day, dependencies and incidents with the canary,
// so they cancel; a history shares nothing. Whatever else changed since then
// looks like an effect of the release. Where there is any baseline, use package
// paired.
//
// # The judge
//
// Judge takes a sample whose canary side is the window and whose
// History.Canary is its past, on the same grid and ending where the window
// begins; the baseline's side stays empty.
//
//  1. Logarithms are taken where everything is positive, else plain numbers. The
//     effect is accordingly a ratio or a Difference.
//  2. The season is taken off: the median of the same phase over the seasons of
//     the history, each around its own level. Its length is given, or found
//     (DetectSeason) and kept if it predicts seasons that it was not taken from.
//     The history is treated as the window is: each season is cleared of
//     the shape of the others.
//  3. The level is forecast, and the window's robust mean (Huber) is held against
//     it by Student's t. If the history is eight windows long or longer, it is
//     cut into windows that are forecast in the same way, one after the other,
//     by their mean, the last ones' or a line; the method that was least wrong is
//     used, and how wrong it was is the standard error. A shorter history is taken
//     for one level with AR(1) noise, whose variance and autocorrelation come from
//     the history as in package paired; a trend that it cannot exclude widens
//     the interval.
//  4. The interval is held against the signal's margins. A FAIL says when the
//     level changed (ChangePoints), and warns if that was before the window.
//
// # As functions
//
// For points rather than windows: Profile.Scores against the season,
// PolynomialResiduals with Standardize against the points just before,
// SpectralResidual against the series' rhythm. For windows: Locate. For the time
// of a change: ChangePoints. NaN marks missing data everywhere.
//
//	history, window := x[:len(x)-60], x[len(x)-60:]
//	l, err := anomaly.Locate(history, window, anomaly.DetectSeason(history))
//	...
//	fmt.Println(l.Value, l.StdErr, l.PValue())
//
// # What was measured
//
// At alpha 0.05 without margin, 1000 simulated series each (standard error 0.7):
// 2.4 to 5.9 % false alarms with histories of eight windows and more, whether
// noise remembers (AR(1) of 0.3 to 0.9), days differ, levels wander, grow by 2 to
// 20 % a day, or weekends are lower; 0.1 % and less with shorter ones.
//
// On recorded production series (data/metrics, margin 5 %, one metric each,
// means over source and length), against a history as long as the window: of
// healthy windows right after their history 2.4 % fail, 55 % pass and 13 % are
// refused, mostly for wandering too much; of windows a day after it 0.8 % fail,
// 4 % pass and 31 % are refused; of labelled incidents 25 % fail and 57 % are
// refused. The rules for short histories were chosen on these data. The
// history's noise alone decides, not the larger of its and the window's as in
// package paired: that finds twice as many incidents, at 3.2 against 0.6 % false
// alarms (before trends were treated as they are now).
//
// # When it refuses
//
// INCONCLUSIVE, never FAIL or PASS, below 30 intervals of history with data,
// with a history shorter than the window, below 10 intervals in the window, and
// where the history is worth less than 3 independent points. A window that
// is noisier than its history makes false alarms: what was calm for a day is
// taken to stay calm.
//
// # Sources
//
// docs/statistics.md, with references beside each function.
package anomaly
