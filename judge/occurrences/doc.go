/*
Package occurrences compares how often many kinds of things happen on two sides,
all of them together: log templates, errors of operations, calls. It is what a
judge of such a signal is built of.

Each [Item] is tested two-sided and exactly given its totals. Where a unit (a
request) has the thing or not, the table of two shares is Fisher's (1935); where
things are counted per exposure, the canary's share of the events is binomial
(Przyborowski, Wilenski 1940), the events divided by how much more they vary than
independent ones do. What is too small to matter has the p value 1, whatever the
test says: it is neither reported nor does it make room for others. [Test] then
controls the false discovery rate over all of them by the step-down procedure for
discrete tests (Döhler, Durand, Roquain 2018), which is that of Benjamini and
Hochberg (1995) with the number of tests replaced by how many would come out as
small by chance: a family of many rare things costs little.

The procedure is proven for independent items. Things that come together, such
as the templates of one request, are not; simulations with such families stay
below the level, as those of Benjamini and Hochberg do.

# Several looks

Who looks again and again at growing data is covered by e-values: the mixture of two
beta-binomial bets on the canary's share of the events, which may be looked at any
time, and e-BH (Wang, Ramdas 2022), which asks nothing of how items depend on each
other. Half of the error is for them; the other half is for the exact p values at
the last look. They are e-values as long as the canary's share of the exposure is
the same from look to look: who changes it begins anew.
*/
package occurrences
