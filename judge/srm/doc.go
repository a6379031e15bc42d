// Package srm checks whether the arms get the traffic that they should: the
// sample-ratio mismatch test of online experiments, for canaries.
//
// A canary at a weight of 10 % that gets 2 % of the requests is not healthy,
// whatever its latencies say: its readiness probe flaps, the router has another
// table, clients fall back. And what it does get may not be like the rest.
//
// # As functions
//
// LogEValue weighs the requests of two or more arms against the shares
// expected of them. Test does the same as requests arrive, in constant time an
// update:
//
//	t, err := srm.NewTest([]float64{90, 10}, srm.Options{})
//	...
//	err = t.Add(912, 88) // the requests of one interval
//	if t.PValue() <= 0.001 { ... }
//
// Both may be looked at as often as anybody likes: the probability that a right
// split ever reaches an e-value of 1/alpha, or a p-value of alpha, is at most
// alpha.
//
// # As a judge
//
// Judge takes requests per interval (kind Count). What is expected comes from
// the totals, the weight of each arm in each interval (90 and 10, or pods, or
// pod-minutes; so a canary that is stepped up from 5 to 50 % is no problem), or
// from Judge.Share. The effect is a RateRatio: the requests per unit of weight,
// canary against baseline.
//
// # Method
//
// Given the requests of an interval, the canary's are binomial with the share
// that the weights give it. The e-value is the ratio of the likelihoods of a
// Dirichlet mixture around the expected shares and of the expected shares
// themselves (Lindon, Malek, NeurIPS 2022):
//
//	ln E = lnG(k) - lnG(k+n) + sum_i [lnG(k p_i + n_i) - lnG(k p_i) - n_i ln p_i]
//
// with the expected shares p, the requests n_i, n in all, lnG the logarithm of
// the gamma function. It is a martingale if the expected shares are right
// (Ville 1939). The rate ratios whose e-value is below 1/alpha are the
// interval, a confidence sequence; k says how large the deviations are that the
// mixture looks for first: about sqrt((1-p)/(p k)) relative.
//
// Requests do not come one by one. Counts are divided by the dispersion of the
// canary's share from interval to interval, including its autocorrelation, in the
// window or the history, whichever is larger (see package judge/internal/rates).
//
// # What is not a mismatch
//
// A share that is off by a tenth harms nobody. And sticky sessions, a few large
// clients and keep-alive connections move the share of the whole window, which
// no dispersion between its intervals shows. So unless the signal has a margin
// of its own, the smaller arm's share may be off by a factor
//
//	1.10 exp(z sqrt((1-p)/(p m)))
//
// where m is Judge.Clients, 200 if not set, and z the normal quantile of the
// sample's alpha: as far as m clients of equal size, each sent wholly to one
// arm, might move it. At 10 % of the traffic and alpha 0.05 that is 6 to 17 %;
// with a million clients 9 to 11 %. PASS is the interval inside that or inside
// 25 %, whichever is wider. A signal's own margin and tolerance are, as
// everywhere, changes of the rate and taken as they stand.
//
// # When it refuses
//
// INCONCLUSIVE below 5 intervals: fewer show no dispersion. Negative counts and
// shares outside (0, 1) are an ERROR. A canary without a single number is "no
// data" and not "no traffic", because a broken query looks the same.
package srm
