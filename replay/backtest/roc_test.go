package backtest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The area is the share of pairs that are in order, counted one by one.
func TestArea(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var c curve
	var healthy, faulty []float64
	for range 300 {
		// Rounded to half units, which are bins of their own: ties are ties.
		h, f := math.Round(2*5*r.ExpFloat64())/2, math.Round(2*8*r.ExpFloat64())/2-3
		c.add(h, false)
		c.add(f, true)
		healthy, faulty = append(healthy, h), append(faulty, f)
	}
	sum := 0.0
	for _, h := range healthy {
		for _, f := range faulty {
			switch {
			case bin(f) > bin(h):
				sum++
			case bin(f) == bin(h):
				sum += 0.5
			}
		}
	}
	want := sum / float64(len(healthy)*len(faulty))
	// 601 additions of numbers below 1.
	if got := area(c.points()); math.Abs(got-want) > 601*0x1p-53 {
		t.Errorf("area %v, want %v", got, want)
	}
}

func TestAreaExtremes(t *testing.T) {
	var c curve
	if a := area(c.points()); !math.IsNaN(a) {
		t.Errorf("area %v without cases", a)
	}
	c.add(math.Inf(-1), false)
	if a := area(c.points()); !math.IsNaN(a) {
		t.Errorf("area %v without faulty cases", a)
	}
	c.add(math.Inf(1), true)
	c.add(math.NaN(), false)
	if a := area(c.points()); a != 1 {
		t.Errorf("area %v of cases that are apart", a)
	}
	c.add(math.Inf(1), false)
	if a := area(c.points()); math.Abs(a-5.0/6) > 1e-15 { // (1 + 1 + 1/2) / 3, rounded
		t.Errorf("area %v, want 5/6", a)
	}
}

// Differences of 2 % are seen at any scale, and the number of bins is bounded.
func TestCurveResolution(t *testing.T) {
	for v := 1e-3; v < 1e5; v *= 10 {
		if bin(v) == bin(1.02*v) || bin(-v) == bin(-1.02*v) {
			t.Errorf("%v and 2 %% more are in one bin", v)
		}
	}
	if n := bin(math.Inf(1)) - bin(math.Inf(-1)); n > 5000 {
		t.Errorf("%d bins", n)
	}
}
