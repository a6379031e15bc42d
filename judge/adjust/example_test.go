package adjust_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge/adjust"
)

// Five signals at 0.05: two look bad, one of them survives that five were
// asked.
func ExampleHolm() {
	p := []float64{0.004, 0.03, 0.2, 0.5, 0.9}
	fmt.Printf("%.3f\n", adjust.Holm(p))
	// Output:
	// [0.020 0.120 0.600 1.000 1.000]
}

// Errors matter four times as much as any other signal.
func ExampleWeightedHolm() {
	p := []float64{0.03, 0.03, 0.2}
	fmt.Printf("%.3f\n", adjust.WeightedHolm(p, []float64{4, 1, 1}))
	// Output:
	// [0.045 0.060 0.200]
}

// A list of log templates for a person: at most a tenth of it is wrong, in the
// mean, however they depend on each other.
func ExampleEBH() {
	e := []float64{120, 60, 3, 1, 0.2}
	for i, q := range adjust.EBH(e) {
		if q <= 0.1 {
			fmt.Println("template", i)
		}
	}
	// Output:
	// template 0
	// template 1
}
