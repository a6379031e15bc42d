package distribution_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

// numbers reads data as float64, small whole ones for most.
func numbers(data []byte) []float64 {
	var x []float64
	for len(data) > 0 {
		if b := data[0]; b < 0xf0 {
			x = append(x, float64(int8(b)))
			data = data[1:]
		} else if len(data) >= 9 {
			x = append(x, math.Float64frombits(binary.LittleEndian.Uint64(data[1:])))
			data = data[9:]
		} else {
			break
		}
	}
	return x
}

// valid tests that what was read is a histogram, and survives every operation.
func valid(t *testing.T, h judge.Histogram, err error) {
	t.Helper()
	if err != nil {
		if len(h.Counts) > 0 {
			t.Errorf("an error with a histogram: %v, %+v", err, h)
		}
		return
	}
	if err := distribution.Check(h); err != nil {
		t.Errorf("%v: %+v", err, h)
	}
	m := distribution.Merge(h, h)
	if err := distribution.Check(m); err == nil && m.Total() != 2*h.Total() {
		t.Errorf("merged with itself: %v observations, want %v", m.Total(), 2*h.Total())
	}
	for _, c := range distribution.Increase(h, h).Counts {
		if c != 0 {
			t.Errorf("no increase: %v", c)
		}
	}
	if h.Total() == 0 {
		return
	}
	if d := distribution.CliffsDelta(h, h); math.Abs(d) > 1e-6 {
		t.Errorf("delta %v against itself", d)
	}
	if d := distribution.Wasserstein(h, h); d != 0 {
		t.Errorf("distance %v from itself", d)
	}
	last := math.Inf(-1)
	for _, q := range []float64{0, 0.25, 0.5, 0.99, 1} {
		v := distribution.Quantile(h, q)
		if v < last {
			t.Errorf("quantiles descend: %v after %v", v, last)
		}
		if !math.IsNaN(v) {
			last = v
		}
		if low, high := distribution.Share(h, v); low > high || low < 0 || high > 1 {
			t.Errorf("share above %v: %v to %v", v, low, high)
		}
	}
}

func FuzzClassic(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{4, 5, 6})
	f.Fuzz(func(t *testing.T, le, counts []byte) {
		edges := numbers(le)
		h, err := distribution.Classic(append(edges, inf), numbers(counts))
		valid(t, h, err)
	})
}

func FuzzNative(f *testing.F) {
	f.Add(3, []byte{1, 2, 3, 2}, []byte{4, 5, 6, 7}, 0.001, 5.0)
	f.Add(-53, []byte{0, 2}, []byte{4, 5}, 0.0, 0.0)
	f.Fuzz(func(t *testing.T, schema int, spans, counts []byte, threshold, zero float64) {
		n := distribution.Native{Schema: schema, ZeroThreshold: threshold, ZeroCount: zero, Positive: numbers(counts)}
		for ; len(spans) >= 2; spans = spans[2:] {
			n.PositiveSpans = append(n.PositiveSpans, distribution.Span{Offset: int(int8(spans[0])), Length: int(int8(spans[1]))})
		}
		if schema != distribution.CustomBuckets {
			n.NegativeSpans, n.Negative = n.PositiveSpans, n.Positive
		} else {
			n.CustomBounds = []float64{1, 2, 5, 10}
		}
		h, err := n.Histogram()
		valid(t, h, err)
	})
}

func FuzzExponential(f *testing.F) {
	f.Add(3, -2, []byte{4, 5, 6}, 2, []byte{3}, 0.001, 5.0)
	f.Fuzz(func(t *testing.T, scale, offset int, positive []byte, negativeOffset int, negative []byte, threshold, zero float64) {
		h, err := distribution.Exponential{
			Scale: scale, ZeroThreshold: threshold, ZeroCount: zero,
			Positive: distribution.Buckets{Offset: offset, Counts: numbers(positive)},
			Negative: distribution.Buckets{Offset: negativeOffset, Counts: numbers(negative)},
		}.Histogram()
		valid(t, h, err)
	})
}

func FuzzDDSketch(f *testing.F) {
	f.Add(1.02, 0.5, []byte{1, 2, 3, 4}, 1.0)
	f.Fuzz(func(t *testing.T, gamma, offset float64, bins []byte, zero float64) {
		d := distribution.DDSketch{Gamma: gamma, Offset: offset, ZeroCount: zero, Positive: map[int]float64{}, Negative: map[int]float64{}}
		x := numbers(bins)
		for ; len(x) >= 2; x = x[2:] {
			if len(x)%3 == 0 {
				d.Negative[int(x[0])] = x[1]
			} else {
				d.Positive[int(x[0])] = x[1]
			}
		}
		h, err := d.Histogram()
		valid(t, h, err)
	})
}

func FuzzRecorder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := distribution.FromValues(numbers(data))
		valid(t, h, err)
	})
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte{0, 1, 2, 4}, []byte{1, 2, 3, 5, 5, 5}, byte(0))
	f.Add([]byte{0, 1, 2, 4, 8}, []byte{100, 50, 3, 5, 5, 5, 90, 40, 6, 7}, byte(0xff))
	f.Fuzz(func(t *testing.T, bounds, counts []byte, options byte) {
		edges, x := numbers(bounds), numbers(counts)
		s := judge.Sample{Signal: judge.Signal{Kind: judge.Distribution, Direction: judge.Direction(options % 3)}}
		if options&4 != 0 {
			s.Signal.Margin, s.Signal.Tolerance = judge.Margin{Relative: 0.05, Absolute: 1e-3}, judge.Margin{Relative: 0.25}
		}
		size := max(len(edges)-1, 1)
		for len(x) > 0 && len(s.Baseline.Histograms) < 200 {
			k := min(size, len(x))
			h := judge.Histogram{Bounds: edges, Counts: x[:k]}
			if options&8 != 0 && k < len(edges) {
				h.Bounds = edges[:k+1]
			}
			x = x[k:]
			// Long windows of few bytes, with many observations.
			for range 1 + int(options>>4) {
				more := judge.Histogram{Bounds: h.Bounds}
				for _, c := range h.Counts {
					more.Counts = append(more.Counts, 100*c)
				}
				s.Baseline.Histograms = append(s.Baseline.Histograms, h)
				s.Canary.Histograms = append(s.Canary.Histograms, more)
			}
		}
		if options&16 != 0 {
			s.History = &judge.Pair{Baseline: s.Canary, Canary: s.Baseline}
		}
		consistent(t, s, distribution.Judge{}.Judge(s))
	})
}
