package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/report"
)

// A result as analysis.Run returns it, printed for a log.
func ExampleText() {
	start := time.Date(2026, 11, 21, 10, 5, 0, 0, time.UTC)
	latency := judge.Finding{
		Signal:         judge.Signal{Name: "latency-p99", Unit: "s", Direction: judge.Increase},
		Classification: judge.High,
		Verdict:        judge.Fail,
		Baseline:       judge.Summary{Count: 30, Level: 0.213},
		Canary:         judge.Summary{Count: 30, Level: 0.388},
		Effect:         judge.Effect{Measure: judge.RatioOfLevels, Estimate: 1.82, Low: 1.74, High: 1.91, Level: 0.95},
		Reason:         "82% higher than the baseline, more than the margin of 5%",
	}
	r := &analysis.Result{
		Judgment: judge.Decide([]judge.Finding{latency}, 0.05),
		Config:   "checkout",
		Scopes: analysis.Scopes{
			Baseline: map[string]string{"track": "stable"},
			Canary:   map[string]string{"track": "canary"},
		},
		Window:   metrics.Window{Start: start, End: start.Add(30 * time.Minute)},
		Interval: time.Minute,
	}
	if err := report.Text(os.Stdout, r, report.TextOptions{Width: 130}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ✗ FAIL: the canary is worse than the baseline: latency-p99 +82.0%, 388 ms against 213 ms.
	// checkout · track=canary vs track=stable · 2026-11-21 10:05 to 10:35 UTC (30 min, 30 × 1 min)
	//
	//   metric       baseline  canary  effect  95% interval      verdict  reason
	// ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
	//   latency-p99    213 ms  388 ms  +82.0%  +74.0% to +91.0%  ✗ FAIL   82% higher than the baseline, more than the margin of 5%
	//
	// score 0 of 100 · 1 metric: 1 FAIL · false alarms at most 5%
}
