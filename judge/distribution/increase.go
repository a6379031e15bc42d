package distribution

import (
	"github.com/judged-dev/judged/judge"
)

// Increase returns the observations between two readings of a histogram that
// counts since its process started, as Prometheus' do. Where a bucket holds less
// than before, or the bounds fit neither within the other's, the process has
// restarted, and all of later is new.
//
// A histogram that lowered its resolution in between gives the coarser
// buckets. The result may share later's slices.
func Increase(earlier, later judge.Histogram) judge.Histogram {
	if len(earlier.Counts) == 0 {
		return later
	}
	var p pool
	p.add(earlier)
	p.add(later)
	grid := p.h.Bounds
	if !contains(grid, earlier.Bounds) && !contains(grid, later.Bounds) {
		return later
	}
	before, after := make([]float64, len(grid)-1), make([]float64, len(grid)-1)
	onto(grid, earlier, before)
	onto(grid, later, after)
	for i, b := range before {
		// Sums of floats may be off in their last bits.
		if after[i] < b && !sameEdge(after[i], b) {
			return later
		}
		after[i] = max(after[i]-b, 0)
	}
	return judge.Histogram{Bounds: grid, Counts: after}
}

// contains reports whether every one of edges is in grid; both ascend.
func contains(grid, edges []float64) bool {
	g := 0
	for _, e := range edges {
		for g < len(grid) && grid[g] < e && !sameEdge(grid[g], e) {
			g++
		}
		if g == len(grid) || !sameEdge(grid[g], e) {
			return false
		}
	}
	return true
}
