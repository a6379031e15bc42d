package stat

import "math"

// Moments describes a set of numbers; every field is NaN for no numbers. Std
// divides by n-1 and is 0 for a single number.
type Moments struct {
	Mean, Min, Max, Std float64
}

// Describe returns the moments of x. It works on values scaled by a power of
// two, so that neither 1e308 nor denormals overflow or vanish.
func Describe(x []float64) Moments {
	if len(x) == 0 {
		nan := math.NaN()
		return Moments{nan, nan, nan, nan}
	}
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	e := Exponent(lo, hi)
	up, down := math.Ldexp(1, -e/2), math.Ldexp(1, -e-(-e/2))
	var mean, squares float64
	for _, v := range x {
		mean += v * up * down
	}
	// The mean of equal numbers may differ from them in the last bit.
	mean = min(max(mean/float64(len(x)), lo*up*down), hi*up*down)
	for _, v := range x {
		d := v*up*down - mean
		squares += d * d
	}
	m := Moments{Min: lo, Max: hi, Mean: math.Ldexp(mean, e)}
	if len(x) > 1 {
		m.Std = math.Ldexp(math.Sqrt(squares/float64(len(x)-1)), e)
	}
	return m
}

// Exponent returns e such that a and b divided by 2^e lie within [-1, 1] and
// at least one of them outside (-1/2, 1/2); 0 if both are 0.
func Exponent(a, b float64) int {
	_, e := math.Frexp(max(math.Abs(a), math.Abs(b)))
	return e
}
