package backtest

import (
	"math"
	"testing"
)

// Reference values: Newcombe 1998, Statistics in Medicine 17:857-872, table I,
// method 3 (score without continuity correction), printed with four digits.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, cases int
		low, high   float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0.0000, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		low, high := Rate{c.hits, c.cases}.Interval()
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 { // half a unit of the last digit
			t.Errorf("%d of %d: %.5f to %.5f, want %.4f to %.4f", c.hits, c.cases, low, high, c.low, c.high)
		}
		// The interval of what did not happen is the mirror image.
		low2, high2 := Rate{c.cases - c.hits, c.cases}.Interval()
		if math.Abs(low2-(1-high)) > 1e-15 || math.Abs(high2-(1-low)) > 1e-15 { // a few units of rounding below 1
			t.Errorf("%d of %d: %v to %v is no mirror image of %v to %v", c.cases-c.hits, c.cases, low2, high2, low, high)
		}
	}
	if low, high := (Rate{}).Interval(); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("no cases have the interval %v to %v", low, high)
	}
}
