package sequential

import "math"

// LogDirichlet returns the log e-value of counts in categories against the
// hypothesis that an event falls into category i with probability share[i]:
//
//	ln G(sum a) - ln G(sum a + n) + sum [ln G(a_i + n_i) - ln G(a_i)] - sum n_i ln share_i
//
// G being the gamma function and a the parameters of a Dirichlet prior on the
// shares; k times share concentrates it there, and finds small deviations the
// better the larger k is (Lindon, Malek 2022). With two categories it is the
// beta-binomial mixture. Shares need not be normalized. NaN where the lengths
// differ or a value is out of range.
func LogDirichlet(counts, share, prior []float64) float64 {
	if len(counts) != len(share) || len(counts) != len(prior) {
		return math.NaN()
	}
	var n, a, p, sum float64
	for i, c := range counts {
		if !(c >= 0 && share[i] > 0 && prior[i] > 0) {
			return math.NaN()
		}
		n, a, p = n+c, a+prior[i], p+share[i]
		sum += lgamma(prior[i]+c) - lgamma(prior[i]) - c*math.Log(share[i])
	}
	return sum + lgamma(a) - lgamma(a+n) + n*math.Log(p)
}

// ratios are the rate ratios, relative to the null's, that RateRatio bets on:
// from a slight to a disastrous increase (docs/statistics.md).
var ratios = [...]float64{1.1, 1.25, 1.5, 2, 3, 5, 10}

// RateRatio is an e-process for events of two arms against the hypothesis that
// the canary's rate is at most Null times the baseline's. Given the events of
// both arms in an interval, those of the canary are binomial whatever the
// common intensity does, and the likelihood ratio of a larger rate ratio is a
// supermartingale; the e-process is the mean over some of them. The zero value
// is ready.
type RateRatio struct {
	// Null is the rate ratio of the hypothesis, 1 if 0.
	Null float64

	log [len(ratios)]float64
}

// Add takes in the events of an interval. weight is the canary's exposure over
// the baseline's, known before the events. Values that are negative or no
// numbers make LogE NaN.
func (r *RateRatio) Add(baseline, canary, weight float64) {
	null := r.null()
	if !(baseline >= 0 && canary >= 0 && weight > 0 && null > 0) || math.IsInf(weight, 1) {
		r.log[0] = math.NaN()
		return
	}
	for k, ratio := range ratios {
		r.log[k] += canary*math.Log(ratio) - (canary+baseline)*math.Log((1+weight*null*ratio)/(1+weight*null))
	}
}

// LogE returns ln E after all intervals so far. Dispersion >= 1 is by how much
// the canary's share of the events varies beyond the binomial, 1 for
// independent events; it tempers each likelihood ratio.
func (r *RateRatio) LogE(dispersion float64) float64 {
	if !(dispersion >= 1) {
		return math.NaN()
	}
	tempered := r.log
	for k := range tempered {
		tempered[k] /= dispersion
	}
	return LogMean(tempered[:])
}

func (r *RateRatio) null() float64 {
	if r.Null == 0 {
		return 1
	}
	return r.Null
}

// LogMean returns the log of the mean of e-values given by their logs. The mean
// is an e-value whatever the dependence between them, and essentially the only
// way to merge them of which that holds (Vovk, Wang 2021). NaN for none.
func LogMean(logE []float64) float64 {
	if len(logE) == 0 {
		return math.NaN()
	}
	most := math.Inf(-1)
	for _, v := range logE {
		most = max(most, v)
	}
	if math.IsInf(most, 0) {
		return most
	}
	sum := 0.0
	for _, v := range logE {
		sum += math.Exp(v - most)
	}
	return most + math.Log(sum/float64(len(logE)))
}

// P returns the p value of an e-value given by its log: min(1, 1/E). The
// smallest over time is a p value too, valid whenever one stops (Ville 1939).
func P(logE float64) float64 { return math.Exp(min(0, -logE)) }
