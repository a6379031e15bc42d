package ratio_test

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/ratio"
)

// A canary with a tenth of the traffic and twice the errors.
func Example() {
	baseline := judge.Side{
		Values: []float64{11, 9, 14, 8, 10, 12, 7, 13, 10, 9, 11, 10},
		Totals: []float64{5020, 4880, 5210, 4950, 5100, 5030, 4870, 5150, 4990, 5060, 4930, 5080},
	}
	canary := judge.Side{
		Values: []float64{2, 1, 3, 2, 4, 2, 1, 3, 2, 2, 3, 1},
		Totals: []float64{502, 488, 521, 495, 510, 503, 487, 515, 499, 506, 493, 508},
	}
	finding := ratio.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "errors", Kind: judge.Ratio, Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.001},
		},
		Pair: judge.Pair{Baseline: baseline, Canary: canary},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// FAIL
	// worse by more than the margin of 5% (26 events against 124)
}
