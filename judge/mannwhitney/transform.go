package mannwhitney

import "math"

// handleNaNs returns values without NaN.
func handleNaNs(values []float64, strategy NaNStrategy) []float64 {
	kept := make([]float64, 0, len(values))
	for _, v := range values {
		switch {
		case v == v:
			kept = append(kept, v)
		case strategy == ReplaceNaN:
			kept = append(kept, 0)
		}
	}
	return kept
}

// iqrFences returns the bounds that a value must exceed to be an outlier, as
// Kayenta's IQRDetector: factor interquartile ranges beyond the quartiles.
func iqrFences(sorted []float64, factor float64) (low, high float64) {
	q1, q3 := percentile(sorted, 25), percentile(sorted, 75)
	reach := float64(factor * (q3 - q1))
	return q1 - reach, q3 + reach
}

// outlierFences is iqrFences with the reduced sensitivity that the judge
// always uses: nothing between the 1st and the 99th percentile is an outlier.
func outlierFences(sorted []float64, factor float64) (low, high float64) {
	low, high = iqrFences(sorted, factor)
	// min and max give NaN if either is NaN, like Java's; a comparison with
	// a NaN fence then drops nothing.
	return min(percentile(sorted, 1), low), max(percentile(sorted, 99), high)
}

// dropOutliers returns the values within the fences, in their order.
func dropOutliers(values []float64, low, high float64) []float64 {
	kept := make([]float64, 0, len(values))
	for _, v := range values {
		if v > high || v < low {
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// percentile returns the p-th percentile (0 < p <= 100) of sorted by linear
// interpolation between order statistics (type 7 of Hyndman and Fan 1996),
// in the operations of commons-math3's Percentile. NaN without values.
func percentile(sorted []float64, p float64) float64 {
	n := len(sorted)
	switch n {
	case 0:
		return math.NaN()
	case 1:
		return sorted[0]
	}
	position := float64(n)
	if p != 100 {
		position = 1 + float64(float64(n-1)*(p/100))
	}
	if position >= float64(n) {
		return sorted[n-1]
	}
	whole := math.Floor(position)
	below, above := sorted[int(whole)-1], sorted[int(whole)]
	return below + float64((position-whole)*(above-below))
}
