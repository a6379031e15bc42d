package longrun

import "math"

// ewcTerms is the factor of the number of cosines, nu = 0.4 n^(2/3), which
// balances size and power (Lazarus et al. 2018).
const ewcTerms = 0.4

// EWC estimates by the equal-weighted cosine transform: the mean square of the
// projections of the series on its nu slowest cosines, each of which is one
// nearly independent look at the long-run variance. DF is nu = 0.4 n^(2/3),
// rounded (Lazarus, Lewis, Stock, Watson 2018). It costs O(n^(5/3)).
func EWC(x []float64) Estimate {
	n := len(x)
	s, d, ok := describe(x, 2)
	if !ok {
		return undefined(n)
	}
	nu := min(max(int(math.Round(ewcTerms*math.Pow(float64(n), 2.0/3))), 1), n-1)
	sum := 0.0
	for j := 1; j <= nu; j++ {
		// cos(j pi (t-1/2)/n) for t = 1..n by rotation, which costs a thousandth
		// of the cosines and loses n rounding errors.
		sin, cos := math.Sincos(math.Pi * float64(j) / float64(n))
		im, re := math.Sincos(math.Pi * float64(j) / float64(2*n))
		projection := 0.0
		for _, v := range d {
			projection += v * re
			re, im = re*cos-im*sin, im*cos+re*sin
		}
		sum += projection * projection
	}
	return newEstimate(s, 2*sum/float64(n)/float64(nu), float64(nu))
}
