package stat

import "math"

const (
	// HuberK is Huber's tuning constant: 95 % efficiency for normal data.
	// Huber, Ronchetti, Robust Statistics (2009), section 4.
	HuberK = 1.345
	// huberRounds bounds the iteration; Newton steps on a piecewise linear
	// equation end after a handful.
	huberRounds = 50
	// huberMinCore is the least share of points taken to lie within k scales,
	// so that a step stays finite for strongly bimodal data
	// (docs/statistics.md).
	huberMinCore = 0.3
)

// Huber returns Huber's robust location of x with the scale held at
// MADScale * MAD, and writes to pseudo one pseudo-value a point whose mean is
// that location. Judging the pseudo-values by their mean and variance is
// judging the robust location: a point far out counts as one k scales away
// (the influence function of the M-estimator; Huber, Ronchetti, section 6).
//
// Where the MAD is not above floor, the standard deviation stands in for it,
// and where that is not either, pseudo is x itself. pseudo must be as long as
// x; scratch is reordered and must be as long too.
func Huber(x, pseudo, scratch []float64, floor float64) float64 {
	copy(scratch, x)
	mu := Median(scratch)
	scale := MADScale * MAD(scratch, mu)
	if !(scale > floor) {
		m := Describe(x)
		if !(m.Std > floor) {
			copy(pseudo, x)
			return m.Mean
		}
		mu, scale = m.Mean, m.Std
	}
	n := float64(len(x))
	core := 0.0
	for range huberRounds {
		sum, within := 0.0, 0
		for _, v := range x {
			z := (v - mu) / scale
			within += 1 - less(HuberK, math.Abs(z))
			sum += min(max(z, -HuberK), HuberK)
		}
		core = max(float64(within)/n, huberMinCore)
		step := scale * sum / n / core
		mu += step
		if math.Abs(step) <= 1e-13*scale {
			break
		}
	}
	for i, v := range x {
		z := min(max((v-mu)/scale, -HuberK), HuberK)
		pseudo[i] = mu + scale*z/core
	}
	return mu
}
