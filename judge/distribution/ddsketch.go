package distribution

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
)

// DDSketch is a sketch with relative-error bins (Masson, Rim, Lee, PVLDB 12
// (2019) 2195) and the logarithmic mapping: bin i of a store holds the sizes from
// Gamma^(i-Offset) to Gamma^(i-Offset+1), as the Go and Java libraries number
// them. The Python library's bins are one higher: give it an Offset that is one
// higher too. Mappings that interpolate the logarithm have other bins.
type DDSketch struct {
	// Gamma is (1+a)/(1-a) for a relative accuracy a.
	Gamma, Offset float64
	// ZeroCount observations are too close to 0 for a bin.
	ZeroCount float64
	// Positive and Negative hold the counts by bin.
	Positive, Negative map[int]float64
}

// Histogram returns d with its bins in ascending order. It is an error if Gamma is
// not above 1 or a bin out of range, and for counts that are negative, NaN or
// infinite.
func (d DDSketch) Histogram() (judge.Histogram, error) {
	if !(d.Gamma > 1+resolution && d.Gamma <= math.MaxFloat64) || d.Offset-d.Offset != 0 {
		return judge.Histogram{}, fmt.Errorf("DDSketch: gamma must be above 1 and the offset finite, got %g and %g", d.Gamma, d.Offset)
	}
	if n := len(d.Positive) + len(d.Negative); n > maxBuckets {
		return judge.Histogram{}, fmt.Errorf("DDSketch: %d bins are more than the %d that are read", n, maxBuckets)
	}
	grid := logarithmic{math.Log(d.Gamma), d.Offset}
	h, err := signed(grid, sorted(d.Positive), sorted(d.Negative), 0, d.ZeroCount)
	if err != nil {
		return judge.Histogram{}, fmt.Errorf("DDSketch: %w", err)
	}
	return h, nil
}

func sorted(store map[int]float64) []bin {
	bins := make([]bin, 0, len(store))
	for _, i := range slices.Sorted(maps.Keys(store)) {
		// No number has a bin beyond these: an error for whoever asks for its edges.
		index := min(max(i, math.MinInt32), math.MaxInt32) + 1
		bins = append(bins, bin{index, store[i]})
	}
	return bins
}

// logarithmic has the edges gamma^(i-offset).
type logarithmic struct{ logGamma, offset float64 }

func (g logarithmic) edge(i int) float64 {
	return math.Exp((float64(i) - g.offset) * g.logGamma)
}
