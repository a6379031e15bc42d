package mannwhitney

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestKeysOrderAsJavaDoes(t *testing.T) {
	ascending := []float64{
		math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1),
		0, math.SmallestNonzeroFloat64, 1, math.Nextafter(1, 2), math.MaxFloat64, math.Inf(1),
	}
	for i, v := range ascending {
		if got := value(key(v)); math.Float64bits(got) != math.Float64bits(v) {
			t.Errorf("value(key(%v)) = %v", v, got)
		}
		for j, w := range ascending {
			if got, want := cmp.Compare(key(v), key(w)), cmp.Compare(i, j); got != want {
				t.Errorf("keys of %v and %v compare as %d, want %d", v, w, got, want)
			}
		}
	}
	if key(math.NaN()) != key(math.Inf(1)) {
		t.Error("NaN does not rank as infinity")
	}
}

func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	kinds := map[string]func(i, n int) uint64{
		"any":         func(int, int) uint64 { return r.Uint64() },
		"latencies":   func(int, int) uint64 { return key(math.Exp(r.NormFloat64())) },
		"signs":       func(int, int) uint64 { return key(r.NormFloat64()) },
		"few":         func(int, int) uint64 { return key(float64(r.IntN(4))) },
		"same":        func(int, int) uint64 { return 7 },
		"ascending":   func(i, _ int) uint64 { return uint64(i) },
		"descending":  func(i, n int) uint64 { return uint64(n - i) },
		"clustered":   func(int, int) uint64 { return uint64(1)<<r.IntN(64) + r.Uint64N(4) },
		"one far off": func(i, _ int) uint64 { return uint64(r.IntN(1000)) + uint64(i%97/96)<<63 },
	}
	s := new(sorter)
	for name, kind := range kinds {
		for _, n := range []int{0, 1, 2, 5, 23, 24, 25, 60, 500, 999, 1000, 3000} {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = kind(i, n)
			}
			want := slices.Sorted(slices.Values(keys))
			s.sort(keys)
			if !slices.Equal(keys, want) {
				t.Errorf("%s: %d keys are not in order", name, n)
			}
		}
	}
}
