package sequential

import "math"

// solve returns the root of a continuous f between low and high, where its
// signs differ, to 1e-10 of its size: bisection sped up by the Illinois
// variant of false position (Dowell, Jarratt 1971). Without a change of sign
// it returns the end where f is nearer to 0.
func solve(low, high float64, f func(float64) float64) float64 {
	fl, fh := f(low), f(high)
	if fl == 0 {
		return low
	}
	if fh == 0 {
		return high
	}
	if (fl > 0) == (fh > 0) {
		if math.Abs(fl) < math.Abs(fh) {
			return low
		}
		return high
	}
	side := 0
	for i := 0; i < 200 && high-low > 1e-10*max(math.Abs(low), math.Abs(high)); i++ {
		x := high - fh*(high-low)/(fh-fl)
		// Infinite ends, and every third step, halve: that bounds the steps.
		if !(x > low && x < high) || i%3 == 2 {
			x = low + (high-low)/2
		}
		fx := f(x)
		switch {
		case fx == 0:
			return x
		case (fx > 0) == (fh > 0):
			high, fh = x, fx
			if side == 1 {
				fl /= 2
			}
			side = 1
		default:
			low, fl = x, fx
			if side == -1 {
				fh /= 2
			}
			side = -1
		}
	}
	return low + (high-low)/2
}

// minimize returns where a unimodal f is least between low and high, and its
// least value, by golden sections (Kiefer 1953). An f flat to rounding ends
// somewhere in the flat part, which fixes its place to 1e-8 of the width at
// best.
func minimize(low, high float64, f func(float64) float64) (x, least float64) {
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	fa, fb := f(a), f(b)
	for range 50 {
		// Infinite values on the right: the minimum lies left of them.
		if fa <= fb {
			high, b, fb = b, a, fa
			a = high - ratio*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + ratio*(high-low)
			fb = f(b)
		}
	}
	if fa <= fb {
		return a, fa
	}
	return b, fb
}
