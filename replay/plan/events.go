package plan

import "math"

const (
	// leastIntervals is below what packages counts and ratio decide nothing.
	leastIntervals = 5
	// Parts of the distributions of the number of events and of the estimated
	// dispersion that are summed over; twice as many change the power by less
	// than 0.005.
	countParts, dispersionParts = 9, 6
	// mostEvidence is how many events an interval may rest on.
	mostEvidence = 1e7
)

// EventsNeeded returns the number of events of both sides together at which the
// exact one-sided binomial test at level alpha finds a rate ratio of 1+change with
// the given power, for a canary with weight times the baseline's exposure: the
// number from which on no larger one has less power. It knows nothing of a
// judge's margins and dispersion. +Inf beyond 1e7.
func EventsNeeded(change, weight, alpha, power float64) float64 {
	healthy, worse := share(0, weight), share(logOf(change), weight)
	enough := func(n float64) bool { return exactPower(n, healthy, worse, alpha) >= power }
	// The power has teeth: the number of trials moves the critical count by whole
	// ones. They are as wide as one more event takes trials.
	tooth := math.Ceil(1 / healthy)
	high := 1.0
	for !enough(high) || !enough(high+tooth) || !enough(high+2*tooth) {
		if high *= 2; high > mostEvidence {
			return math.Inf(1)
		}
	}
	n := high
	for misses := 0.0; n > 1 && misses < 3*tooth; n-- {
		if enough(n - 1) {
			misses = 0
			high = n - 1
		} else {
			misses++
		}
	}
	return high
}

// exactPower is the power of the exact binomial test with n trials.
func exactPower(n, healthy, worse, alpha float64) float64 {
	c := criticalCount(n, healthy, alpha)
	if c > n {
		return 0
	}
	return binomialTail(c, n-c, worse)
}

// WaldEvents returns the expected number of events that the best test needs
// which may stop at any time, is wrong with probability alpha and never misses
// a rate ratio of 1+change (Wald 1945): ln(1/alpha) over the Kullback-Leibler
// divergence of one event. No e-process does better.
func WaldEvents(change, weight, alpha float64) float64 {
	p, q := share(logOf(change), weight), share(0, weight)
	return -math.Log(alpha) / (p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q)))
}

// share is the probability that an event is the canary's if its rate is e^log
// times the baseline's.
func share(log, weight float64) float64 { return 1 / (1 + math.Exp(-log)/weight) }

// eventsPower returns the probability that n intervals FAIL a rise by log (a
// logarithm) if the test is at level alpha on both sides together and must
// exclude a rise by the planner's margin.
func (p *Planner) eventsPower(n int, log, alpha float64) float64 {
	if n < leastIntervals {
		return 0
	}
	limit, worse := share(p.margin, p.weight()), share(log, p.weight())
	mean := float64(n) * p.Events * (1 + p.weight()*math.Exp(log))
	burst := p.dispersion()
	sd := math.Sqrt(mean * burst)
	d := p.dispersed(n, log, alpha)
	burst *= d.noisier
	total := 0.0
	for _, events := range nodes(countParts, max(mean-spread*sd, 0), mean+spread*sd, func(x float64) float64 { return normal((x - mean) / sd) }) {
		count := math.Round(events.value)
		if count < 1 {
			continue
		}
		for _, phi := range d.judged {
			// Beyond this many events nothing but the ratio of the rest matters.
			unit := max(1, count/phi.value/mostEvidence)
			trials := count / phi.value / unit
			c := criticalCount(trials, limit, alpha/2) * phi.value * unit
			if burst == 1 {
				c = math.Ceil(c - 1e-9)
			}
			if c > count {
				continue
			}
			total += events.weight * phi.weight * binomialTail(c/burst/unit, (count-c)/burst/unit, worse)
		}
	}
	return total
}

// criticalCount returns the smallest number of canary events, not rounded unless
// that is exact, out of trials at which the tail under p is at most alpha; more
// than trials if none is.
func criticalCount(trials, p, alpha float64) float64 {
	tail := func(c float64) float64 { return binomialTail(c, trials-c, p) }
	if tail(trials) > alpha {
		return trials + 1
	}
	// A bracket around the normal approximation, then false position on the
	// logarithm of the tail, in the variant of Illinois, which takes some six
	// steps.
	sd := math.Sqrt(trials * p * (1 - p))
	guess := min(trials*p-normalQuantile(alpha)*sd+0.5, trials)
	low, high := max(guess-sd/2-1, 0), min(guess+sd/2+1, trials)
	target := math.Log(alpha)
	miss := func(c float64) float64 { return math.Log(max(tail(c), 1e-300)) - target }
	for low > 0 && miss(low) <= 0 {
		low = max(low-sd-1, 0)
	}
	for high < trials && miss(high) > 0 {
		high = min(high+sd+1, trials)
	}
	whole := trials == math.Floor(trials)
	atLow, atHigh := miss(low), miss(high)
	for range 40 {
		if whole && math.Ceil(low) == math.Ceil(high) || high-low < 1e-3*(1+sd) {
			break
		}
		c := high - atHigh*(high-low)/(atHigh-atLow)
		if !(c > low && c < high) {
			c = low + (high-low)/2
		}
		if at := miss(c); at <= 0 {
			high, atHigh = c, at
			atLow /= 2
		} else {
			low, atLow = c, at
			atHigh /= 2
		}
	}
	if whole {
		// tail falls between whole numbers too; only at them it is a probability.
		c := math.Ceil(low)
		for c < trials && tail(c) > alpha {
			c++
		}
		return c
	}
	return high
}
