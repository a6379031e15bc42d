// Package plan says how long a canary must live, and how much traffic it needs,
// for a regression of a given size to FAIL with a given probability.
//
// A [Signal] is described by numbers, or measured by [Estimate] on recorded
// healthy data. [New] makes the planner of its default judge:
//
//	p, err := plan.New(plan.Signal{Kind: judge.Gauge, Noise: 0.08, Rho: 0.3, Margin: 0.05}, plan.Options{Alpha: 0.05})
//	...
//	n := p.Intervals(0.10) // a rise of 10 % is found after so many intervals
//	d := p.Detectable(60)  // what 60 intervals find
//
// # Levels
//
// With noise s, the standard deviation of ln(canary/baseline) from interval to
// interval, and autocorrelation rho the mean of n intervals has the standard
// error s sqrt(f/n), f the variance inflation of an AR(1) (Bayley, Hammersley
// 1946). FAIL is that Student's interval lies beyond the margin. The power is
// its probability over the true difference and over the estimates of variance and
// autocorrelation that the judge makes on the way: without the latter a plan
// for 60 intervals promises 10 points of power too many. With a history its own
// error is added (difference-in-differences), and its estimates calibrate.
//
// # Events
//
// Given their number N, the canary's events are binomial with probability
// w r/(1+w r), r the ratio of the rates and w that of the exposures. FAIL is
// that the exact tail under the margin is below half the error, for counts
// divided by the dispersion that the judge estimates. The power is summed over
// N, which is itself Poisson, or burstier.
//
// # What the judge asks for
//
// The level and the margin that decide are not those of the config: a panel
// shares the error, many signals divide it, and where no history shows how much
// healthy instances differ the margin is widened. The planner does not know
// these rules: it asks the judge, with a sample whose change is turned up until
// it FAILs.
//
// # Looks
//
// A window that is judged again and again spends the error by the rules of
// package analysis. The bounds are matched to the power that each look would
// have alone, and crossed as a Brownian motion with package sequential.
//
// # Sources
//
// docs/statistics.md; Chow, Shao, Wang, Sample Size Calculations in Clinical
// Research (2008); Jennison, Turnbull, Group Sequential Methods (2000);
// Wilson, Hilferty, PNAS 17 (1931) 684, for the chi-squared distribution.
package plan
