package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

var t0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// level returns a span of n minutes of a gauge whose sides differ by independent
// noise in logarithms, and for the length of every so many windows by an offset.
func level(name string, n, window int, noise, offset float64, odd int, random *rand.Rand) Signal {
	s := judge.Sample{Step: time.Minute, Signal: judge.Signal{
		Name: name, Direction: judge.Increase, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
	}}
	for i := range n {
		half := noise / math.Sqrt2
		v := math.Exp(half * random.NormFloat64())
		if odd > 0 && i/window%odd == 0 {
			v *= 1 + offset
		}
		s.Baseline.Values = append(s.Baseline.Values, math.Exp(half*random.NormFloat64()))
		s.Canary.Values = append(s.Canary.Values, v)
	}
	return Signal{Sample: s}
}

func spanOf(n int, signals ...Signal) *Span {
	c := analysis.Config{Name: "simulated", Alpha: 0.05, Schedule: analysis.Schedule{Duration: 30 * time.Minute, Interval: time.Minute}}
	for i, s := range signals {
		c.Metrics = append(c.Metrics, analysis.Metric{Signal: s.Sample.Signal, Source: "s", Query: fmt.Sprint("q", i)})
	}
	return &Span{Config: c, Window: metrics.Window{Start: t0, End: t0.Add(time.Duration(n) * time.Minute)}, Signals: signals}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
