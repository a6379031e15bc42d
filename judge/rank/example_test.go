package rank_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge/rank"
)

// Start-up times in seconds of pods of two versions.
func Example() {
	canary := []float64{4.1, 3.8, 5.2, 4.4, 4.9, 21.0}
	baseline := []float64{3.2, 3.5, 3.1, 3.9, 3.4, 3.6}

	test := rank.MannWhitney(canary, baseline)
	shift := rank.Shift(canary, baseline, 0.05)
	fmt.Printf("p = %.3f\n", test.TwoSided)
	fmt.Printf("slower by %.1f s, 95 %% interval %.1f to %.1f s\n", shift.Value, shift.Low, shift.High)
	fmt.Printf("Cliff's delta %.2f\n", rank.CliffsDelta(canary, baseline))
	// Output:
	// p = 0.004
	// slower by 1.3 s, 95 % interval 0.5 to 17.1 s
	// Cliff's delta 0.94
}

// Three values a side cannot show a difference at 0.05, however large it is.
func ExampleShift_tooFew() {
	shift := rank.Shift([]float64{100, 101, 102}, []float64{1, 2, 3}, 0.05)
	fmt.Println(shift.Value, shift.Low, shift.High)
	// Output:
	// 99 -Inf +Inf
}

// Latency histograms with common buckets.
func ExampleBinnedU() {
	canary := []float64{10, 40, 30, 20}
	baseline := []float64{20, 50, 25, 5}
	superiority := rank.BinnedU(canary, baseline) / (100 * 100)
	fmt.Printf("a canary's request is slower with probability %.2f\n", superiority)
	// Output:
	// a canary's request is slower with probability 0.63
}
