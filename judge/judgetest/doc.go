// Package judgetest is the suite that every judge must pass, in the manner of
// testing/fstest: a judge's own test calls Run with the worlds it is made for.
//
//	func TestSuite(t *testing.T) {
//		judgetest.Run(t, paired.Judge{}, judgetest.Gauges()...)
//	}
//
// Run measures, by simulation in each World,
//
//   - false alarms: healthy canaries that FAIL, at most the promised share;
//   - false alarms while looking: healthy canaries that FAIL at one of the looks
//     at a growing window, at most 1.3 times the promise with a history and twice
//     without one;
//   - false passes: canaries worse than the tolerance that PASS, at most the
//     promised share;
//   - power: changes that a world asks to be found;
//   - monotonicity: a larger change of the same draw is found at least as often;
//
// and checks on samples from the worlds and on hostile ones that
//
//   - swapping the sides mirrors the finding;
//   - the unit of the numbers does not matter;
//   - the same sample gives the same finding, and its slices stay as they were;
//   - memory is in proportion to the sample and does not grow from call to call;
//   - no data, NaN, infinities, huge and tiny numbers neither panic nor pass;
//   - a finding does not contradict itself: P-value, interval, classification
//     and verdict agree, and there is always a reason.
//
// MonotonePValue and ShiftInvariant test what only some judges promise.
//
// A measured rate may exceed its promise by three standard errors of a
// proportion, sqrt(p(1-p)/n): a judge that just keeps a promise breaks the
// bound in about 1 of 700 tries. Seeds are fixed, so a test that passed
// passes again. With testing.Short the simulations are shorter and the bounds
// accordingly wider; with JUDGETEST_TRIALS=4000 in the environment they draw so
// many samples, and look at every interval.
//
// An Experiment is one such simulation to be had alone: false alarms, power
// curves and the time until a change is found, each with its standard error.
package judgetest
