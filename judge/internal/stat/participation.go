package stat

import "math"

// Participation returns how many of the points of x carry its sum: (sum
// |x|)^2 / sum x^2, the participation ratio. It is len(x) for equal points and 1
// for a single one among zeros. Nothing but zeros are equal points.
func Participation(x []float64) float64 {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return float64(len(x))
	}
	var sum, squares float64
	for _, v := range x {
		v = math.Abs(v) / largest
		sum += v
		squares += v * v
	}
	return sum * sum / squares
}

// Carriers returns how many intervals carry the signal x as a share of enough
// of them, which are 10, or half if there are fewer: the mean of a handful of
// bursts is no level.
func Carriers(x []float64) float64 {
	const enough = 10
	return Participation(x) / min(enough, float64(len(x))/2)
}
