package verdict

import (
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
)

func TestExplain(t *testing.T) {
	signal := judge.Signal{
		Direction: judge.Increase,
		Margin:    judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
	}
	s := judge.Sample{Step: time.Minute}
	s.Baseline.Values = make([]float64, 30)
	effect := func(estimate, low, high float64) judge.Effect {
		return judge.Effect{Measure: judge.RatioOfLevels, Estimate: estimate, Low: low, High: high}
	}
	for _, c := range []struct {
		f    judge.Finding
		a    Account
		want string
	}{
		{
			judge.Finding{Signal: signal, Verdict: judge.Fail, Classification: judge.High, Effect: effect(1.21, 1.15, 1.27)},
			Account{},
			"worse by more than the margin of 5%",
		}, {
			judge.Finding{Verdict: judge.Fail, Classification: judge.High, Effect: effect(1.21, 1.15, 1.27)},
			Account{},
			"worse by more than chance explains",
		}, {
			judge.Finding{Signal: signal, Verdict: judge.Pass, Classification: judge.Similar, Effect: effect(1.01, 0.98, 1.04)},
			Account{},
			"within the tolerance of 25%",
		}, {
			judge.Finding{Signal: signal, Verdict: judge.Pass, Classification: judge.Low, Effect: effect(0.8, 0.7, 0.9)},
			Account{},
			"better than the baseline",
		}, {
			judge.Finding{Signal: signal, Effect: effect(1.1, 0.9, 1.4), Needed: 65},
			Account{},
			"too early to tell; about 35 more intervals (35 minutes) would decide",
		}, {
			judge.Finding{Signal: signal, Effect: effect(1.1, 0.9, 1.4)},
			Account{Note: "in the last 15 intervals"},
			"cannot tell; waiting longer is unlikely to decide (in the last 15 intervals)",
		},
	} {
		f := c.f
		Explain(&f, s, c.a)
		if f.Reason != c.want {
			t.Errorf("got  %s\nwant %s", f.Reason, c.want)
		}
	}
}

func TestMoreIntervals(t *testing.T) {
	for _, c := range []struct {
		needed int
		step   time.Duration
		want   string
	}{
		{11, 0, "1 more interval"},
		{5, 10 * time.Second, "1 more interval (10 seconds)"},
		{40, time.Minute, "30 more intervals (30 minutes)"},
		{400, time.Minute, "390 more intervals (7 hours)"},
		{10_000, time.Minute, "9990 more intervals (7 days)"},
		{10_000_000, 24 * time.Hour, "9999990 more intervals"},
	} {
		s := judge.Sample{Step: c.step}
		s.Baseline.Values = make([]float64, 10)
		if got := MoreIntervals(c.needed, s); got != c.want {
			t.Errorf("%d needed: %q, want %q", c.needed, got, c.want)
		}
	}
}
