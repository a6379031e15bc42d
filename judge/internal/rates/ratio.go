package rates

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// share returns the probability that an event of the window is one of the
// canary's if its rate is e^logRatio times the baseline's: the mean over all
// events of w r/(1+w r), w being the weight of the event's interval.
//
// slope is the derivative of logit(share) by logRatio, in (0, 1].
func (d Data) share(logRatio float64) (p, slope float64) {
	r := math.Exp(logRatio)
	if d.least == d.most {
		return odds(d.least * r), 1
	}
	var sum, variance float64
	for t, w := range d.weight {
		n := d.Baseline.events[t] + d.Canary.events[t]
		if n == 0 {
			continue
		}
		q := odds(w * r)
		sum += n * q
		variance += n * q * (1 - q)
	}
	n := d.Events()
	p = min(sum/n, 1) // but for rounding
	return p, variance / n / (p * (1 - p))
}

// odds returns the probability x/(1+x), also for an x that overflowed.
func odds(x float64) float64 { return 1 / (1 + 1/x) }

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
	// The ratio lies where one of the weights alone would put it; equal ones
	// all put it there.
	low, high := target-math.Log(d.most), target-math.Log(d.least)
	if low == high {
		return math.Exp(low)
	}
	// Newton steps; one that leaves the bracket is replaced by halving.
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
	buffer := make([]float64, 2*d.Len())
	residuals, variances := buffer[:d.Len()], buffer[d.Len():]
	var squares, variance float64
	for t, w := range d.weight {
		events := d.Baseline.events[t] + d.Canary.events[t]
		p := odds(w * ratio)
		v := events * p * (1 - p)
		residuals[t] = d.Canary.events[t] - events*p
		squares += residuals[t] * residuals[t]
		variances[t] = v
		variance += v
	}
	// Few busy intervals among idle ones tell as little as few intervals:
	// Kish's effective number of them.
	sum := 0.0
	for _, v := range variances {
		sum += v / variance * (v / variance)
	}
	intervals := 1 / sum
	if !(intervals > 1+1e-9) {
		return n, math.Inf(1)
	}
	// The fitted ratio takes up the share of one interval.
	free := variance * (1 - 1/intervals)
	rho := stat.NewSeries(residuals).Rho(0.95)
	f := stat.Inflation(rho, d.Len())
	return squares / free * f, max(intervals/f-1, 1)
}
