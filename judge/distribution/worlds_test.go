package distribution_test

import (
	"math"
	"math/rand/v2"

	"github.com/judged-dev/judged/judge"
)

// requests is a world of lognormal latencies, request by request.
type requests struct {
	// Intervals of the window and of the history before it.
	Intervals, History int
	// PerInterval is the number of requests of the baseline, Canary that of the
	// canary as a part of it (0 is 1).
	PerInterval int
	Canary      float64
	// Effect is the standard deviation of what moves all requests of an arm in an
	// interval, Shared of what moves both arms. Logarithms: 0.03 is 3 %.
	Effect, Shared float64
	// Offset is by how much the canary is slower already in the history.
	Offset float64
	// Bounds are the edges of the buckets; nil for native ones of schema 3.
	Bounds []float64
}

// sigma is the spread of a request's latency: 0.6 makes the p99 four times the
// median, as in docs/evaluation.md.
const sigma, median = 0.6, 0.1

// change is what a release does to latencies.
type change struct {
	// Shift is the factor for all, Slow a share that takes 4 times as long.
	Shift, Slow float64
}

// classic are the default buckets of Prometheus' client libraries.
var classic = []float64{0, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, math.Inf(1)}

// native covers 1 ms to 30 s at schema 3: 9 % wide buckets.
var native = func() []float64 {
	var bounds []float64
	for i := -80; i <= 40; i++ {
		bounds = append(bounds, math.Exp2(float64(i)/8))
	}
	return bounds
}()

func (w requests) draw(r *rand.Rand, c change) judge.Sample {
	s := judge.Sample{Signal: judge.Signal{Name: "latency", Kind: judge.Distribution, Unit: "s", Direction: judge.Increase}}
	s.Pair = w.pair(r, w.Intervals, c)
	if w.History > 0 {
		past := w.pair(r, w.History, change{})
		s.History = &past
	}
	return s
}

func (w requests) pair(r *rand.Rand, n int, c change) judge.Pair {
	var p judge.Pair
	part := w.Canary
	if part == 0 {
		part = 1
	}
	shift := w.Offset
	if c.Shift > 0 {
		shift += math.Log(c.Shift)
	}
	for range n {
		shared := w.Shared * r.NormFloat64()
		p.Baseline.Histograms = append(p.Baseline.Histograms, w.interval(r, w.PerInterval, shared+w.Effect*r.NormFloat64(), 0))
		p.Canary.Histograms = append(p.Canary.Histograms, w.interval(r, int(part*float64(w.PerInterval)), shared+shift+w.Effect*r.NormFloat64(), c.Slow))
	}
	return p
}

// interval draws n requests into buckets.
func (w requests) interval(r *rand.Rand, n int, effect, slow float64) judge.Histogram {
	h := judge.Histogram{Bounds: w.Bounds}
	if h.Bounds == nil {
		h.Bounds = native
	}
	h.Counts = make([]float64, len(h.Bounds)-1)
	for range n {
		x := math.Log(median) + sigma*r.NormFloat64() + effect
		if slow > 0 && r.Float64() < slow {
			x += math.Log(4)
		}
		if w.Bounds == nil {
			k := int(math.Ceil(x*8/math.Ln2)) + 80 - 1
			h.Counts[min(max(k, 0), len(h.Counts)-1)]++
			continue
		}
		v := math.Exp(x)
		k := 0
		for w.Bounds[k+1] < v {
			k++
		}
		h.Counts[k]++
	}
	return h
}
