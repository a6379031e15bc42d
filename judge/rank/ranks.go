package rank

import (
	"math"
	"slices"
)

// twiceMidranks returns twice the rank of each value of x, values that are
// equal sharing the mean of their ranks, and the sum of t^3-t over the groups
// of t equal values.
func twiceMidranks(x []float64) (ranks []int, ties float64) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		default:
			return 0
		}
	})
	ranks = make([]int, len(x))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + 1 + to // (from+1 .. to) have this mean, twice
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// hasNaN reports whether a value has no place in an order.
func hasNaN(x []float64) bool { return slices.ContainsFunc(x, math.IsNaN) }
