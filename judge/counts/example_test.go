package counts_test

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
)

// Both arms suffer from the same burst in the seventh minute; apart from it the
// canary logs a timeout three times as often.
func Example() {
	finding := counts.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "timeouts", Kind: judge.Count, Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.1},
		},
		Pair: judge.Pair{
			Baseline: judge.Side{Values: []float64{1, 0, 2, 0, 1, 0, 14, 1, 0, 1, 0, 2, 1, 0, 1}},
			Canary:   judge.Side{Values: []float64{2, 3, 4, 1, 2, 4, 37, 2, 3, 1, 2, 5, 3, 1, 4}},
		},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// FAIL
	// worse by more than the margin of 5% (74 events against 24)
}

// Nothing happened on either side: how much does that say?
func ExampleJudge_silence() {
	quiet := judge.Side{Values: make([]float64, 30)}
	finding := counts.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "restarts", Kind: judge.Count, Direction: judge.Increase,
			Tolerance: judge.Margin{Absolute: 0.1}, // six an hour
		},
		Pair: judge.Pair{Baseline: quiet, Canary: quiet},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// INCONCLUSIVE
	// too early to tell: no events on either side in 30 intervals; 7 more intervals (7 minutes) to exclude a difference of 0.1 per interval
}
