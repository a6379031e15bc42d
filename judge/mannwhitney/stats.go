package mannwhitney

import "math"

// Stats describe one side after the transforms; all are 0 without data.
type Stats struct {
	Count               int
	Min, Max, Mean, Std float64
	// Median is ours: Kayenta reports none.
	Median float64
}

// summarize returns the statistics of values, which hold no NaN and are the same
// as sorted. Sums run in the order given; the results are those of
// commons-math3's StatUtils.
func summarize(values, sorted []float64) Stats {
	if len(values) == 0 {
		return Stats{}
	}
	least, most := values[0], values[0]
	sum := 0.0
	for _, v := range values {
		// Of equals the later one is taken: it may be the other zero.
		if !(least < v) {
			least = v
		}
		if !(most > v) {
			most = v
		}
		sum += v
	}
	mean := correctedMean(values, sum)
	return Stats{
		Count: len(values), Min: least, Max: most, Mean: mean,
		Std:    math.Sqrt(variance(values, mean)),
		Median: percentile(sorted, 50),
	}
}

// mean is the arithmetic mean in two passes; NaN without values.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return correctedMean(values, sum)
}

// correctedMean adds the mean of the residuals to sum / n.
func correctedMean(values []float64, sum float64) float64 {
	n := float64(len(values))
	first := sum / n
	correction := 0.0
	for _, v := range values {
		correction += v - first
	}
	return first + correction/n
}

// variance is the sample variance by the corrected two-pass algorithm (Chan,
// Golub and LeVeque 1983); 0 for one value.
func variance(values []float64, mean float64) float64 {
	if len(values) == 1 {
		return 0
	}
	squares, residuals := 0.0, 0.0
	for _, v := range values {
		deviation := v - mean
		squares += float64(deviation * deviation)
		residuals += deviation
	}
	n := float64(len(values))
	return (squares - residuals*residuals/n) / (n - 1)
}

// meanRatio is experiment / control, or NaN where either mean is 0.
func meanRatio(control, experiment float64) float64 {
	if control == 0 || experiment == 0 {
		return math.NaN()
	}
	return experiment / control
}
