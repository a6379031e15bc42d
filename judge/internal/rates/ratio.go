package rates

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// share returns the probability that an event of the window is one of the
// canary's if its rate is e^logRatio times the baseline's: the mean over all
// events of w r/(1+w r).
//
// Given the events N_t of both arms in interval t, the canary's are binomial
// with that probability whatever the common intensity was: bursts that hit
// both arms cancel (Przyborowski, Wilenski 1940; statistics.md 2.3).
//
// slope is the derivative of logit(share) by logRatio, in (0, 1].
func (d Data) share(logRatio float64) (p, slope float64) {
	r := math.Exp(logRatio)
	var sum, variance float64
	for t, w := range d.weight {
		n := d.Baseline.events[t] + d.Canary.events[t]
		if n == 0 {
			continue
		}
		q := w * r / (1 + w*r)
		sum += n * q
		variance += n * q * (1 - q)
	}
	n := d.Events()
	p = sum / n
	return p, variance / n / (p * (1 - p))
}

// ratioAt returns the rate ratio at which the canary's share of the events is
// p: the inverse of share.
func (d Data) ratioAt(p float64) float64 {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return math.Inf(1)
	}
	target := math.Log(p / (1 - p))
	// The ratio lies where one of the weights alone would put it.
	low, high := math.Inf(1), math.Inf(-1)
	for _, w := range d.weight {
		low, high = min(low, target-math.Log(w)), max(high, target-math.Log(w))
	}
	// With equal weights logit(share) is a straight line and the first step
	// of Newton's is exact. Unequal ones bend it; a step that leaves the
	// bracket is replaced by halving.
	x := min(max(target-math.Log(d.Canary.Exposure/d.Baseline.Exposure), low), high)
	for range 100 {
		q, slope := d.share(x)
		miss := target - math.Log(q/(1-q))
		if miss > 0 {
			low = x
		} else {
			high = x
		}
		next := x + miss/slope
		if !(next >= low && next <= high) {
			next = low + (high-low)/2
		}
		done := math.Abs(next-x) <= 1e-12*(1+math.Abs(x))
		x = next
		if done {
			break
		}
	}
	return math.Exp(x)
}

// Ratio returns the maximum likelihood estimate of the rate ratio.
func (d Data) Ratio() float64 { return d.ratioAt(d.Canary.Events / d.Events()) }

// Interval returns the interval of the rate ratio at level 1-alpha: the
// ratios that Tail rejects at alpha/2 in neither direction.
func (d Data) Interval(phi, alpha float64) (low, high float64) {
	if d.Events() == 0 {
		return 0, math.Inf(1)
	}
	low, high = stat.ClopperPearson(d.Canary.Events/phi, d.Baseline.Events/phi, alpha)
	return d.ratioAt(low), d.ratioAt(high)
}

// Tails returns the probabilities of so many canary events or more (above) and
// of so few or less (below) if the rate ratio is ratio.
//
// The canary's events are a sum of binomials of unequal probability where the
// weights are unequal. The binomial with the mean probability has heavier
// tails beyond its mean (Hoeffding 1956), so it stands in for them: exact for
// equal weights, on the safe side for others. Dividing the counts by phi
// tempers it for events that come in bursts of phi.
func (d Data) Tails(ratio, phi float64) (above, below float64) {
	if d.Events() == 0 {
		return 1, 1
	}
	p := 0.0
	switch {
	case ratio <= 0:
	case math.IsInf(ratio, 1):
		p = 1
	default:
		p, _ = d.share(math.Log(ratio))
	}
	c, b := d.Canary.Events/phi, d.Baseline.Events/phi
	return stat.BinomialTail(c, b, p), stat.BinomialTail(b, c, 1-p)
}

// Dispersion returns by how much the canary's share of the events varies from
// interval to interval beyond what independent events explain, with the
// variance inflation of its autocorrelation: Pearson's statistic over its
// degrees of freedom (McCullagh, Nelder 1989, 4.5), 1 for independent events.
// It may be below 1. df are the degrees of freedom of the estimate.
//
// Events that all fall into one interval cannot be told from a single burst
// and disperse by their number.
func (d Data) Dispersion() (phi, df float64) {
	n := d.Events()
	if n == 0 {
		return 1, math.Inf(1)
	}
	ratio := d.ratioAt((d.Canary.Events + 0.5) / (n + 1))
	residuals := make([]float64, d.Len())
	var squares, variance, variance2 float64
	for t, w := range d.weight {
		events := d.Baseline.events[t] + d.Canary.events[t]
		p := w * ratio / (1 + w*ratio)
		v := events * p * (1 - p)
		residuals[t] = d.Canary.events[t] - events*p
		squares += residuals[t] * residuals[t]
		variance += v
		variance2 += v * v
	}
	// The fitted ratio takes up the share of one average interval.
	free := variance - variance2/variance
	if !(free > 1e-9*variance) {
		return n, math.Inf(1)
	}
	rho := stat.NewSeries(residuals).Rho(0.95)
	f := stat.Inflation(rho, d.Len())
	// Kish's effective number: few busy intervals tell as little as few
	// intervals.
	intervals := variance * variance / variance2
	return squares / free * f, max(intervals/f-1, 1)
}
