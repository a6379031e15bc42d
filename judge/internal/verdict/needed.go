package verdict

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

const (
	// powerQuantile makes "would probably decide" a probability of 80 %: the
	// normal quantile of 0.8, as in the planning numbers of docs/statistics.md
	// section 6.
	powerQuantile = 0.8416
	// farAway is more intervals than anybody waits for: 19 years of minutes.
	farAway = 1e7
)

// Outlook is an estimate whose interval did not decide, on a scale where
// effects add (logarithms for ratios), with Limits on the same scale.
type Outlook struct {
	// Intervals behind the estimate.
	Intervals int
	Estimate  float64
	// Below and Above are the standard errors towards the lower and the upper
	// end; they shrink with the root of the number of intervals.
	Below, Above float64
	// Fixed is a standard error that more intervals do not reduce, such as that
	// of the history.
	Fixed float64
	// Quantile is how many standard errors make half an interval.
	Quantile float64
}

// Needed returns how many intervals in all would decide with a probability of
// 80 % if the effect is what it seems to be now; 0 if no reasonable number
// would.
func (o Outlook) Needed(l Limits, bad judge.Direction) int {
	failHigh := o.reach(o.Estimate-l.MarginHigh, o.Below)
	failLow := o.reach(l.MarginLow-o.Estimate, o.Above)
	passHigh := o.reach(l.ToleranceHigh-o.Estimate, o.Above)
	passLow := o.reach(o.Estimate-l.ToleranceLow, o.Below)
	var n float64
	switch bad {
	case judge.Increase:
		n = min(failHigh, passHigh)
	case judge.Decrease:
		n = min(failLow, passLow)
	default:
		n = min(failHigh, failLow, max(passHigh, passLow))
	}
	if !(n < farAway) {
		return 0
	}
	return max(int(math.Ceil(n)), o.Intervals+1)
}

// reach returns the number of intervals at which an end of the interval has
// moved to within gap of the estimate.
func (o Outlook) reach(gap, se float64) float64 {
	if !(gap > 0) {
		return math.Inf(1)
	}
	room := math.Pow(gap/(o.Quantile+powerQuantile), 2) - o.Fixed*o.Fixed
	if !(room > 0) {
		return math.Inf(1)
	}
	return float64(o.Intervals) * se * se / room
}
