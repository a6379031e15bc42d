package distribution_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge/distribution"
)

// A quantile differs from that of the sorted observations by no more than the
// width of a bucket, 1/64 of the value.
func TestRecorderAccuracy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 20000
	for _, c := range []struct {
		name string
		draw func() float64
	}{
		{"lognormal", func() float64 { return math.Exp(2 * r.NormFloat64()) }},
		{"signed", func() float64 { return 1e6 * math.Copysign(r.ExpFloat64(), r.NormFloat64()) }},
		{"all magnitudes", func() float64 { return math.Ldexp(1+r.Float64(), r.IntN(2000)-1000) }},
	} {
		values := make([]float64, n)
		for i := range values {
			values[i] = c.draw()
		}
		h, err := distribution.FromValues(values)
		if err != nil {
			t.Fatal(err)
		}
		if err := distribution.Check(h); err != nil {
			t.Fatal(err)
		}
		if got := h.Total(); got != n {
			t.Errorf("%s: %v observations of %d", c.name, got, n)
		}
		slices.Sort(values)
		for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 1} {
			want := values[int(math.Ceil(q*n))-1]
			if got := distribution.Quantile(h, q); math.Abs(got-want) > math.Abs(want)/64 {
				t.Errorf("%s: quantile %v is %v, of the sorted observations %v", c.name, q, got, want)
			}
		}
	}
}

func TestRecorderExtremes(t *testing.T) {
	var r distribution.Recorder
	for _, v := range []float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, inf, -inf, 1, -1} {
		if err := r.Add(v); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
	if err := r.Add(nan); err == nil {
		t.Error("NaN was counted")
	}
	h := r.Histogram()
	if err := distribution.Check(h); err != nil {
		t.Fatal(err)
	}
	if h.Total() != 10 {
		t.Errorf("%v observations of 10", h.Total())
	}
	for _, edge := range []struct{ at, above float64 }{{-1, 7}, {0, 4}, {1, 2}} {
		low, high := distribution.Share(h, edge.at)
		if low != edge.above/10 || high != low {
			t.Errorf("share above %v: %v to %v, want %v", edge.at, low, high, edge.above/10)
		}
	}
	r.Reset()
	if h := r.Histogram(); len(h.Counts) != 0 {
		t.Errorf("after Reset: %v", h)
	}
	_, err := distribution.FromValues([]float64{1, nan})
	refused(t, "NaN", err, "observation 1: NaN")
}

// An observation at an edge belongs to the bucket below, as everywhere else.
func TestRecorderEdges(t *testing.T) {
	h, err := distribution.FromValues([]float64{1, 2, 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{1, 2, 4} {
		if !slices.Contains(h.Bounds, v) {
			t.Errorf("%v is no edge of %v", v, h.Bounds)
		}
	}
	if low, high := distribution.Share(h, 2); low != 1.0/3 || high != low {
		t.Errorf("share above 2: %v to %v, want a third", low, high)
	}
}
