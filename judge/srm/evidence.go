package srm

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// evidence is what two arms' requests say of the rate ratio: the canary's
// requests per unit of weight over the baseline's. Counts are divided by the
// dispersion.
type evidence struct {
	// strata are the intervals of equal weights, summed.
	strata []stratum
	// logMixture is the numerator of the e-value.
	logMixture float64
	// phi is the dispersion.
	phi float64
	// estimate is the logarithm of the rate ratio that fits best.
	estimate float64
}

// stratum is the requests that came while the canary's weight was weight times
// the baseline's.
type stratum struct {
	weight, logWeight, canary, baseline float64
}

// weigh sums up the intervals of p that have data and weight on both sides.
//
// The mixture's numerator may be any probability of the canary's requests that
// was fixed before they came. So intervals of like weights share a mixture around
// the first of them: with one for every weight, none would ever learn.
func weigh(p judge.Pair, phi, k float64) evidence {
	type mixture struct{ prior, counts [2]float64 }
	e := evidence{phi: phi}
	var mixtures []mixture
	strata, alike := map[float64]int{}, map[int]int{}
	i, m, last := -1, -1, math.NaN()
	for t := range p.Baseline.Values {
		w := relativeWeight(p, t)
		if !(w > 0) {
			continue
		}
		if w != last {
			last = w
			i = indexOf(strata, w)
			if i == len(e.strata) {
				e.strata = append(e.strata, stratum{weight: w, logWeight: math.Log(w)})
			}
			m = indexOf(alike, step(w))
			if m == len(mixtures) {
				share := min(max(w/(1+w), leastShare), 1-leastShare)
				mixtures = append(mixtures, mixture{prior: [2]float64{k * share, k * (1 - share)}})
			}
		}
		c, b := p.Canary.Values[t]/phi, p.Baseline.Values[t]/phi
		e.strata[i].canary += c
		e.strata[i].baseline += b
		mixtures[m].counts[0] += c
		mixtures[m].counts[1] += b
	}
	for _, m := range mixtures {
		e.logMixture += logMixture(m.counts[:], m.prior[:])
	}
	return e
}

// relativeWeight returns the canary's weight in interval t over the baseline's,
// NaN where one has no data or no weight.
func relativeWeight(p judge.Pair, t int) float64 {
	switch {
	case !p.Baseline.Has(t) || !p.Canary.Has(t):
		return math.NaN()
	case p.Baseline.Totals == nil:
		return 1
	case p.Baseline.Totals[t] == 0 || p.Canary.Totals[t] == 0:
		return math.NaN()
	}
	return p.Canary.Totals[t] / p.Baseline.Totals[t]
}

// step puts weights into bins within a factor sqrt(2) of each other.
func step(weight float64) int { return int(math.Round(2 * math.Log2(weight))) }

// indexOf returns the number of key in m, a new one if it is not there.
func indexOf[K comparable](m map[K]int, key K) int {
	i, known := m[key]
	if !known {
		i = len(m)
		m[key] = i
	}
	return i
}

// logEValue returns the logarithm of the evidence against a rate ratio of
// e^logRatio. It is convex in logRatio.
func (e evidence) logEValue(logRatio float64) float64 {
	result := e.logMixture
	for _, s := range e.strata {
		// -ln p and -ln(1-p) of the canary's share p, without overflow.
		x := s.logWeight + logRatio
		result += s.canary*softplus(-x) + s.baseline*softplus(x)
	}
	return result
}

// slope returns the derivative of logEValue.
func (e evidence) slope(logRatio float64) float64 {
	result := 0.0
	for _, s := range e.strata {
		p := 1 / (1 + math.Exp(-s.logWeight-logRatio))
		result += s.baseline*p - s.canary*(1-p)
	}
	return result
}

// softplus returns ln(1+e^x).
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

// unlimited is a logarithm of a ratio that stands for infinity.
const unlimited = 1500

// fit sets estimate, the logarithm of the ratio that fits best, which may be
// infinite. If even that one is unlikely, because the share does not follow the
// weights, all evidence is lowered by as much: what no ratio explains says
// nothing about which it is, and less evidence is safe.
func (e *evidence) fit(estimate float64) {
	e.estimate = min(max(estimate, -unlimited), unlimited)
	e.logMixture -= max(0, e.logEValue(e.estimate))
}

// interval returns the logarithms of the rate ratios that are not rejected at
// alpha.
func (e evidence) interval(alpha float64) (low, high float64) {
	limit := -math.Log(alpha)
	return e.end(-1, limit), e.end(+1, limit)
}

// end returns where the evidence reaches limit, from the estimate in the given
// direction.
func (e evidence) end(direction, limit float64) float64 {
	var x float64
	for step := 1.0 / 64; ; step *= 2 {
		x = e.estimate + direction*step
		if math.Abs(x) > unlimited {
			return math.Inf(int(direction))
		}
		if e.logEValue(x) >= limit {
			break
		}
	}
	// Newton steps on a convex function come from the outside and stay there.
	for range 60 {
		step := (e.logEValue(x) - limit) / e.slope(x)
		next := x - step
		// Not past the estimate, where rounding may put a slope of nearly 0.
		if !((next-e.estimate)*direction >= 0) {
			next = e.estimate
		}
		x = next
		if math.Abs(step) <= 1e-14*(1+math.Abs(x)) {
			break
		}
	}
	return x
}

// requests returns the sums over all strata, and the share of the requests that
// was expected to be the canary's.
func (e evidence) requests() (canary, baseline, expected float64) {
	for _, s := range e.strata {
		canary += s.canary * e.phi
		baseline += s.baseline * e.phi
		expected += (s.canary + s.baseline) * e.phi * (s.weight / (1 + s.weight))
	}
	return canary, baseline, expected / (canary + baseline)
}
