package mannwhitney

import "math"

const (
	maxIterations = 1001
	// precision is absolute: metrics whose differences are smaller than this
	// cannot be told apart, a limit of Kayenta's that is kept.
	precision = 1e-4
	epsilon   = 0x1p-52
)

// solve returns a zero of f between a and b, where f has the values fa and fb:
// Brent's method (Brent 1973, "Algorithms for Minimization without
// Derivatives", ch. 4) in the form of R's zeroin2.c, which Kayenta ports. The
// order of the operations is Kayenta's, to the bit; every product that is
// added to something is rounded first, or some architectures would fuse both.
func solve(a, b, fa, fb float64, f func(float64) (float64, error)) (float64, error) {
	c, fc := a, fa
	if isZero(fa) {
		return a, nil
	}
	if isZero(fb) {
		return b, nil
	}
	for range maxIterations {
		previous := b - a
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		tolerance := float64(2*epsilon*math.Abs(b)) + precision/2
		step := (c - b) / 2
		if math.Abs(step) <= tolerance || isZero(fb) {
			return b, nil
		}
		if math.Abs(previous) >= tolerance && math.Abs(fa) > math.Abs(fb) {
			var p, q float64
			cb := c - b
			if a == c { // secant
				t1 := fb / fa
				p = cb * t1
				q = 1 - t1
			} else { // inverse quadratic interpolation
				q = fa / fc
				t1 := fb / fc
				t2 := fb / fa
				p = t2 * (float64(cb*q*(q-t1)) - float64((b-a)*(t1-1)))
				q = (q - 1) * (t1 - 1) * (t2 - 1)
			}
			if p > 0 {
				q = -q
			} else {
				p = -p
			}
			if p < float64(0.75*cb*q)-float64(math.Abs(tolerance*q)/2) && p < math.Abs(previous*q/2) {
				step = p / q
			}
		}
		if math.Abs(step) < tolerance {
			if step > 0 {
				step = tolerance
			} else {
				step = -tolerance
			}
		}
		a, fa = b, fb
		b += step
		var err error
		if fb, err = f(b); err != nil {
			return 0, err
		}
		if fb > 0 && fc > 0 || fb < 0 && fc < 0 {
			c, fc = a, fa
		}
	}
	return b, nil
}

// isZero reports whether v is within one unit in the last place of 0.
func isZero(v float64) bool { return math.Abs(v) <= math.SmallestNonzeroFloat64 }
