package occurrences_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
)

// Three messages, by how many requests held them: 160 of the baseline and 40 of the
// canary.
func ExampleTest() {
	messages := []string{"order placed", "payment refused", "cache miss"}
	requests := func(baseline, canary float64) occurrences.Item {
		return occurrences.Item{
			Shares:   true,
			Baseline: judge.Tally{Events: baseline, Exposure: 160},
			Canary:   judge.Tally{Events: canary, Exposure: 40},
		}
	}
	results := occurrences.Test([]occurrences.Item{requests(150, 30), requests(1, 12), requests(8, 3)}, occurrences.Options{})
	for i, r := range results {
		if r.Kind != "" && r.Q <= 0.05 {
			fmt.Printf("%s: %s, %.0f times as often\n", messages[i], r.Kind, r.Effect.Estimate)
		}
	}
	// Output:
	// payment refused: up, 48 times as often
}

// Lines come in bursts of ten: what looks certain is one burst.
func ExampleItem_dispersion() {
	lines := occurrences.Item{
		Baseline:   judge.Tally{Events: 40, Exposure: 9}, // instance-hours
		Canary:     judge.Tally{Events: 20, Exposure: 1},
		Dispersion: 10,
	}
	fmt.Printf("p = %.2f\n", occurrences.Test([]occurrences.Item{lines}, occurrences.Options{})[0].PValue)
	// Output:
	// p = 0.23
}

// More of an error matters more than less of it: nine tenths of what may go wrong
// by chance are for more.
func ExampleItem_parts() {
	failures := occurrences.Item{
		Shares:   true,
		Baseline: judge.Tally{Events: 3, Exposure: 100},
		Canary:   judge.Tally{Events: 11, Exposure: 100},
		Up:       0.9, Down: 0.1,
	}
	fmt.Printf("p = %.3f\n", occurrences.Test([]occurrences.Item{failures}, occurrences.Options{})[0].PValue)
	// Output:
	// p = 0.027
}
