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
//   - false passes: canaries worse than the tolerance that PASS, likewise;
//   - power: changes that a world asks to be found;
//
// and checks on samples from the worlds and on hostile ones that
//
//   - swapping the sides mirrors the finding;
//   - the unit of the numbers does not matter;
//   - the same sample gives the same finding, and its slices stay as they were;
//   - no data, NaN, infinities, huge and tiny numbers neither panic nor pass;
//   - a finding does not contradict itself: P-value, interval, classification
//     and verdict agree, and there is always a reason.
//
// A measured rate may exceed its promise by three standard errors of a
// proportion, sqrt(p(1-p)/n): a judge that just keeps a promise breaks the
// bound in about 1 of 700 tries. Seeds are fixed, so a test that passed
// passes again. With testing.Short the simulations are shorter and the bounds
// accordingly wider.
package judgetest
