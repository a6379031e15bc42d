package backtest

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// curve collects suspicions for a receiver operating characteristic. It counts
// them in bins one percent wide (and 1e-4 around 0), so that its size does not
// depend on the number of cases; within a bin they are ties.
type curve struct{ bins map[int]*[2]int }

const (
	binWidth   = 0.01
	finestStep = 1e-4
)

func (c *curve) add(suspicion float64, faulty bool) {
	key := bin(suspicion)
	if c.bins == nil {
		c.bins = map[int]*[2]int{}
	}
	cases := c.bins[key]
	if cases == nil {
		cases = new([2]int)
		c.bins[key] = cases
	}
	if faulty {
		cases[1]++
	} else {
		cases[0]++
	}
}

// bin returns the bin of a suspicion; NaN counts as none. The inverse hyperbolic
// sine is linear around 0 and logarithmic beyond.
func bin(suspicion float64) int {
	if math.IsNaN(suspicion) {
		suspicion = 0
	}
	const most = 1e6
	return int(math.Round(math.Asinh(min(max(suspicion, -most), most)/finestStep) / binWidth))
}

// ROC is a point of the curve: with some threshold on the suspicion, these
// shares of the healthy and of the faulty cases lie above it.
type ROC struct{ FalseAlarms, Detection float64 }

// points returns the curve from (0, 0) to (1, 1), nil unless there are both
// kinds of cases.
func (c *curve) points() []ROC {
	healthy, faulty := 0, 0
	for _, cases := range c.bins {
		healthy, faulty = healthy+cases[0], faulty+cases[1]
	}
	if healthy == 0 || faulty == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(c.bins), func(a, b int) int { return cmp.Compare(b, a) })
	points := make([]ROC, 1, len(keys)+1)
	above := [2]int{}
	for _, k := range keys {
		above[0], above[1] = above[0]+c.bins[k][0], above[1]+c.bins[k][1]
		points = append(points, ROC{float64(above[0]) / float64(healthy), float64(above[1]) / float64(faulty)})
	}
	return points
}

// area is the area under a curve: the probability that a faulty case is more
// suspicious than a healthy one, ties counting half (Hanley and McNeil 1982,
// Radiology 143:29-36). NaN without a curve.
func area(points []ROC) float64 {
	if points == nil {
		return math.NaN()
	}
	sum := 0.0
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		sum += (b.FalseAlarms - a.FalseAlarms) * (a.Detection + b.Detection) / 2
	}
	return sum
}
