package srm_test

import (
	"fmt"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/srm"
)

// A canary at a weight of 10 %, most of whose pods are not ready.
func Example() {
	finding := srm.Judge{Share: 0.1}.Judge(judge.Sample{
		Signal: judge.Signal{Name: "requests", Kind: judge.Count},
		Pair: judge.Pair{
			Baseline: judge.Side{Values: []float64{981, 1012, 977, 1003, 968, 1020, 995, 970, 1008, 989}},
			Canary:   judge.Side{Values: []float64{22, 19, 23, 20, 21, 24, 18, 22, 21, 23}},
		},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// FAIL
	// the canary gets 2.1% of the traffic instead of 10% (10136 requests); 6% to 16.7% would be nobody's concern
}

// Three versions at 80, 10 and 10 %, watched as requests arrive.
func ExampleTest() {
	test, err := srm.NewTest([]float64{80, 10, 10}, srm.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for minute := 1; test.PValue() > 0.001; minute++ {
		if err := test.Add(402, 50, 21); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("minute %d: p %.1g, shares %.2f\n", minute, test.PValue(), test.Observed())
	}
	// Output:
	// minute 1: p 0.002, shares [0.85 0.11 0.04]
	// minute 2: p 2e-07, shares [0.85 0.11 0.04]
}

// How strong is the evidence that 10 pods against 1 do not share the traffic
// evenly?
func ExampleLogEValue() {
	fmt.Printf("%.1f\n", srm.LogEValue([]float64{10120, 880}, []float64{10, 1}, 0))
	// Output: 5.8
}
