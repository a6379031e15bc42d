package srm

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/rates"
)

// dispersion returns how many requests weigh as one and the degrees of freedom
// of that estimate; d are the data of p. Each step of the weights is measured
// against its own share: a canary that stays behind when its weight is raised
// is a mismatch and not a burst.
//
// Where an arm got nothing at all, nothing varies and so much only is known that
// Judge.Clients says.
func dispersion(d rates.Data, p judge.Pair) (phi, df float64) {
	if d.Canary.Events == 0 || d.Baseline.Events == 0 {
		return 1, math.Inf(1)
	}
	steps := map[int]int{}
	for t := range p.Baseline.Values {
		if w := relativeWeight(p, t); w > 0 {
			steps[step(w)]++
		}
	}
	if len(steps) < 2 {
		return d.Dispersion()
	}
	var sum, sumDF float64
	// In the order of the intervals, so that sums round alike every time.
	done := map[int]bool{}
	for t := range p.Baseline.Values {
		w := relativeWeight(p, t)
		if !(w > 0) || done[step(w)] {
			continue
		}
		bin := step(w)
		done[bin] = true
		// A step too short to vary says nothing.
		if steps[bin] < minIntervals {
			continue
		}
		part, err := (rates.Kind{Judge: Name}).Collect(only(p, bin))
		if err != nil || part.Events() == 0 {
			continue
		}
		partPhi, partDF := part.Dispersion()
		if math.IsInf(partDF, 1) {
			// All its requests came in one interval: it has nothing to compare.
			continue
		}
		sum += partPhi * partDF
		sumDF += partDF
	}
	if sumDF == 0 {
		return d.Dispersion()
	}
	return sum / sumDF, sumDF
}

// only returns the intervals of p whose weights are in bin; the others have no
// data.
func only(p judge.Pair, bin int) judge.Pair {
	n := len(p.Baseline.Values)
	p.Baseline.Values, p.Canary.Values = append(make([]float64, 0, n), p.Baseline.Values...), append(make([]float64, 0, n), p.Canary.Values...)
	for t := range n {
		if w := relativeWeight(p, t); !(w > 0) || step(w) != bin {
			p.Baseline.Values[t], p.Canary.Values[t] = math.NaN(), math.NaN()
		}
	}
	return p
}
