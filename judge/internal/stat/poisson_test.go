package stat

import (
	"math"
	"testing"
)

// R: poisson.test(11)$conf.int is 5.491160 19.682039.
func TestPoissonBounds(t *testing.T) {
	checkNear(t, "low of 11", PoissonLow(11, 0.025), 5.491160, 1e-6)
	checkNear(t, "high of 11", PoissonHigh(11, 0.025), 19.682039, 1e-6)
	checkNear(t, "low of none", PoissonLow(0, 0.025), 0, 0)
	checkNear(t, "high of none", PoissonHigh(0, 0.025), -math.Log(0.025), 1e-9)
	checkNear(t, "low of 1e8", PoissonLow(1e8, 0.025), 1e8-1.96e4, 1e-7)
	checkNear(t, "high of 1e8", PoissonHigh(1e8, 0.025), 1e8+1.96e4, 1e-7)
	checkNear(t, "low of NaN", PoissonLow(math.NaN(), 0.025), math.NaN(), 0)
	checkNear(t, "high without a level", PoissonHigh(3, 0), math.NaN(), 0)
}
