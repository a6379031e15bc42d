package mannwhitney

import "math"

// Stats describe one side after the transforms; all are 0 without data.
type Stats struct {
	Count               int
	Min, Max, Mean, Std float64
	// Median is ours: Kayenta reports none.
	Median float64
}

// summarize returns the statistics of both sides, which hold no NaN: those of
// commons-math3's StatUtils. Sums run in the order given, and both sides' at
// the same time, as each addition has to wait for the one before.
func summarize(x, y []float64, ascendingX, ascendingY []float64) (ofX, ofY Stats) {
	meanX, meanY := means(x, y)
	varianceX, varianceY := variances(x, y, meanX, meanY)
	return describe(x, ascendingX, meanX, varianceX), describe(y, ascendingY, meanY, varianceY)
}

func describe(values, ascending []float64, mean, variance float64) Stats {
	n := len(values)
	if n == 0 {
		return Stats{}
	}
	return Stats{
		Count:  n,
		Min:    lastZero(values, ascending[0]),
		Max:    lastZero(values, ascending[n-1]),
		Mean:   mean,
		Std:    math.Sqrt(variance),
		Median: percentile(ascending, 50),
	}
}

// lastZero returns v, but for a zero the last of values that is one: of 0.0
// and -0.0, StatUtils' extremes are what comes later.
func lastZero(values []float64, v float64) float64 {
	for i := len(values) - 1; v == 0 && i >= 0; i-- {
		if values[i] == 0 {
			return values[i]
		}
	}
	return v
}

// means are the arithmetic means in two passes: sum / n, and then the mean of
// what remains added to it. NaN without values.
func means(x, y []float64) (ofX, ofY float64) {
	n, m := float64(len(x)), float64(len(y))
	sumX, sumY := residuals(x, y, 0, 0)
	firstX, firstY := sumX/n, sumY/m
	restX, restY := residuals(x, y, firstX, firstY)
	return firstX + restX/n, firstY + restY/m
}

// residuals are the sums of x - centerX and of y - centerY.
func residuals(x, y []float64, centerX, centerY float64) (ofX, ofY float64) {
	both := min(len(x), len(y))
	for i, v := range x[:both] {
		ofX += v - centerX
		ofY += y[i] - centerY
	}
	for _, v := range x[both:] {
		ofX += v - centerX
	}
	for _, v := range y[both:] {
		ofY += v - centerY
	}
	return ofX, ofY
}

// variances are the sample variances by the corrected two-pass algorithm
// (Chan, Golub and LeVeque 1983); 0 for one value.
func variances(x, y []float64, meanX, meanY float64) (ofX, ofY float64) {
	var squaresX, squaresY, restX, restY float64
	both := min(len(x), len(y))
	for i, v := range x[:both] {
		dx, dy := v-meanX, y[i]-meanY
		squaresX += float64(dx * dx)
		squaresY += float64(dy * dy)
		restX += dx
		restY += dy
	}
	for _, v := range x[both:] {
		d := v - meanX
		squaresX += float64(d * d)
		restX += d
	}
	for _, v := range y[both:] {
		d := v - meanY
		squaresY += float64(d * d)
		restY += d
	}
	return variance(squaresX, restX, len(x)), variance(squaresY, restY, len(y))
}

func variance(squares, rest float64, count int) float64 {
	if count == 1 {
		return 0
	}
	n := float64(count)
	return (squares - rest*rest/n) / (n - 1)
}

// meanRatio is experiment / control, or NaN where either mean is 0.
func meanRatio(control, experiment float64) float64 {
	if control == 0 || experiment == 0 {
		return math.NaN()
	}
	return experiment / control
}
