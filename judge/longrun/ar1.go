package longrun

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// maxRho keeps an autocorrelation away from 1, where the variance of the mean
// has no bound (docs/statistics.md).
const maxRho = 0.95

// AR1 estimates by a first-order autoregression. The sample autocorrelation of
// neighbours is freed of its bias and held between 0 and 0.95; the variance of
// a point is freed of the bias that autocorrelation gives it; the variance of
// the mean of n points, not its limit, is what StdErr is the root of. DF is the
// effective number of points minus 1.
func AR1(x []float64) Estimate {
	n := len(x)
	if n < 2 {
		return undefined(n)
	}
	s := stat.NewSeries(x)
	if math.IsNaN(s.Variance) || math.IsInf(s.Variance, 0) {
		return undefined(n)
	}
	rho := s.Rho(maxRho)
	inflation := stat.Inflation(rho, n)
	e := newEstimate(s, s.PointVariance(rho)*inflation, 0)
	e.EffectiveN = float64(n) / inflation
	e.DF = max(e.EffectiveN-1, 1)
	return e
}
