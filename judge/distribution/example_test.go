package distribution_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

// The median stays where it is, but one request in twenty waits for a lock.
func Example() {
	le := []float64{0.05, 0.1, 0.25, 0.5, 1, math.Inf(1)}
	var baseline, canary []judge.Histogram
	for minute := range 30 {
		load := float64(minute % 7)
		b, _ := distribution.Classic(le, []float64{300 - load, 800 - 2*load, 980, 996, 999, 1000})
		c, _ := distribution.Classic(le, []float64{298 - load, 770 + load, 930 - load, 948, 996 - load/2, 1000})
		baseline, canary = append(baseline, b), append(canary, c)
	}
	finding := distribution.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "latency", Kind: judge.Distribution, Unit: "s", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair: judge.Pair{
			Baseline: judge.Side{Histograms: baseline},
			Canary:   judge.Side{Histograms: canary},
		},
		Step: time.Minute,
	})
	fmt.Println(finding.Verdict)
	decided, _, _ := strings.Cut(finding.Reason, ";") // the other statistics follow
	fmt.Println(decided)
	// Output:
	// FAIL
	// p99 +133%: worse by more than the margin of 5%
}

// Prometheus' counters become intervals by subtraction, restarts included.
func ExampleIncrease() {
	le := []float64{0.1, 0.5, math.Inf(1)}
	var last judge.Histogram
	for _, counters := range [][]float64{{700, 950, 1000}, {770, 1045, 1100}, {40, 49, 50}} {
		now, err := distribution.Classic(le, counters)
		if err != nil {
			fmt.Println(err)
			return
		}
		if last.Total() > 0 {
			fmt.Println(distribution.Increase(last, now).Counts)
		}
		last = now
	}
	// Output:
	// [70 25 5]
	// [40 9 1]
}

// A Recorder counts single observations; its histograms merge without loss.
func ExampleRecorder() {
	var r distribution.Recorder
	for i := range 1000 {
		if err := r.Add(0.001 * float64(1+i)); err != nil {
			fmt.Println(err)
			return
		}
	}
	h := r.Histogram()
	fmt.Printf("%.0f observations, p50 %.2f s, p99 %.2f s\n", h.Total(), distribution.Quantile(h, 0.5), distribution.Quantile(h, 0.99))
	low, high := distribution.Share(h, 0.75)
	fmt.Printf("above 750 ms: %.3f to %.3f\n", low, high)
	// Output:
	// 1000 observations, p50 0.50 s, p99 0.99 s
	// above 750 ms: 0.250 to 0.250
}
