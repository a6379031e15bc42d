package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

const (
	// Geometric epochs and the exponent that spreads alpha over them, as
	// recommended by Howard et al. (2021), section 3.1.
	epochGrowth   = 2
	epochExponent = 1.4
)

var (
	stitchK1 = (math.Pow(epochGrowth, 0.25) + math.Pow(epochGrowth, -0.25)) / math.Sqrt2
	stitchK2 = (math.Sqrt(epochGrowth) + 1) / 2
	zeta     = mathext.Zeta(epochExponent, 1)
)

// PolyStitching returns the bound that a sub-gamma sum of scale c exceeds at
// no intrinsic time v >= vMin with probability 1-alpha: of the order of the
// law of the iterated logarithm, in closed form (Howard et al. 2021, theorem
// 1). c = 0 is sub-Gaussian; c may be negative. Earlier times have the bound
// of vMin.
func PolyStitching(v, alpha, vMin, c float64) float64 {
	if !(alpha > 0 && alpha < 1 && vMin > 0) {
		return math.NaN()
	}
	v = max(v, vMin)
	l := epochExponent*math.Log(math.Log(epochGrowth*v/vMin)) +
		math.Log(zeta/(alpha*math.Pow(math.Log(epochGrowth), epochExponent)))
	return stitch(v, c, l)
}

func stitch(v, c, l float64) float64 {
	linear := stitchK2 * c * l
	return math.Sqrt(stitchK1*stitchK1*v*l+linear*linear) + linear
}

// DoubleStitching returns by how many observations the count below the true
// p-quantile may exceed t p at any t and any p at once, with probability
// 1-alpha, tightest near tightest >= 1 observations (Howard, Ramdas 2022,
// theorem 3).
func DoubleStitching(p, t, alpha, tightest float64) float64 {
	if !(p > 0 && p < 1 && t >= 0 && alpha > 0 && alpha < 1 && tightest >= 1) {
		return math.NaN()
	}
	// delta spaces the grid of quantiles that is stitched, in logits.
	const delta = 0.5
	t = max(t, tightest)
	logit := math.Log(p / (1 - p))
	r := p
	if p < 0.5 {
		r = min(0.5, 1/(1+math.Exp(-logit-2*delta*math.Sqrt(tightest*epochGrowth/t))))
	}
	variance := r * (1 - r)
	j := math.Sqrt(t/tightest)*math.Abs(logit)/(2*delta) + 1
	l := epochExponent*(math.Log(math.Log(epochGrowth*t/tightest))+math.Log(j)) +
		math.Log(2*zeta*(2*zeta+1)/(alpha*math.Pow(math.Log(epochGrowth), epochExponent)))
	return delta*math.Sqrt(epochGrowth*t*variance/tightest) + stitch(variance*t, (1-2*p)/3, l)
}
