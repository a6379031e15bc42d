package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func samples(n int, ties bool) (x, y []float64) {
	r := rand.New(rand.NewPCG(1, 1))
	x, y = make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		if ties {
			x[i], y[i] = math.Round(4*x[i]), math.Round(4*y[i])
		}
	}
	return x, y
}

func BenchmarkMannWhitney(b *testing.B) {
	for _, n := range []int{10, 50, 1440} {
		for _, ties := range []bool{false, true} {
			x, y := samples(n, ties)
			b.Run(fmt.Sprintf("values=%d/ties=%v", n, ties), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					MannWhitney(x, y)
				}
			})
		}
	}
}

func BenchmarkShift(b *testing.B) {
	for _, n := range []int{10, 60, 1440, 10000} {
		x, y := samples(n, false)
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Shift(x, y, 0.05)
			}
		})
	}
}

func BenchmarkCenter(b *testing.B) {
	for _, n := range []int{60, 1440} {
		x, _ := samples(n, false)
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Center(x, 0.05)
			}
		})
	}
}

func BenchmarkBrunnerMunzel(b *testing.B) {
	for _, n := range []int{6, 9, 60} {
		x, y := samples(n, false)
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				BrunnerMunzel(x, y)
			}
		})
	}
}
