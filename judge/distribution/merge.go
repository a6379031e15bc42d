package distribution

import (
	"slices"

	"github.com/judged-dev/judged/judge"
)

// Merge returns the observations of all hs together. Where their bounds differ,
// the result has those edges at which the share of the observations below is
// known exactly in each: an edge of its own, one outside of its range, or one in
// a bucket without observations. So a histogram of schema 3 and one of schema 2
// give one of schema 2. It costs O(buckets of hs * buckets of the result).
func Merge(hs ...judge.Histogram) judge.Histogram {
	var p pool
	for _, h := range hs {
		p.add(h)
	}
	return judge.Histogram{Bounds: slices.Clone(p.h.Bounds), Counts: slices.Clone(p.h.Counts)}
}

// pool is the sum of the histograms that were added, and the edges that they
// all have.
type pool struct {
	h, spare judge.Histogram
}

func (p *pool) add(h judge.Histogram) {
	switch {
	case len(h.Counts) == 0:
		return
	case len(p.h.Counts) == 0:
		p.h.Bounds = append(p.h.Bounds[:0], h.Bounds...)
		p.h.Counts = append(p.h.Counts[:0], h.Counts...)
	case slices.Equal(p.h.Bounds, h.Bounds):
		for i, c := range h.Counts {
			p.h.Counts[i] += c
		}
	default:
		p.spare = sum(p.spare, p.h, h)
		p.h, p.spare = p.spare, p.h
	}
}

// sum returns a and b together, in the memory of out.
func sum(out, a, b judge.Histogram) judge.Histogram {
	out.Bounds, out.Counts = out.Bounds[:0], out.Counts[:0]
	// The walk meets every edge of both; i and j are those that come next, and
	// below what was counted since the last edge of the result.
	below := 0.0
	for i, j := 0, 0; i < len(a.Bounds) || j < len(b.Bounds); {
		atA := j == len(b.Bounds) || i < len(a.Bounds) && (a.Bounds[i] <= b.Bounds[j] || sameEdge(a.Bounds[i], b.Bounds[j]))
		atB := i == len(a.Bounds) || j < len(b.Bounds) && (b.Bounds[j] <= a.Bounds[i] || sameEdge(a.Bounds[i], b.Bounds[j]))
		exact := (atA || empty(a, i)) && (atB || empty(b, j))
		at := 0.0
		if atB {
			at = b.Bounds[j]
			below += ending(b, j)
			j++
		}
		if atA {
			at = a.Bounds[i]
			below += ending(a, i)
			i++
		}
		if !exact {
			continue
		}
		if len(out.Bounds) > 0 {
			out.Counts = append(out.Counts, below)
		}
		out.Bounds = append(out.Bounds, at)
		below = 0
	}
	return out
}

// ending returns the count of the bucket that ends with edge i.
func ending(h judge.Histogram, i int) float64 {
	if i == 0 {
		return 0
	}
	return h.Counts[i-1]
}

// empty reports whether h has no observations around a place before edge i and
// after edge i-1.
func empty(h judge.Histogram, i int) bool {
	return i == 0 || i == len(h.Bounds) || h.Counts[i-1] == 0
}

// onto writes to counts the observations of h by the buckets of grid, whose
// edges must be exact in h as those of a pool are.
func onto(grid []float64, h judge.Histogram, counts []float64) {
	clear(counts)
	g := 0
	for i, c := range h.Counts {
		if c == 0 {
			continue
		}
		hi := h.Bounds[i+1]
		for g < len(counts)-1 && grid[g+1] < hi && !sameEdge(grid[g+1], hi) {
			g++
		}
		counts[g] += c
	}
}
