// Package sequential decides while data come in, with a promised probability
// of a false alarm over all looks together.
//
// Somebody who looks at a 5 % test five times and stops at the first alarm
// raises one in 14 % of all harmless releases; looking every minute, in far
// more. There are two cures, and this package has both.
//
// # A horizon is known: group-sequential tests
//
// A [Design] spends its alpha over the looks by a [Spending] function of the
// information fraction, the part of the planned data that is there. Each look
// gets a [Bound]: reject where the p value of the usual test is at most
// Bound.Level. Looks may come at any, irregular fractions; only their number
// and times must not depend on what was seen. If the horizon is known this is
// the most powerful way, and it costs the end of the run little: with power-2
// spending and a look every minute from 5 to 60, alpha 0.01, the last bound is
// 2.90 instead of 2.58.
//
// The interval estimate ± quantile x standard error, with the quantile of the
// look's own level, is a repeated confidence interval: all looks' intervals
// together cover the truth with probability 1-alpha, so that a reader may stop
// at any of them (Jennison, Turnbull 2000, chapter 9). A Student statistic
// takes Student's quantile at that level.
//
// [Cross] computes what a design does under an effect: its power, and when it
// ends. [Drift] inverts it: the effect that a design finds. [WangTsiatis] gives
// the classical bounds of Pocock and of O'Brien and Fleming for looks that are
// all known beforehand.
//
// # No horizon: e-processes
//
// An e-process is a betting record against the null hypothesis: without an
// effect it is expected to stay at 1 or below, and the probability that it ever
// reaches 1/alpha is at most alpha, whenever and for whatever reason one stops.
// Here they are logs, because E may be e^1000. The bounds of the same
// processes, in the unit of the data, are confidence sequences: intervals that
// cover at all times at once.
//
//	data                         e-process or bound
//	mean, unknown variance       StudentMixture (effective n for a series)
//	mean, known variance         NormalMixture, LogMSPRT
//	mean, any distribution       AsymptoticRadius (many independent points)
//	increments bounded above     GammaExponential
//	counts                       GammaPoisson; two arms: RateRatio
//	share of successes           BetaBinomial, BernoulliInterval
//	shares of several categories LogDirichlet (sample-ratio check)
//	distribution, all quantiles  CDFRadius, EmpiricalLIL, SameDistributionP
//	one quantile                 DoubleStitching, QuantileP
//	anything sub-gamma           PolyStitching, in closed form
//
// [LogMean] merges e-values of any dependence; [P] turns one into a p value.
//
// # Assumptions
//
// Group-sequential bounds assume a statistic whose increments of information
// are independent and normal, as means and maximum likelihood estimates nearly
// are; a Student statistic with few degrees of freedom only nearly keeps the
// level. The e-processes of means and quantiles assume independent
// observations: autocorrelated minutes are not, and an honest variance of the
// mean must go in first (package longrun).
//
// Functions return NaN where they are undefined and never panic. Group-sequential
// functions return an error instead, as bounds that silently became NaN would
// reject nothing.
//
// # Numerics
//
// Bounds are exact to six digits for up to [MaxLooks] looks and any alpha: the
// density of the paths that no look has stopped is carried along by
// Gauss-Legendre quadrature on panels as wide as the density is smooth. Shares
// of alpha below 1e-14, and looks within 1e-5 of the information of the one
// before, are charged by the union bound instead, which is on the safe side.
//
// # Sources
//
// Jennison, Turnbull, Group Sequential Methods (2000); Lan, DeMets, Biometrika 70
// (1983) 659; Kim, DeMets, Biometrika 74 (1987) 149; Armitage, McPherson, Rowe,
// J. R. Statist. Soc. A 132 (1969) 235; Wang, Tsiatis, Biometrics 43 (1987) 193;
// Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 49 (2021) 1055; Howard,
// Ramdas, Bernoulli 28 (2022) 1704; Lindon, Ham, Tingley, Bojinov,
// arXiv:2210.08589; Lindon, Malek, NeurIPS 2022; Lindon, Sanden, Shirikian, KDD
// 2022; Waudby-Smith et al., Ann. Statist. 52 (2024) 2613; Vovk, Wang, Ann.
// Statist. 49 (2021) 1736. Reference values: docs/statistics.md.
package sequential
