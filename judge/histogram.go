package judge

// Histogram is the observations of one interval, counted in buckets: Counts[i]
// of them lie in (Bounds[i], Bounds[i+1]]. Prometheus' classic and native
// histograms and DDSketches all have this form.
type Histogram struct {
	// Bounds ascend and are one more than Counts. The first may be -Inf, the
	// last +Inf. Histograms of one signal may have different bounds.
	Bounds []float64
	// Counts are not negative. They need not be whole: rates of a sampled
	// histogram are not.
	Counts []float64
}

// Total returns the number of observations.
func (h Histogram) Total() float64 {
	total := 0.0
	for _, c := range h.Counts {
		total += c
	}
	return total
}
