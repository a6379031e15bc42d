package longrun_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge/longrun"
)

// Minutes of a queue's length that drift: as independent points they would tell
// their mean better than they do.
func Example() {
	queue := []float64{12, 13, 12, 11, 12, 14, 13, 12, 10, 11, 12, 13, 13, 12, 11, 10, 11, 13, 12, 12, 14, 13, 12, 11, 12}

	naive := longrun.NeweyWest(queue, 0)
	e := longrun.AR1(queue)
	fmt.Printf("%.2f ± %.2f instead of %.2f\n", e.Mean, e.StdErr, naive.StdErr)
	fmt.Printf("%d points are worth %.1f\n", e.N, e.EffectiveN)
	// Output:
	// 12.04 ± 0.35 instead of 0.21
	// 25 points are worth 9.6
}
