package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What Sorted and Running return is what the functions return of the same
// numbers; sums in another order differ in their last digits.
func TestSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var s Sorted
	var m Running
	var x []float64
	for n := 1; n <= 400; n++ {
		v := math.Round(8*r.NormFloat64()) / 8 // with ties
		if n%37 == 0 {
			v *= 50
		}
		s.Add(v)
		m.Add(v)
		x = append(x, v)
		scratch, pseudo := append([]float64(nil), x...), make([]float64, n)
		median := Median(scratch)
		if got := s.Median(); got != median {
			t.Fatalf("%d: median %v, want %v", n, got, median)
		}
		for _, center := range []float64{median, x[0], -100, 100, 0.3} {
			copy(scratch, x)
			if got, want := s.MAD(center), MAD(scratch, center); got != want {
				t.Fatalf("%d: MAD from %v is %v, want %v", n, center, got, want)
			}
		}
		want := Huber(x, pseudo, scratch, 0)
		mu, scale, core, flat := s.Huber(0)
		if math.Abs(mu-want) > 1e-12*(1+math.Abs(want)) {
			t.Fatalf("%d: Huber %v, want %v", n, mu, want)
		}
		for _, trend := range []bool{false, true} {
			series := NewSeries(pseudo)
			if trend {
				series = NewTrendSeries(pseudo)
			}
			if flat {
				continue
			}
			got := ClippedSeries(x, mu, scale, HuberK, trend, scratch)
			if got.Variance /= core * core; math.Abs(got.Variance-series.Variance) > 1e-9*series.Variance || math.Abs(got.Lag1-series.Lag1) > 1e-9 || got.trend != series.trend {
				t.Fatalf("%d, trend %v: %+v, want %+v", n, trend, got, series)
			}
		}
		d := Describe(x)
		if math.Abs(m.Mean-d.Mean) > 1e-12*(1+math.Abs(d.Mean)) || math.Abs(m.Std()-d.Std) > 1e-12*(1+d.Std) || s.Min() != d.Min || s.Max() != d.Max {
			t.Fatalf("%d: %v %v, want %+v", n, m.Mean, m.Std(), d)
		}
	}
}
