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
	if len(x) == 0 {
		return math.NaN()
	}
	return middle(x, nth(x, len(x)/2))
}

// SplitMedian is Median that leaves x as Select does, at a higher cost.
func SplitMedian(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return middle(x, Select(x, len(x)/2))
}

// middle returns the median of x, of which nothing before the half is larger than
// upper, which stands there.
func middle(x []float64, upper float64) float64 {
	if len(x)%2 == 1 {
		return upper
	}
	return between(slices.Max(x[:len(x)/2]), upper)
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

// nth reorders x so that nothing before x[k] is larger than it, and returns it:
// quickselect without a branch that depends on a comparison, which a processor
// guesses wrong every other time. On 60 numbers that takes less than half as
// long as Select does.
func nth(x []float64, k int) float64 {
	const few = 8 // are sorted
	for rounds := 2 * bits.Len(uint(len(x))); len(x) > few; rounds-- {
		if rounds == 0 {
			slices.Sort(x) // made to defeat the pivot
			return x[k]
		}
		a, b, c := x[0], x[len(x)/2], x[len(x)-1]
		pivot := max(min(a, b), min(max(a, b), c))
		split := 0
		for i, v := range x {
			x[i], x[split] = x[split], v
			split += less(v, pivot)
		}
		if k < split {
			x = x[:split]
			continue
		}
		x, k = x[split:], k-split
		if split > 0 {
			continue
		}
		// The pivot is the least: put those that equal it first.
		for i, v := range x {
			x[i], x[split] = x[split], v
			split += 1 - less(pivot, v)
		}
		if k < split {
			return pivot
		}
		x, k = x[split:], k-split
	}
	for i := 1; i < len(x); i++ {
		v, j := x[i], i
		for ; j > 0 && x[j-1] > v; j-- {
			x[j] = x[j-1]
		}
		x[j] = v
	}
	return x[k]
}

// less returns 1 if a < b, else 0; the compiler makes no branch of it.
func less(a, b float64) int {
	n := 0
	if a < b {
		n = 1
	}
	return n
}
