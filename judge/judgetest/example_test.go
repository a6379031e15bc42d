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

// A power curve: how often is each slowdown found, looking every five minutes?
func ExampleExperiment_Power() {
	curve, err := judgetest.Experiment{
		Judge:   paired.Judge{},
		World:   judgetest.Gauge{Noise: 0.1, Shock: 0.35}.World("checkout", 60, 120),
		Prepare: func(s *judge.Sample) { s.Signal.Direction = judge.Increase },
		Looks:   judgetest.LooksEvery(5, 5, 60),
		Samples: 200,
	}.Power(1, 1.05, 1.1, 1.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("healthy ones hardly ever:", curve[0].Share() < 0.1)
	fmt.Println("10 % most of the time:", curve[2].Share() > 0.8)
	fmt.Println("20 % always, and soon:", curve[3].Share() == 1, curve[3].Median <= 30)
	// Output:
	// healthy ones hardly ever: true
	// 10 % most of the time: true
	// 20 % always, and soon: true true
}
