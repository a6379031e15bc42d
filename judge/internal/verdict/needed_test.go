package verdict

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func TestNeeded(t *testing.T) {
	l := Limits{MarginLow: -0.05, MarginHigh: 0.05, ToleranceLow: -0.25, ToleranceHigh: 0.25}
	const q = 2
	o := Outlook{Intervals: 30, Estimate: 0.1, Below: 0.05, Above: 0.05, Quantile: q}
	// FAIL wants (q+z) se = 0.05, PASS the lesser (q+z) se = 0.15.
	want := int(math.Ceil(30 * math.Pow((q+powerQuantile)*0.05/0.15, 2)))
	want = max(want, 31)
	if got := o.Needed(l, judge.Increase); got != want {
		t.Errorf("increase: %d, want %d", got, want)
	}
	o.Estimate = 0.3
	want = int(math.Ceil(30 * math.Pow((q+powerQuantile)*0.05/0.25, 2)))
	want = max(want, 31)
	if got := o.Needed(l, judge.Either); got != want {
		t.Errorf("either: %d, want %d", got, want)
	}
	if got := o.Needed(l, judge.Decrease); got < 31 {
		t.Errorf("decrease: %d, want more than there are", got)
	}

	wide := Outlook{Intervals: 30, Estimate: 0.1, Below: 0.5, Above: 0.5, Quantile: q}
	if got, want := wide.Needed(l, judge.Increase), int(math.Ceil(30*math.Pow((q+powerQuantile)*0.5/0.15, 2))); got != want {
		t.Errorf("wide interval: %d, want %d", got, want)
	}
	// The history's own error alone is wider than the gap.
	wide.Fixed = 0.2
	if got := wide.Needed(l, judge.Increase); got != 0 {
		t.Errorf("history too short: %d, want 0 for never", got)
	}
	// Exactly between margin and tolerance that leave nothing between them.
	narrow := Limits{MarginHigh: 0.1, ToleranceHigh: 0.1, MarginLow: -0.1, ToleranceLow: -0.1}
	on := Outlook{Intervals: 30, Estimate: 0.1, Below: 0.1, Above: 0.1, Quantile: q}
	if got := on.Needed(narrow, judge.Increase); got != 0 {
		t.Errorf("on the limit: %d, want 0 for never", got)
	}
}

// docs/statistics.md: 89 events for a rate ratio of 2 at one-sided alpha
// 0.01 and power 0.8, 252 for 1.5.
func TestNeededAgainstPlanning(t *testing.T) {
	for ratio, want := range map[float64]float64{1.5: 252, 2: 89} {
		const intervals = 1000
		baseline := 1.0 // events an interval
		se := math.Sqrt(1/(intervals*baseline) + 1/(intervals*baseline*ratio))
		n := Outlook{Intervals: 1, Estimate: math.Log(ratio), Below: se * math.Sqrt(intervals), Quantile: 2.326}.
			Needed(Limits{ToleranceHigh: math.Inf(-1)}, judge.Increase)
		events := float64(n) * baseline * (1 + ratio)
		if math.Abs(events-want) > 0.1*want {
			t.Errorf("rate ratio %g: %.0f events, want about %g", ratio, events, want)
		}
	}
}
