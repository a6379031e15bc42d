// Package ratio judges shares: events out of a total per interval, such as
// errors out of requests. A share of one in a million is judged as well as one
// of a tenth.
//
// # Method
//
// The judge is that of package counts with the totals as exposure: the ratio of
// the two shares, from the events of both arms in the same intervals, whatever
// happened to traffic and error rate in both. The effect is a RateRatio.
//
// The absolute parts of margins are share points (0.001 is 0.1 %). FAIL needs
// the change to be beyond both parts of the margin. PASS is given by either part
// of the tolerance: twice the errors pass while they are at most 0.1 % of the
// requests more, if that is the absolute tolerance. That difference is bounded
// without the ratio, so no events among enough requests pass as well; among too
// few they are INCONCLUSIVE, with the number of requests that is missing.
//
// # Assumptions
//
// As for counts. Events are taken for Poisson, not binomial, which is right for
// rare ones and too careful for frequent ones: intervals are wider by up to
// 1/sqrt(1-share), 5 % at a share of a tenth. Above one half a warning asks for
// the rest to be judged instead, failures and not successes: a margin of 25 %
// of a success rate of 99.9 % means nothing.
//
// # When it refuses
//
// As counts does. ERROR without totals, and for more events than their total:
// in whole numbers, by more than a factor 2 (which extrapolation by PromQL's
// increase() can explain), or over the whole window.
package ratio
