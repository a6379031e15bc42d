package plan

import "math"

const (
	// leastPairs and leastEffective are below what package paired judges nothing.
	leastPairs, leastEffective = 10, 5
	// efficiency is that of Huber's location for normal noise, which costs the
	// judge 5 % of the points.
	efficiency = 0.95
	// judgedRho and judgedRhoLong are the largest autocorrelations that the judge
	// believes in, the latter with a history of at least longHistory.
	judgedRho, judgedRhoLong, longHistory = 0.95, 0.97, 240
	// parts of the distributions of estimates that are summed over: twice as
	// many change the power by less than 0.003.
	estimateParts = 12
	// spread of a distribution on either side of its middle, in standard
	// deviations, beyond which nothing matters.
	spread = 3.5
)

// levelPower returns the probability that n intervals FAIL a rise by log (a
// logarithm) if the interval is taken at level 1-alpha and must exclude a rise by
// margin (a logarithm).
func (s Signal) levelPower(n int, log, margin, alpha float64) float64 {
	if n < leastPairs {
		return 0
	}
	points, past := float64(n), float64(s.History)
	if s.History < leastHistory {
		past = 0
	}
	offset := past > 0 && !s.Randomized
	f := inflation(s.Rho, points)
	sigma := s.Noise / math.Sqrt(efficiency)
	variance, pastInflation := f/points, 0.0
	if past > 0 {
		pastInflation = inflation(s.Rho, past)
	}
	if offset {
		variance += pastInflation / past
	}
	se := sigma * math.Sqrt(variance)

	total := 0.0
	for _, rho := range s.rhoNodes(points, past) {
		g := inflation(rho.value, points)
		effective := points / g
		if effective < leastEffective {
			continue
		}
		nu := effective - 1
		estimated := g / points
		if past > 0 {
			h := inflation(rho.value, past)
			nu += past / h
			if offset {
				estimated += h / past
				nu--
			}
		}
		q := studentQuantile(alpha, max(nu, 1))
		// What the judge makes of the sample variance, in expectation.
		bias := (points - f) / max(points-g, 1)
		for _, scale := range varianceNodes(points/f-1, past/max(pastInflation, 1)-1) {
			reach := q * sigma * math.Sqrt(scale.value*bias*estimated)
			total += rho.weight * scale.weight * normal((log-margin-reach)/se)
		}
	}
	if offset {
		total = min(total, s.unseen(log, f/points, pastInflation/past))
	}
	return total
}

// rhoNodes is the distribution of the autocorrelation that the judge works
// with: the larger one of window and history, each estimated with a standard
// error of sqrt((1-rho^2)/n), and never below 0.
func (s Signal) rhoNodes(points, past float64) []node {
	sd := func(n float64) float64 { return math.Sqrt((1-s.Rho*s.Rho)/n) / (1 - 3/n) }
	most := judgedRho
	if past >= longHistory {
		most = judgedRhoLong
	}
	now := sd(points)
	widest := now
	if past > 0 {
		widest = max(widest, sd(past))
	}
	out := nodes(estimateParts, s.Rho-spread*widest, s.Rho+spread*widest, func(x float64) float64 {
		p := normal((x - s.Rho) / now)
		if past > 0 {
			p *= normal((x - s.Rho) / sd(past))
		}
		return p
	})
	for i := range out {
		out[i].value = min(max(out[i].value, 0), most)
	}
	return out
}

// varianceNodes is the distribution of the estimated variance over the true one:
// the larger of window and history.
func varianceNodes(nu, nuPast float64) []node {
	nu = max(nu, 1)
	width := spread * math.Sqrt(2/nu)
	if nuPast > 1 {
		width = max(width, spread*math.Sqrt(2/nuPast))
	}
	return nodes(estimateParts, max(1-width, 0), 1+width, func(x float64) float64 {
		p := chiSquaredCDF(x, nu)
		if nuPast > 1 {
			p *= chiSquaredCDF(x, nuPast)
		}
		return p
	})
}

// unseen returns the probability that the rise exceeds what the history has
// seen: the judge takes back a FAIL if the arms were as far apart in a third of
// it, or half the range of the thirds further.
//
// The medians of the thirds have a standard deviation of sqrt(pi/2) times that
// of their means. For three normal numbers the largest plus half the range
// lies 0.846 + 1.693/2 standard deviations above their mean, with a standard
// deviation of about 1.1 (David, Nagaraja, Order Statistics 2003, 3.2).
func (s Signal) unseen(log, window, past float64) float64 {
	third := s.Noise * math.Sqrt(math.Pi/2*3*past)
	return normal((log - 1.693*third) / math.Hypot(s.Noise*math.Sqrt(window), 1.1*third))
}
