// Package mannwhitney is Kayenta's judge NetflixACAJudge-v1.0, to the last bit
// of every number, and 200 to 300 times as fast for a day of minutes
// (BenchmarkJudge).
//
// It is for those who move from Kayenta and want the verdicts that they know,
// mistakes included; the default judges of this module are better ones. Two
// entrances:
//
//   - Config.Judge judges pairs of series with Kayenta's settings, and scores
//     them by groups and weights. Package compat/kayenta reads and writes its
//     JSON.
//   - New returns the test alone as a judge.Judge.
//
// # What it computes
//
// Each pair, control against experiment, is judged alone. Values that are not
// numbers are removed (or count as 0), outliers too if asked for. If data
// remain, and differ, the shift of location is estimated by inverting the
// Mann-Whitney test (normal approximation, ties and continuity corrected):
// Hodges-Lehmann estimate and 98 % confidence interval. The metric is High if
// the whole interval is above a quarter of the estimate's size and the effect
// size, by default the ratio of means, is not below its threshold; Low
// likewise. No P-value is computed anywhere.
//
// # Exactness
//
// "Exact" means the doubles that Kayenta's compiled classes return on a JVM
// (Kayenta orcaVersion 8.64.0, commons-math3 3.6.1), compared with == over the vectors
// of the tests. Sums keep Kayenta's order and no product is fused into a sum,
// so results do not depend on the processor. Two differences remain:
//
//   - The noise for pairs of two constants comes from java.util.Random with a
//     seed, see Config.Seed; Kayenta does not seed it.
//   - Above some 200,000 values in one group of ties, and for the effect size
//     "cles" above 32,768 values a side, Kayenta's own numbers are inexact or
//     wrong. Those errors are not reproduced.
//
// # Speed
//
// Kayenta boxes, sorts and groups all values again for each of the 25 to 60
// shifts that its root searches look at. Here each side is radix-sorted once;
// a shift is then one merge, which counts pairs in integers, without branches;
// and the last steps of a search, which are small, count only the few pairs
// whose order can still change. See rankTest, mergeCount and window.
package mannwhitney
