package metrics

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Fold says how several points of one interval become its value.
type Fold int

const (
	// Mean of the interval's points: for levels.
	Mean Fold = iota
	// Sum of the interval's points: for event counts.
	Sum
)

// Alignment is a series on a grid.
type Alignment struct {
	// Values has one value an interval, NaN where the series has none.
	Values []float64
	// Missing counts the intervals without a value.
	Missing int
	// Outside counts points before or after the grid; they are not used.
	Outside int
	// Warnings say what was odd about the series but did no harm.
	Warnings []string
}

// Align puts points on the grid. Points are taken in any order. NaN is a gap;
// an infinite value is a gap with a warning, since no level can be computed
// from it. The same point twice counts once; two different values for one
// moment contradict each other and are an error, because choosing one would
// be inventing data.
func Align(points []Point, g Grid, fold Fold) (Alignment, error) {
	a := Alignment{Values: make([]float64, g.N)}
	for i := range a.Values {
		a.Values[i] = math.NaN()
	}
	byTime := func(x, y Point) int { return x.Time.Compare(y.Time) }
	if !slices.IsSortedFunc(points, byTime) {
		a.Warnings = append(a.Warnings, unordered)
		points = slices.Clone(points)
		slices.SortStableFunc(points, byTime)
	}
	counts := make([]int, g.N)
	infinite, duplicates := 0, 0
	for i, p := range points {
		if i > 0 && p.Time.Equal(points[i-1].Time) {
			before := points[i-1].Value
			if p.Value != before && !(math.IsNaN(p.Value) && math.IsNaN(before)) {
				return Alignment{}, fmt.Errorf("two values for %s: %v and %v", p.Time.UTC().Format(time.RFC3339Nano), before, p.Value)
			}
			duplicates++
			continue
		}
		if math.IsNaN(p.Value) {
			continue
		}
		slot, ok := g.slot(p.Time)
		if !ok {
			a.Outside++
			continue
		}
		if math.IsInf(p.Value, 0) {
			infinite++
			continue
		}
		counts[slot]++
		if counts[slot] == 1 {
			a.Values[slot] = p.Value
			continue
		}
		switch fold {
		case Mean:
			a.Values[slot] += (p.Value - a.Values[slot]) / float64(counts[slot])
		case Sum:
			a.Values[slot] += p.Value
		}
	}
	for _, c := range counts {
		if c == 0 {
			a.Missing++
		}
	}
	if duplicates > 0 {
		a.Warnings = append(a.Warnings, twice(duplicates))
	}
	if infinite > 0 {
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d infinite values were treated as missing", infinite))
	}
	return a, nil
}

const unordered = "points came out of order and were sorted"

func twice(n int) string { return fmt.Sprintf("%d points came twice and were counted once", n) }

// slot returns the interval that t belongs to.
func (g Grid) slot(t time.Time) (int, bool) {
	d := t.Sub(g.Start)
	if d <= 0 || g.Step <= 0 {
		return 0, false
	}
	i := int((d - 1) / g.Step)
	return i, i < g.N
}
