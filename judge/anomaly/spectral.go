package anomaly

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Constants of the spectral residual, from the paper's section 5.
const (
	// spectralAverage is how many neighbouring log amplitudes are averaged.
	spectralAverage = 3
	// saliencyAverage is how many points before one its saliency is held
	// against.
	saliencyAverage = 21
	// extraPoints are appended, extrapolated from as many gradients: the method
	// sees a point best that has others on both sides.
	extraPoints = 5
	leastPoints = saliencyAverage + 1
)

// SpectralResidual returns a score of each point of x: how much its saliency
// stands out among the points before it, relative to their mean. Above 3 is the
// paper's alarm. It finds single points and starts that break the series' own
// rhythm, not levels (Ren et al., KDD 2019; the best of the cheap methods for
// points in web services, docs/statistics.md).
//
// Gaps (NaN) are bridged by the last value and have no score, nor do the first
// 21 points. Fewer than 22 points have none at all. It costs O(n log n).
func SpectralResidual(x []float64) []float64 {
	scores := make([]float64, len(x))
	for i := range scores {
		scores[i] = math.NaN()
	}
	values, index := observed(x)
	if len(values) < leastPoints {
		return scores
	}
	first := index[0]
	series := bridge(x[first:], values)
	saliency := saliencyOf(extend(series))
	sum := 0.0
	for i := range series {
		if i >= saliencyAverage {
			mean := sum / saliencyAverage
			if finite(x[first+i]) {
				scores[first+i] = 0
				if mean > 0 {
					scores[first+i] = (saliency[i] - mean) / mean
				}
			}
			sum -= saliency[i-saliencyAverage]
		}
		sum += saliency[i]
	}
	return scores
}

// bridge returns x, which begins with a number, with gaps filled by the last
// value, in units of the largest; values are its numbers.
func bridge(x, values []float64) []float64 {
	m := stat.Describe(values)
	exponent := stat.Exponent(m.Min, m.Max)
	series := make([]float64, len(x), smooth(len(x)+extraPoints))
	last := 0.0
	for i, v := range x {
		if finite(v) {
			last = math.Ldexp(v, -exponent)
		}
		series[i] = last
	}
	return series
}

// extend appends extrapolated points, until the length is one that the Fourier
// transform is fast for.
func extend(x []float64) []float64 {
	n := len(x)
	gradient := 0.0
	for i := 1; i <= extraPoints; i++ {
		gradient += (x[n-1] - x[n-1-i]) / float64(i) / extraPoints
	}
	next := x[n-extraPoints] + gradient*extraPoints
	for range smooth(n+extraPoints) - n {
		x = append(x, next)
	}
	return x
}

// smooth returns the least number from n on without a prime factor above 5: a
// prime would make the transform quadratic.
func smooth(n int) int {
	for ; ; n++ {
		rest := n
		for _, factor := range []int{2, 3, 5} {
			for rest%factor == 0 {
				rest /= factor
			}
		}
		if rest == 1 {
			return n
		}
	}
}

// saliencyOf returns the inverse transform of the spectrum with the amplitudes'
// logarithms less their local average, and the phases as they were.
func saliencyOf(x []float64) []float64 {
	fft := fourier.NewFFT(len(x))
	c := fft.Coefficients(nil, x)
	amplitude, logs := make([]float64, len(c)), make([]float64, len(c))
	most := 0.0
	for i, v := range c {
		amplitude[i] = math.Hypot(real(v), imag(v))
		most = max(most, amplitude[i])
	}
	// Rounding leaves amplitudes of about 1e-16 of the largest.
	floor := max(most*0x1p-46, math.SmallestNonzeroFloat64)
	for i, a := range amplitude {
		logs[i] = math.Log(max(a, floor))
	}
	const reach = spectralAverage / 2
	for i, v := range c {
		average := 0.0
		for k := i - reach; k <= i+reach; k++ {
			// Amplitudes of a real series are even around both ends.
			j := k
			if j < 0 {
				j = -j
			}
			if j >= len(c) {
				j = 2*(len(c)-1) - j
			}
			average += logs[j] / spectralAverage
		}
		c[i] = 0
		if amplitude[i] > floor {
			scale := math.Exp(logs[i]-average) / amplitude[i]
			c[i] = complex(real(v)*scale, imag(v)*scale)
		}
	}
	fft.Sequence(x, c)
	for i := range x {
		x[i] = math.Abs(x[i]) / float64(len(x))
	}
	return x
}
