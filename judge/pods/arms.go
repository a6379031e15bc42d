package pods

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// Pool returns the two sides of p as one series each, for judges that do not
// look at single pods: the mean over the pods that reported, for counts the sum
// with the number of these pods as exposure. History is nil if a side has none.
func Pool(kind judge.Kind, p *judge.Pods) (window judge.Pair, history *judge.Pair) {
	window = pair(kind, p.Baseline, p.Canary)
	if len(p.BaselineHistory) > 0 && len(p.CanaryHistory) > 0 {
		h := pair(kind, p.BaselineHistory, p.CanaryHistory)
		history = &h
	}
	return window, history
}

// pair pools both sides over the same intervals: a side without pods is silent.
func pair(kind judge.Kind, baseline, canary []judge.Side) judge.Pair {
	n := 0
	for _, side := range [][]judge.Side{baseline, canary} {
		for _, pod := range side {
			n = max(n, len(pod.Values))
		}
	}
	return judge.Pair{Baseline: pool(kind, baseline, n), Canary: pool(kind, canary, n)}
}

func pool(kind judge.Kind, pods []judge.Side, n int) judge.Side {
	out := judge.Side{Values: make([]float64, n)}
	if kind != judge.Gauge {
		out.Totals = make([]float64, n)
	}
	for i := range n {
		sum, total, reporting := 0.0, 0.0, 0.0
		for _, pod := range pods {
			if i < len(pod.Values) && (pod.Totals == nil || len(pod.Totals) == len(pod.Values)) && pod.Has(i) {
				sum += pod.Values[i]
				reporting++
				if pod.Totals != nil {
					total += pod.Totals[i]
				} else {
					total++
				}
			}
		}
		switch {
		case reporting == 0:
			out.Values[i] = math.NaN()
		case kind == judge.Gauge:
			out.Values[i] = sum / reporting
		default:
			out.Values[i], out.Totals[i] = sum, total
		}
	}
	return out
}
