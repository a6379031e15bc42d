// Package paired judges gauges: latency quantiles, CPU, memory, queue lengths.
// It compares the arms interval by interval, so load, time of day and
// whatever else both arms share drops out.
//
// # Method
//
//  1. Intervals without data on a side are dropped.
//  2. d = ln(canary) - ln(baseline) per interval; where a level is zero or
//     negative, the plain difference. The effect is accordingly a ratio or a
//     Difference in the signal's unit.
//  3. Huber's pseudo-values of d bound what one interval can do.
//  4. Their mean gets a long-run variance that prices in autocorrelation (an
//     AR(1) with its small-sample biases corrected) and Student's t with the
//     degrees of freedom of the effective number of intervals.
//  5. The interval is held against the signal's margins.
//
// A history (the same two arms before the change, at least 20 intervals; 120
// are good, 240 better) does two things. It calibrates autocorrelation and
// variance, which a short window underestimates. And it tells which difference
// between the arms is normal: two machines are never quite alike, and more
// intervals only make a harmless difference more significant. By default the
// effect is therefore the change of the difference since the history
// (difference-in-differences). On recorded production metrics this took false
// alarms of two healthy machines from 11 % to 0.6 %, at 47 against 53 % of
// must-catch changes found (data/metrics, history.jsonl.gz, margin 5 %, m = 1);
// the costs fall on traffic that is split at random, for which Judge.Offset
// can be set to None.
//
// Relative margins refer to the baseline's median, or its mean size where the
// median is 0. A margin m reaches from 1/(1+m) to 1+m.
//
// # Assumptions
//
// Both arms share a grid. The noise of d is stationary and forgets
// exponentially; the difference in the history is still there in the window.
// Without a history short windows of autocorrelated noise exceed their promise:
// at alpha 0.05, 30 intervals of AR(1) noise with rho 0.6 raise 7.7 % false
// alarms, 60 raise 6.8 %, 180 raise 5.6 %; with a history of 120, 30 to 180
// intervals raise at most 3.6 % in every world of package judgetest.
//
// # When it refuses
//
// INCONCLUSIVE below 10 intervals with data on both sides, and below 5
// effective ones. Two sides that differ by the same number in every interval
// leave no noise to test against: the sign test, p = 2^(1-n), decides, and a
// warning says so. Sides of different length are an ERROR.
//
// # Sources
//
// docs/statistics.md, with the tables of docs/evaluation.md. Huber, Ronchetti, Robust Statistics
// (2009); Bayley, Hammersley, J. R. Statist. Soc. 8 (1946) 184; Marriott, Pope,
// Biometrika 41 (1954) 390.
package paired
