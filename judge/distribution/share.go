package distribution

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// Share returns between which bounds the share of the observations above edge
// lies, 0 to 1. They are equal where edge is one of the histogram's own, lies out
// of its range or in a bucket without observations. NaN without observations.
func Share(h judge.Histogram, edge float64) (low, high float64) {
	total := h.Total()
	if !(total > 0) || math.IsNaN(edge) {
		return math.NaN(), math.NaN()
	}
	for i, c := range h.Counts {
		lo, hi := h.Bounds[i], h.Bounds[i+1]
		switch {
		case hi <= edge || sameEdge(hi, edge):
			continue
		case lo >= edge || sameEdge(lo, edge):
			low += c
		}
		high += c
	}
	return low / total, min(high/total, 1)
}
