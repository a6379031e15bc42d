package judge_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/ratio"
)

// A release is judged on all its signals at once, with one promise: whatever
// their number, a healthy release fails with a probability of at most 5 %.
func ExampleCompare() {
	minutes := 30
	latency := judge.Sample{Signal: judge.Signal{
		Name: "latency-p99", Unit: "s", Direction: judge.Increase, Critical: true,
		Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.10},
	}}
	errors := judge.Sample{Signal: judge.Signal{
		Name: "errors", Kind: judge.Ratio, Direction: judge.Increase, Critical: true,
		Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.001},
	}}
	for i := range minutes {
		load := 1 + 0.3*float64(i%10)/10 // both sides feel it, so it cancels
		wiggle := 0.004 * float64(i*7%5-2)
		latency.Baseline.Values = append(latency.Baseline.Values, 0.200*load+wiggle)
		latency.Canary.Values = append(latency.Canary.Values, 0.260*load-wiggle)
		errors.Baseline.Values = append(errors.Baseline.Values, 0)
		errors.Canary.Values = append(errors.Canary.Values, 0)
		errors.Baseline.Totals = append(errors.Baseline.Totals, 1200)
		errors.Canary.Totals = append(errors.Canary.Totals, 1200)
	}
	choose := func(s judge.Sample) judge.Judge {
		if s.Signal.Kind == judge.Ratio {
			return ratio.Judge{}
		}
		return paired.Judge{}
	}

	judgment := judge.Compare([]judge.Sample{latency, errors}, choose, judge.DefaultAlpha)
	fmt.Println(judgment.Summary)
	for _, f := range judgment.Findings {
		fmt.Printf("%s: %s, %s\n", f.Signal.Name, f.Verdict, f.Reason)
	}
	// Output:
	// FAIL: the canary is worse than the baseline: latency-p99 +30.1%, 297 ms against 225 ms.
	// latency-p99: FAIL, worse by more than the margin of 5%
	// errors: PASS, no events on either side out of 36000: at most 0.0102 pp of difference, within the tolerance of 0.1 pp
}
