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
