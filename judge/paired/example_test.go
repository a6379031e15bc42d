package paired_test

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/paired"
)

// Load moves both arms by far more than the release does; compared minute by
// minute, that cancels.
func Example() {
	baseline := []float64{0.210, 0.241, 0.318, 0.402, 0.377, 0.290, 0.254, 0.229, 0.207, 0.260, 0.333, 0.298}
	canary := []float64{0.251, 0.283, 0.391, 0.472, 0.460, 0.341, 0.308, 0.270, 0.252, 0.306, 0.405, 0.352}

	finding := paired.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "latency-p99", Unit: "s", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair: judge.Pair{
			Baseline: judge.Side{Values: baseline},
			Canary:   judge.Side{Values: canary},
		},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// FAIL
	// worse by more than the margin of 5%
}

// Two machines that differ by a sixth did so before the release as well.
func ExampleJudge_history() {
	baseline := []float64{40, 42, 45, 43, 41, 44, 47, 46, 42, 40, 43, 45, 44, 41, 42, 46, 45, 43, 40, 42}
	canary := make([]float64, len(baseline))
	for i, v := range baseline {
		canary[i] = v*7/6 + float64(i%3)
	}
	pair := judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}}

	finding := paired.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "cpu", Unit: "%", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair:    pair,
		History: &pair, // here the same numbers; else the minutes before
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// PASS
	// within the tolerance of 25% (beyond the difference in the history, +18.9%)
}
