package mannwhitney

// Level is the confidence level of the interval; Kayenta's judge fixes it.
const Level = 0.98

// quantile98 is the normal quantile of (1+Level)/2 as Kayenta computes it: the
// negative of commons-math3's inverseCumulativeProbability((1-0.98)/2).
const quantile98 = 2.326347874040841

// Interval is the Hodges-Lehmann estimate of experiment - control with its
// confidence interval at Level, in the metric's unit. Each is found to within
// 1e-4 whatever the scale of the metric; where both sides together spread less
// than that, they are ends of the search range and Lower may exceed Upper.
type Interval struct{ Lower, Upper, Estimate float64 }

// interval inverts the test: the bounds are the shifts at which the statistic
// is quantile and -quantile, the estimate is the one at which it is 0. Kayenta
// keeps the continuity correction for the estimate; R's wilcox.test does not,
// so that theirs differ.
func (t *rankTest) interval(quantile float64) (Interval, error) {
	low, high := t.x.least-t.y.most, t.x.most-t.y.least
	atLow, err := t.statistic(low)
	if err != nil {
		return Interval{}, err
	}
	atHigh, err := t.statistic(high)
	if err != nil {
		return Interval{}, err
	}
	search := func(q float64) (float64, error) {
		return solve(low, high, atLow-q, atHigh-q, func(mu float64) (float64, error) {
			w, err := t.statistic(mu)
			return w - q, err
		})
	}
	// bound keeps a root that lies outside of the range at its end.
	bound := func(q float64) (float64, error) {
		switch {
		case atLow-q <= 0:
			return low, nil
		case atHigh-q >= 0:
			return high, nil
		default:
			return search(q)
		}
	}
	var i Interval
	if i.Lower, err = bound(quantile); err != nil {
		return i, err
	}
	if i.Upper, err = bound(-quantile); err != nil {
		return i, err
	}
	i.Estimate, err = search(0)
	return i, err
}
