package stat

import "math"

// Series is what the mean of an autocorrelated series needs to know of it.
type Series struct {
	N int
	// Mean and Variance (divided by N-1) of the points.
	Mean, Variance float64
	// Lag1 is the sample autocorrelation of neighbours, 0 for a constant.
	Lag1 float64
	// trend: a straight line was taken out, not only the mean.
	trend bool
}

// NewSeries measures x, oldest first.
func NewSeries(x []float64) Series {
	n := len(x)
	if n == 0 {
		return Series{Mean: math.NaN(), Variance: math.NaN()}
	}
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(n)
	var squares, products, last float64
	for _, v := range x {
		d := v - mean
		squares += d * d
		products += d * last
		last = d
	}
	s := Series{N: n, Mean: mean}
	if n > 1 {
		s.Variance = squares / float64(n-1)
	}
	if squares > 0 {
		s.Lag1 = products / squares
	}
	return s
}

// ClippedSeries is NewSeries, or with trend NewTrendSeries, of the numbers
// scale*clip((x-center)/scale, most) + center, whose mean is center: Huber's
// pseudo-values without their common factor. It writes what it clips to buffer,
// which must be as long as x if there is a trend to take out.
func ClippedSeries(x []float64, center, scale, most float64, trend bool, buffer []float64) Series {
	n := len(x)
	s := Series{N: n, Mean: center, trend: trend && n >= 3}
	inverse := 1 / scale
	var squares, products, last float64
	if !s.trend {
		for _, v := range x {
			z := min(max((v-center)*inverse, -most), most)
			squares += z * z
			products += z * last
			last = z
		}
		s.Variance = squares * scale * scale / float64(max(n-1, 1))
	} else {
		middle := float64(n-1) / 2
		slope := 0.0
		for i, v := range x {
			z := min(max((v-center)*inverse, -most), most)
			buffer[i] = z
			slope += z * (float64(i) - middle)
		}
		slope /= float64(n) * (float64(n)*float64(n) - 1) / 12
		line := -slope * middle
		for _, z := range buffer[:n] {
			d := z - line
			line += slope
			squares += d * d
			products += d * last
			last = d
		}
		s.Variance = squares * scale * scale / float64(n-2)
	}
	if squares > 0 {
		s.Lag1 = products / squares
	}
	return s
}

// NewTrendSeries measures what x, oldest first, is beside a straight line, so
// that a change that grows does not pass for noise. Mean is the mean of x.
func NewTrendSeries(x []float64) Series {
	n := len(x)
	if n < 3 {
		return NewSeries(x)
	}
	middle := float64(n-1) / 2
	var mean, slope float64
	for i, v := range x {
		mean += v
		slope += v * (float64(i) - middle)
	}
	mean /= float64(n)
	// The sum of (i - middle)^2.
	slope /= float64(n) * (float64(n)*float64(n) - 1) / 12
	var squares, products, last float64
	for i, v := range x {
		d := v - mean - slope*(float64(i)-middle)
		squares += d * d
		products += d * last
		last = d
	}
	s := Series{N: n, Mean: mean, Variance: squares / float64(n-2), trend: true}
	if squares > 0 {
		s.Lag1 = products / squares
	}
	return s
}

// Rho estimates the autocorrelation of neighbours without the bias of short
// series, clipped to [0, most]: a negative one would narrow an interval on
// little evidence, and one near 1 leaves nothing to estimate.
//
// The mean of the sample autocorrelation of an AR(1) is about
// rho - (1+3 rho)/n (Marriott, Pope 1954; Kendall 1954), solved for rho; with a
// trend taken out it is about rho - (2+4 rho)/n.
func (s Series) Rho(most float64) float64 {
	n := float64(s.N)
	if n <= 4 {
		return most
	}
	if s.trend {
		return min(max((s.Lag1+2/n)/(1-4/n), 0), most)
	}
	return min(max((s.Lag1+1/n)/(1-3/n), 0), most)
}

// Inflation returns by how much autocorrelation rho inflates the variance of
// the mean of n points of an AR(1) against independent points:
//
//	(1+rho)/(1-rho) - 2 rho (1-rho^n) / (n (1-rho)^2)
//
// (Bayley, Hammersley 1946). The points are worth n/Inflation independent ones.
func Inflation(rho float64, n int) float64 {
	return (1+rho)/(1-rho) - 2*rho*(1-math.Pow(rho, float64(n)))/(float64(n)*(1-rho)*(1-rho))
}

// PointVariance returns the variance of one point. The sample variance of an
// autocorrelated series is too small, because its mean follows the points:
// its expectation is the variance times (n-f)/(n-1), f = Inflation.
func (s Series) PointVariance(rho float64) float64 {
	fitted := 1.0
	if s.trend {
		fitted = 2
	}
	n := float64(s.N) - fitted + 1
	return s.Variance * (n - 1) / max(n-Inflation(rho, s.N), 1)
}
