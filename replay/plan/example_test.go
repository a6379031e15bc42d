package plan_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/plan"
)

func Example() {
	// Errors: 0.1 % of 200 requests a minute, a tenth of them in the canary.
	p, err := plan.New(plan.Signal{Kind: judge.Ratio, Events: 0.18, Weight: 1.0 / 9}, plan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Time(p.Intervals(1)).Hours() > 10, p.Time(p.Intervals(4)).Hours() < 4)
	// Output: true true
}
