package stat

import "math"

// fisherSlack is how much more likely a table may be than the observed one and
// still count as no more likely: equal probabilities round differently. R uses
// the same.
const fisherSlack = 1e-7

// maxTables bounds the work of FisherExact.
const maxTables = 1 << 24

// FisherExact returns the p values of a table of two shares, a of a+b against c
// of c+d, given its margins: that the first share is larger (greater), smaller
// (less), and the probability of all tables that are no more likely (two-sided;
// Fisher 1935). The counts must be whole and not negative; the smallest margin
// may be up to 2^24. Others give NaN.
func FisherExact(a, b, c, d float64) (less, greater, twoSided float64) {
	nan := math.NaN()
	for _, v := range [...]float64{a, b, c, d} {
		if !(v >= 0 && v <= 1e15) || v != math.Floor(v) {
			return nan, nan, nan
		}
	}
	row, column, n := a+b, a+c, a+b+c+d
	low, high := max(0, row+column-n), min(row, column)
	if high-low > maxTables {
		return nan, nan, nan
	}
	// Probabilities relative to the observed table's, by their ratios from one
	// table to the next.
	total, atMost, atLeast, unlikely := 1.0, 1.0, 1.0, 1.0
	add := func(p float64, below bool) {
		total += p
		if below {
			atMost += p
		} else {
			atLeast += p
		}
		if p <= 1+fisherSlack {
			unlikely += p
		}
	}
	p := 1.0
	for k := a; k > low; k-- {
		p *= k * (n - row - column + k) / ((row - k + 1) * (column - k + 1))
		add(p, true)
	}
	p = 1
	for k := a; k < high; k++ {
		p *= (row - k) * (column - k) / ((k + 1) * (n - row - column + k + 1))
		add(p, false)
	}
	if math.IsInf(total, 1) {
		// The observed table is less likely than 1e-308 of another: only its own
		// tail is finite, and nothing.
		return tail(atMost), tail(atLeast), 0
	}
	return atMost / total, atLeast / total, min(unlikely/total, 1)
}

// tail returns what a sum is of an infinite total.
func tail(sum float64) float64 {
	if math.IsInf(sum, 1) {
		return 1
	}
	return 0
}
