package judgetest

import (
	"math"
	"math/rand/v2"

	"github.com/judged-dev/judged/judge"
)

// Fleet makes worlds of lognormal levels with several pods an arm. Sizes are
// standard deviations of logarithms. An arm's own series is the mean of its
// pods.
type Fleet struct {
	// Pods of each arm; 0 counts as 1.
	Pods int
	// Spread is what healthy pods differ by, through history and window.
	Spread float64
	// Noise is each pod's own noise, Rho its autocorrelation from one interval
	// to the next.
	Noise, Rho float64
	// Shock is noise that all pods of both arms share.
	Shock float64
}

// World returns a world of n intervals after so many of history.
func (f Fleet) World(name string, n, history int) World {
	return World{Name: name, Kind: judge.Gauge, Intervals: n, History: history, arms: f.arms}
}

func (f Fleet) arms(r *rand.Rand, n, onset int, ratio float64) arms {
	const level = 40 // per cent of CPU, say
	shock := make([]float64, n)
	for i := range shock {
		shock[i] = f.Shock * r.NormFloat64()
	}
	arm := func(ratio float64) (mean judge.Side, pods []judge.Side) {
		mean.Values = make([]float64, n)
		count := max(f.Pods, 1)
		for range count {
			offset := f.Spread * r.NormFloat64()
			x := ar1(r, n, f.Noise, f.Rho, false)
			for i := range x {
				x[i] = level * math.Exp(shock[i]+offset+x[i])
				if i >= onset {
					x[i] *= ratio
				}
				mean.Values[i] += x[i] / float64(count)
			}
			pods = append(pods, judge.Side{Values: x})
		}
		return mean, pods
	}
	var a arms
	a.Baseline, a.baseline = arm(1)
	a.Canary, a.canary = arm(ratio)
	return a
}
