// Package counts judges numbers of events per interval: log lines, restarts,
// timeouts. It is exact at three events and immune to bursts that both arms
// share.
//
// # Method
//
// Given the events of both arms together, the canary's are binomial; the
// interval for the ratio of the rates comes from inverting that test, with
// counts divided by how much the events of one arm come in bursts of their own.
// See package judge/internal/rates for formulas and references. The effect is
// a RateRatio.
//
// Without totals every interval has the same exposure on both sides. Totals
// are exposures: pod-minutes, or requests served. A summary's level and the
// absolute parts of margins are events per unit of exposure, so per interval
// where there are no totals.
//
// A history of at least 20 intervals can only raise the dispersion: it makes
// the judge more careful about events that are known to come in bursts. Unless
// traffic is randomized, the ratio that it shows is taken out, shrunk towards
// none as far as chance explains it: unlike instances have differed before.
//
// Where a window is judged again and again (Sample.Look), a fifth of the error
// goes to an e-process that may stop at any moment, so that a flood of errors
// need not wait for a look that asks for less.
//
// # Assumptions
//
// The rates of the arms keep their ratio through the window; what moves both
// is harmless. Bursts of one arm are unrelated beyond their autocorrelation from
// interval to interval. Counts need not be whole (PromQL's increase()
// extrapolates), but they must be events and not rates per second.
//
// # When it refuses
//
// INCONCLUSIVE below 5 intervals with events. Without any event on either side
// the effect is a Difference of 0 with the bounds that so much silence allows, and
// it passes only inside the absolute tolerance; without one it is
// INCONCLUSIVE. Negative counts are an ERROR: counters must be turned into
// increments first.
package counts
