package stat

import (
	"math"
	"math/bits"
	"slices"
)

// MADScale turns the median absolute deviation of normal data into their
// standard deviation: 1/Phi^-1(3/4), rounded as R's mad does.
const MADScale = 1.4826

// Median returns the middle value of x, the mean of the two middle ones for
// an even count, and NaN for none. It reorders x. It costs O(len(x)).
func Median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return math.NaN()
	}
	upper := Select(x, n/2)
	if n%2 == 1 {
		return upper
	}
	// After selection everything before n/2 is no larger than upper.
	return between(slices.Max(x[:n/2]), upper)
}

// MAD returns the median absolute deviation of x from center, not scaled by
// MADScale. It overwrites x.
func MAD(x []float64, center float64) float64 {
	for i, v := range x {
		x[i] = math.Abs(v - center)
	}
	return Median(x)
}

// between returns the middle of a and b where their sum would overflow or
// their halves vanish.
func between(a, b float64) float64 {
	if (a < 0) == (b < 0) {
		return a + (b-a)/2
	}
	return (a + b) / 2
}

// Select reorders x so that x[k] is what it would be in sorted order, with
// nothing larger before it, and returns it: Hoare's quickselect with the
// median of three as pivot. Inputs made to defeat the pivot are sorted
// instead, so the worst case is O(n log n).
func Select(x []float64, k int) float64 {
	lo, hi := 0, len(x)-1
	for rounds := 2 * bits.Len(uint(len(x))); hi > lo; rounds-- {
		if rounds == 0 {
			slices.Sort(x[lo : hi+1])
			break
		}
		mid := lo + (hi-lo)/2
		a, b, c := x[lo], x[mid], x[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}
