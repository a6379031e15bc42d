package anomaly

import (
	"math"
	"math/bits"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// shortestSeason is the shortest that is looked for; below it a season is
	// hardly told from noise that alternates.
	shortestSeason = 6
	// seasonsToDetect is how often a season must have been seen to be found; one
	// that is given needs two.
	seasonsToDetect = 3
	// leastPeriodicity is the least autocorrelation that a season must have: it
	// then explains about as much of the variance.
	leastPeriodicity = 0.3
	// asPeriodic is the part of the highest peak at which a shorter season is
	// taken for it: its multiples are as high but for noise.
	asPeriodic = 0.9
	// outlier is where points are clipped for detection, in robust standard
	// deviations.
	outlier = 3
	// mostForSeason bounds the points that are looked at, the latest ones: 12
	// weeks of minutes.
	mostForSeason = 120_000
)

// DetectSeason returns the length of the season in x, in intervals, 0 if there
// is none: the shortest lag of 6 to len(x)/3 whose autocorrelation is a peak,
// at least 0.3, significant beside the noise of the autocorrelation
// (Bartlett 1946, at 3 standard errors) and not much below that of the
// highest. NaN marks an interval without data. A linear trend is taken off and
// outliers are clipped. It costs O(n log n).
func DetectSeason(x []float64) int {
	if len(x) > mostForSeason {
		x = x[len(x)-mostForSeason:]
	}
	r := autocorrelation(x)
	longest := len(x) / seasonsToDetect
	if len(r) <= longest || longest < shortestSeason {
		return 0
	}
	// Neighbours are alike in any smooth series; a season is what comes back.
	lag := 1
	for lag < longest && r[lag] > 0 && r[lag] >= r[lag+1] {
		lag++
	}
	// Bartlett: the variance of r(lag) where nothing is left of the
	// autocorrelation is (1 + 2 sum of squares)/n.
	squares := 0.0
	for k := 1; k < lag; k++ {
		squares += r[k] * r[k]
	}
	least := max(leastPeriodicity, 3*math.Sqrt((1+2*squares)/float64(len(x))))
	highest := 0.0
	for k := max(lag, shortestSeason); k <= longest; k++ {
		if peak(r, k) {
			highest = max(highest, r[k])
		}
	}
	if highest < least {
		return 0
	}
	for k := max(lag, shortestSeason); k <= longest; k++ {
		if peak(r, k) && r[k] >= asPeriodic*highest {
			// The summit of a peak may be a bump or two further.
			return summit(r, k, longest)
		}
	}
	return 0
}

func peak(r []float64, k int) bool { return k+1 < len(r) && r[k] >= r[k-1] && r[k] >= r[k+1] }

// summit returns the highest lag from k to an eighth more: the top of a sine's
// autocorrelation stays above asPeriodic for a seventh of its length, and noise
// makes bumps on it.
func summit(r []float64, k, longest int) int {
	best := k
	for i := k; i <= min(k+k/8, longest); i++ {
		if r[i] > r[best] {
			best = i
		}
	}
	return best
}

// autocorrelation returns that of x by lag, after trend and outliers. Each
// lag's is the mean over the pairs that there are.
func autocorrelation(x []float64) []float64 {
	values, index := observed(x)
	if len(values) < seasonsToDetect*shortestSeason {
		return nil
	}
	line := robustLine(values, index)
	residuals := make([]float64, len(values))
	for i, v := range values {
		residuals[i] = v - line.at(float64(index[i]))
	}
	spread := stat.MADScale * stat.MAD(append([]float64(nil), residuals...), 0)
	if spread == 0 {
		spread = stat.Describe(residuals).Std
	}
	if !(spread > 0) || math.IsInf(spread, 0) {
		return nil
	}
	n := len(x)
	// Zeros behind the series keep its end from touching its start.
	size := 1 << bits.Len(uint(2*n-1))
	buffer := make([]float64, 2*size)
	series, mask := buffer[:size], buffer[size:]
	mean := 0.0
	for i := range residuals {
		residuals[i] = min(max(residuals[i]/spread, -outlier), outlier)
		mean += residuals[i] / float64(len(residuals))
	}
	for i, v := range residuals {
		series[index[i]], mask[index[i]] = v-mean, 1
	}
	fft := fourier.NewFFT(size)
	products, pairs := power(fft, series), power(fft, mask)
	r := products[:n]
	variance := products[0] / pairs[0]
	if !(variance > 0) {
		return nil
	}
	for lag := range r {
		// A lag with few pairs would be noise; divided by more it fades.
		r[lag] /= max(pairs[lag], float64(len(values))/4) * variance
	}
	return r
}

// power replaces x by its circular products at every lag.
func power(fft *fourier.FFT, x []float64) []float64 {
	c := fft.Coefficients(nil, x)
	for i, v := range c {
		c[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	fft.Sequence(x, c)
	for i := range x {
		x[i] /= float64(len(x))
	}
	return x
}
