package stat

import (
	"math"
	"testing"
)

// By hand: t = (12.9 - 10.04)/(0.2302173 sqrt(1.2)); the p value is 2 pt(-t, 4) in R.
func TestCrawfordHowell(t *testing.T) {
	others := []float64{10.1, 9.8, 10.4, 10.0, 9.9}
	x, df, p := CrawfordHowell(12.9, others)
	checkNear(t, "t", x, 11.340637675769472, 1e-12)
	checkNear(t, "df", df, 4, 0)
	checkNear(t, "p", p, 0.0003446814942000731, 1e-10)
	x, _, p = CrawfordHowell(10, []float64{10, 10})
	checkNear(t, "t of equals", x, 0, 0)
	checkNear(t, "p of equals", p, 1, 0)
	x, _, p = CrawfordHowell(11, []float64{10, 10})
	if !math.IsInf(x, 1) || p != 0 {
		t.Errorf("apart from equals: t %v, p %v", x, p)
	}
	_, _, p = CrawfordHowell(1, []float64{10})
	checkNear(t, "one other", p, math.NaN(), 0)
}
