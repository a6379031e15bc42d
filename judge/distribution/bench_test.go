package distribution_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

func BenchmarkJudge(b *testing.B) {
	bounds := []float64{0}
	for v := 0.001; len(bounds) < 30; v *= 1.5 {
		bounds = append(bounds, v)
	}
	bounds = append(bounds, math.Inf(1))
	for _, c := range []struct {
		name  string
		world requests
	}{
		{"intervals=60/buckets=30", requests{Intervals: 60, PerInterval: 600, Canary: 0.98, Bounds: bounds}},
		{"intervals=60/buckets=30/history=480", requests{Intervals: 60, History: 480, PerInterval: 600, Canary: 0.98, Bounds: bounds}},
		{"intervals=60/buckets=30/waiting", requests{Intervals: 60, PerInterval: 60, Bounds: bounds}},
		{"intervals=60/buckets=120", requests{Intervals: 60, PerInterval: 600, Canary: 0.98}},
		{"intervals=1440/buckets=30", requests{Intervals: 1440, PerInterval: 600, Canary: 0.98, Bounds: bounds}},
		{"intervals=1440/buckets=120", requests{Intervals: 1440, PerInterval: 600, Canary: 0.98}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := signal(c.world.draw(rand.New(rand.NewPCG(1, 1)), change{Shift: 1.03}))
			b.ReportAllocs()
			for b.Loop() {
				distribution.Judge{}.Judge(s)
			}
		})
	}
	// Native histograms hold the buckets that were hit, each interval others.
	b.Run("intervals=1440/sparse", func(b *testing.B) {
		s := signal(requests{Intervals: 1440, PerInterval: 600}.draw(rand.New(rand.NewPCG(1, 1)), change{Shift: 1.03}))
		for _, side := range []judge.Side{s.Baseline, s.Canary} {
			for i, h := range side.Histograms {
				side.Histograms[i] = sparse(h)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			distribution.Judge{}.Judge(s)
		}
	})
}

// sparse cuts off empty buckets at both ends.
func sparse(h judge.Histogram) judge.Histogram {
	from, to := 0, len(h.Counts)
	for h.Counts[from] == 0 {
		from++
	}
	for h.Counts[to-1] == 0 {
		to--
	}
	return judge.Histogram{Bounds: h.Bounds[from : to+1], Counts: h.Counts[from:to]}
}

// BenchmarkRecorder adds observations to one histogram.
func BenchmarkRecorder(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 1<<16)
	for i := range values {
		values[i] = math.Exp(r.NormFloat64())
	}
	for _, n := range []int{1e4, 1e7} {
		b.Run(fmt.Sprintf("observations=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var rec distribution.Recorder
				for i := range n {
					_ = rec.Add(values[i&(len(values)-1)])
				}
				rec.Histogram()
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	s := requests{Intervals: 60, PerInterval: 600}.draw(rand.New(rand.NewPCG(1, 1)), change{})
	b.ReportAllocs()
	for b.Loop() {
		distribution.Merge(s.Baseline.Histograms...)
	}
}
