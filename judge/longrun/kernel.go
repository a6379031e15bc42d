package longrun

import (
	"math"
)

// maxPrewhitening keeps the autoregression of prewhitening from dividing by
// nothing (Andrews, Monahan 1992, section 3).
const maxPrewhitening = 0.97

// NeweyWest estimates by Bartlett's kernel with the given number of lags,
// without prewhitening and without a correction for small samples, as R's
// sandwich::NeweyWest(lag = lag, prewhite = FALSE). DF is +Inf. It costs
// O(n lag). A negative lag gives NaN; more than n-1 are n-1.
func NeweyWest(x []float64, lag int) Estimate {
	n := len(x)
	s, d, ok := describe(x, 2)
	if !ok || lag < 0 {
		return undefined(n)
	}
	return newEstimate(s, kernelSum(d, bartlett(min(lag, n-1)))/float64(n), math.Inf(1))
}

// NeweyWestAuto is NeweyWest after prewhitening by a first-order
// autoregression, with the number of lags that Newey and West (1994) choose
// from the data, as R's sandwich::NeweyWest does by default.
func NeweyWestAuto(x []float64) Estimate {
	n := len(x)
	s, d, ok := describe(x, 4)
	if !ok {
		return undefined(n)
	}
	e, recolor := prewhiten(d)

	// The plug-in bandwidth, from the first few autocovariances.
	few := min(int(3*math.Pow(float64(n)/100, 2.0/9)), len(e)-1)
	s0, s1 := autocovariance(e, 0), 0.0
	for j := 1; j <= few; j++ {
		c := 2 * autocovariance(e, j)
		s0 += c
		s1 += float64(j) * c
	}
	lag := 0
	if s0 != 0 {
		lag = int(min(1.1447*math.Cbrt(s1/s0*(s1/s0)*float64(n)), float64(len(e)-1)))
	}
	return newEstimate(s, recolor*kernelSum(e, bartlett(lag))/float64(n), math.Inf(1))
}

// QuadraticSpectral estimates by the quadratic-spectral kernel after
// prewhitening by a first-order autoregression, with the bandwidth that Andrews
// (1991) derives from a second one, and n/(n-1) for the mean, as R's
// sandwich::kernHAC does by default. DF is +Inf. It costs O(n^2).
func QuadraticSpectral(x []float64) Estimate {
	n := len(x)
	s, d, ok := describe(x, 4)
	if !ok {
		return undefined(n)
	}
	e, recolor := prewhiten(d)

	// A regression with an intercept, of all but the first on all but the last.
	before, after := e[:len(e)-1], e[1:]
	rho := slope(centered(before, mean(before)), centered(after, mean(after)))
	bandwidth := 0.0
	if rho != 1 { // else there is no bandwidth
		a := 4 * rho * rho / math.Pow(1-rho, 4)
		bandwidth = 1.3221 * math.Pow(float64(len(e))*a, 0.2)
	}
	sum := kernelSum(e, quadraticSpectral(bandwidth, len(e)-1))
	return newEstimate(s, recolor*sum/float64(n-1), math.Inf(1))
}

// prewhiten returns the residuals of a regression of d on the value before,
// without an intercept, and the factor from their long-run variance to that of
// d.
func prewhiten(d []float64) (residuals []float64, recolor float64) {
	a := min(max(slope(d[:len(d)-1], d[1:]), -maxPrewhitening), maxPrewhitening)
	residuals = make([]float64, len(d)-1)
	for i := range residuals {
		residuals[i] = d[i+1] - a*d[i]
	}
	return residuals, 1 / ((1 - a) * (1 - a))
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// slope returns the regression of y on x through the origin, 0 if x is.
func slope(x, y []float64) float64 {
	var xy, xx float64
	for i, v := range x {
		xy += v * y[i]
		xx += v * v
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

func autocovariance(d []float64, lag int) float64 {
	sum := 0.0
	for i, v := range d[lag:] {
		sum += v * d[i]
	}
	return sum
}

// kernelSum returns the weighted sum of the products of d at all lags that
// have a weight, on both sides.
func kernelSum(d, weights []float64) float64 {
	sum := autocovariance(d, 0) * weights[0]
	for j, w := range weights[1:] {
		sum += 2 * w * autocovariance(d, j+1)
	}
	return max(sum, 0)
}

// bartlett returns the weights of lags 0 to lag.
func bartlett(lag int) []float64 {
	w := make([]float64, lag+1)
	for j := range w {
		w[j] = 1 - float64(j)/float64(lag+1)
	}
	return w
}

// leastWeight ends a kernel without end, as sandwich::weightsAndrews does.
const leastWeight = 1e-7

// quadraticSpectral returns the weights of lags 0 to at most most.
func quadraticSpectral(bandwidth float64, most int) []float64 {
	w := make([]float64, 1, most+1)
	w[0] = 1
	if bandwidth == 0 {
		return w
	}
	end := 1
	for j := 1; j <= most; j++ {
		y := 6 * math.Pi * float64(j) / bandwidth / 5
		sin, cos := math.Sincos(y)
		v := 3 / (y * y) * (sin/y - cos)
		w = append(w, v)
		if math.Abs(v) > leastWeight {
			end = j + 1
		}
	}
	return w[:end]
}
