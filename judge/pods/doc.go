// Package pods judges with instances as the units: pods, hosts, VMs. A series of
// a whole arm cannot tell a bad release from one unlucky machine, since 500
// points of that machine are not 500 witnesses; and it hides a sick pod among
// many healthy ones.
//
// # Method
//
// Every pod becomes one number: the logarithm of its mean level in the window,
// less that of its history if the pods of both sides have one
// (difference-in-differences). Load that all pods share drops out between the
// sides.
//
//   - Half of the error compares the means of both sides by Welch's t (Welch
//     1947), or a lone canary pod with the baseline's pods by Crawford's and
//     Howell's (1998).
//   - Half of it looks for one sick pod: each canary pod against all of the
//     baseline's, with the error shared among the canary's pods (Bonferroni).
//
// Two or three pods that happen to agree do not prove that pods agree. So the
// spread of the pods is drawn towards what pods usually differ by, 15 % in
// level and 5 % in change, as if four more pods had shown that (a scaled
// inverse chi-squared prior; Gelman et al., Bayesian Data Analysis, 2.6). It
// also lets a single baseline pod be a comparison, of little power.
//
// The interval is held against the signal's margins, ratios of levels.
//
// # Assumptions
//
// Pods are exchangeable but for the release, up to a level of their own. A pod
// counts if it reported at least 5 intervals of the window (4 of the history)
// and if at least ten of them, or half, carry its signal: an idle pod has no
// level.
//
// # When it refuses
//
// INCONCLUSIVE without Sample.Pods, and where fewer than half of a side's pods
// count.
package pods
