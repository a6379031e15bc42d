package mannwhitney

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// kayentaSpeed is Kayenta's judge in judgments per CPU-second, by points a
// side.
var kayentaSpeed = map[int]float64{60: 694, 1440: 26, 10000: 2.5}

// BenchmarkJudge judges one whole metric per iteration: latencies in ms that
// were not seen before, in the order of time, default settings, on one
// goroutine. judgments/s is by the clock; x-kayenta compares CPU time with CPU
// time, so that it holds on a busy machine too.
func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{60, 1440, 10000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			benchmark(b, n, DefaultSettings(MeanRatio), func(r *rand.Rand) float64 {
				return 100 * math.Exp(r.NormFloat64()/2)
			})
		})
	}
}

// BenchmarkVariants is BenchmarkJudge for other data and settings.
func BenchmarkVariants(b *testing.B) {
	all := DefaultSettings(CommonLanguage)
	all.Outliers = RemoveOutliers
	values := map[string]func(r *rand.Rand) float64{
		"latency/s":       func(r *rand.Rand) float64 { return 0.1 * math.Exp(r.NormFloat64()/2) },
		"rounded-to-µs":   func(r *rand.Rand) float64 { return math.Round(1e5*math.Exp(r.NormFloat64()/2)) / 1e3 },
		"counts":          func(r *rand.Rand) float64 { return math.Round(50 + 7*r.NormFloat64()) },
		"mostly-zero":     func(r *rand.Rand) float64 { return math.Max(0, r.NormFloat64()-1) },
		"ratio-of-errors": func(r *rand.Rand) float64 { return math.Round(5*r.ExpFloat64()) / 1000 },
	}
	for name, value := range values {
		b.Run(name+"/n=1440", func(b *testing.B) { benchmark(b, 1440, DefaultSettings(MeanRatio), value) })
	}
	b.Run("outliers-and-cles/n=1440", func(b *testing.B) {
		benchmark(b, 1440, all, func(r *rand.Rand) float64 { return 100 * math.Exp(r.NormFloat64()/2) })
	})
}

func benchmark(b *testing.B, n int, s Settings, value func(*rand.Rand) float64) {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	// Samples are windows of longer series, so that drawing them costs
	// nothing and few iterations share many values.
	series := make([]float64, 64*n)
	for i := range series {
		series[i] = value(r)
	}
	c := Config{
		Metrics: []Metric{{Name: "latency", Groups: []string{"all"}, Settings: s}},
		Pass:    95, Marginal: 75,
	}
	pair := make([]Pair, 1)
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		x, y := r.IntN(63*n), r.IntN(63*n)
		pair[0] = Pair{Metric: "latency", Control: series[y : y+n], Experiment: series[x : x+n]}
		if _, err := c.Judge(pair); err != nil {
			b.Fatal(err)
		}
	}
	used := cpuTime() - start
	if used == 0 {
		used = b.Elapsed()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "judgments/s")
	b.ReportMetric(float64(b.N)/used.Seconds()/kayentaSpeed[n], "x-kayenta")
}
