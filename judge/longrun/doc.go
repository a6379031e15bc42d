// Package longrun estimates how far the mean of an autocorrelated series can be
// trusted.
//
// Neighbouring minutes of a metric are alike, so sixty of them are worth fewer
// than sixty independent ones. What counts is the long-run variance, n times the
// variance of the mean as n grows: the sum of all autocovariances. Dividing by
// the variance of a point instead makes false alarms of 20 % out of 1 % where
// neighbours correlate by 0.6.
//
// Every estimator returns an Estimate whose StdErr and DF make Student's t of
// the mean. They differ in what they assume:
//
//	AR1                a first-order autoregression, corrected for the biases of short
//	                   series: the most exact from 30 points where it holds
//	EWC                nothing beyond stationarity; few degrees of freedom, so wide
//	                   intervals, but the level holds
//	NeweyWest          the classical kernel of econometrics, for comparison: its
//	                   intervals are too narrow for short series
//	QuadraticSpectral  the best kernel, prewhitened; between the others
//
// Points are evenly spaced and ordered, oldest first. A NaN among them makes
// the result NaN: a gap cannot be closed by pretending that its neighbours
// follow each other. Fewer than two points give NaN.
//
// # Sources
//
// Newey, West, Econometrica 55 (1987) 703 and Rev. Econ. Stud. 61 (1994) 631;
// Andrews, Econometrica 59 (1991) 817; Andrews, Monahan, Econometrica 60 (1992)
// 953; Lazarus, Lewis, Stock, Watson, J. Bus. Econ. Stat. 36 (2018) 541; Zeileis,
// J. Stat. Softw. 11 (2004) 10, whose conventions of sandwich::NeweyWest and
// kernHAC are followed; docs/statistics.md for those of AR1.
package longrun
