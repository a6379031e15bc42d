package judgetest_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

// How often is a slowdown by a tenth found within an hour, if both arms share
// a load that moves them by a third?
func ExampleGauge() {
	world := judgetest.Gauge{Noise: 0.1, Shock: 0.35}.World("checkout", 60, 0)
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 200 {
		if (paired.Judge{}).Judge(world.Draw(random, 1.1)).Verdict == judge.Fail {
			found++
		}
	}
	fmt.Println(found > 180)
	// Output: true
}
