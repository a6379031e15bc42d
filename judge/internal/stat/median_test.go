package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name string
		x    []float64
		want float64
	}{
		{"none", nil, math.NaN()},
		{"one", []float64{3}, 3},
		{"odd", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 3, 2}, 2.5},
		{"equal", []float64{2, 2, 2, 2}, 2},
		{"huge", []float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
		{"opposite huge", []float64{-math.MaxFloat64, math.MaxFloat64}, 0},
		{"denormal", []float64{5e-324, 5e-324}, 5e-324},
	} {
		checkNear(t, c.name, Median(slices.Clone(c.x)), c.want, 0)
	}
}

// Selection against sorting, on inputs that defeat careless pivots too.
func TestMedianAgainstSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i, n int) float64{
		"random":    func(int, int) float64 { return r.Float64() },
		"ties":      func(int, int) float64 { return float64(r.IntN(3)) },
		"rising":    func(i, _ int) float64 { return float64(i) },
		"falling":   func(i, n int) float64 { return float64(n - i) },
		"organ":     func(i, n int) float64 { return float64(min(i, n-i)) },
		"sawtooth":  func(i, _ int) float64 { return float64(i % 7) },
		"all equal": func(int, int) float64 { return 1 },
	}
	for name, shape := range shapes {
		for n := 1; n < 200; n++ {
			x := make([]float64, n)
			for i := range x {
				x[i] = shape(i, n)
			}
			sorted := slices.Sorted(slices.Values(x))
			want := between(sorted[(n-1)/2], sorted[n/2])
			for way, median := range map[string]func([]float64) float64{"Median": Median, "SplitMedian": SplitMedian} {
				y := slices.Clone(x)
				if got := median(y); got != want {
					t.Fatalf("%s, %d numbers: %s %v, want %v", name, n, way, got, want)
				}
				if slices.Sort(y); !slices.Equal(y, sorted) {
					t.Fatalf("%s, %d numbers: %s changed them to %v", name, n, way, y)
				}
			}
		}
	}
}

func TestMAD(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}
	// R: mad(c(1:9, 100), constant = 1) is 2.5.
	checkNear(t, "MAD", MAD(x, 5.5), 2.5, 0)
}
