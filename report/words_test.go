package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

func TestEffect(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	seconds, share, percent := judge.Signal{Unit: "s"}, judge.Signal{Kind: judge.Ratio}, judge.Signal{Unit: "%"}
	cases := []struct {
		signal judge.Signal
		effect judge.Effect
		want   string
	}{
		{seconds, ratioOf(1.821, 1.743, 1.906), "+82.1%: +74.3% to +90.6%"},
		{seconds, ratioOf(12.34, 9.5, inf), "12.3x: 9.5x to +∞"},
		{seconds, ratioOf(inf, 8.3, inf), "+∞: 8.3x to +∞"},
		{seconds, ratioOf(0, 0, 0.25), "-100%: -100% to -75.0%"},
		{seconds, ratioOf(1, 1, 1), "±0%: ±0% to ±0%"},
		{seconds, ratioOf(1.1, 0, inf), "+10.0%: unknown"},
		{seconds, ratioOf(1.1, -inf, inf), "+10.0%: unknown"},
		{seconds, ratioOf(1.1, -inf, 2), "+10.0%: -100% to +100%"},
		{seconds, ratioOf(nan, nan, nan), "–: unknown"},
		{seconds, differenceOf(0.0123, -0.002, 0.03), "+12.3 ms: -2 to +30 ms"},
		{seconds, differenceOf(0.0123, -0.2, 3), "+12.3 ms: -200 ms to +3 s"},
		{seconds, differenceOf(0, -inf, inf), "±0 s: unknown"},
		{share, differenceOf(0.0123, -0.002, 0.03), "+1.23 pp: -0.2 to +3 pp"},
		{percent, differenceOf(-3, -5, -1), "-3 pp: -5 to -1 pp"},
		{judge.Signal{Unit: "messages"}, differenceOf(-12, -31, 7), "-12 messages: -31 to +7 messages"},
		{judge.Signal{}, differenceOf(-12, -31, 7), "-12: -31 to +7"},
	}
	for _, c := range cases {
		f := judge.Finding{Signal: c.signal, Effect: c.effect}
		got := estimate(f) + ": unknown"
		if low, high, ok := interval(f); ok {
			got = estimate(f) + ": " + low + " to " + high
		}
		if got != c.want {
			t.Errorf("%v of %v: got %q, want %q", c.effect, c.signal, got, c.want)
		}
		// Where judge renders effects too, both say the same.
		if s := c.effect.String(); c.effect.Measure == judge.RatioOfLevels && !math.IsInf(c.effect.Low, -1) && !strings.HasPrefix(s, estimate(f)+" (") && s != "unknown" {
			t.Errorf("judge says %q, the report %q", s, estimate(f))
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		250 * time.Millisecond: "250ms", time.Second: "1 s", time.Minute: "1 min", 90 * time.Second: "90 s", 10 * time.Minute: "10 min",
		150 * time.Second: "2 min 30 s", time.Hour: "1 h", 90 * time.Minute: "1 h 30 min", 24 * time.Hour: "24 h", 76 * time.Hour: "3 d 4 h",
		7 * 24 * time.Hour: "7 d", -time.Minute: "-1 min",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	start := time.Date(2026, 11, 21, 0, 30, 0, 0, berlin)
	for _, c := range []struct {
		w    metrics.Window
		want string
	}{
		{metrics.Window{Start: start, End: start.Add(20 * time.Minute)}, "2026-11-20 23:30 to 23:50 UTC"},
		{metrics.Window{Start: start, End: start.Add(time.Hour)}, "2026-11-20 23:30 to 2026-11-21 00:30 UTC"},
		{metrics.Window{Start: start, End: start.Add(30 * time.Second)}, "2026-11-20 23:30:00 to 23:30:30 UTC"},
	} {
		if got := window(c.w); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestScopes(t *testing.T) {
	type m = map[string]string
	for _, c := range []struct {
		baseline, canary m
		want             string
	}{
		{nil, nil, ""},
		{m{"track": "stable"}, m{"track": "canary"}, "track=canary vs track=stable"},
		{m{"track": "stable", "app": "shop"}, m{"track": "canary", "app": "shop"}, "track=canary vs track=stable, both app=shop"},
		{m{"app": "shop"}, m{"app": "shop"}, "both app=shop"},
		{m{"b": "1"}, m{"a": "2"}, "a=2, b not set vs a not set, b=1"},
	} {
		if got := scopes(analysis.Scopes{Baseline: c.baseline, Canary: c.canary}); got != c.want {
			t.Errorf("%v against %v: got %q, want %q", c.canary, c.baseline, got, c.want)
		}
	}
}

func TestComparisonNamesOnlyUsedHistory(t *testing.T) {
	r := passing()
	has := func() bool { return slices.Contains(comparison(r), "history 24 h") }
	if !has() {
		t.Error("a result without samples is believed")
	}
	r.Samples = map[string]judge.Sample{"latency-p99": {}}
	if has() {
		t.Error("no sample had a history")
	}
	r.Samples["memory"] = judge.Sample{History: &judge.Pair{}}
	if !has() {
		t.Error("one sample had a history")
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		needed, have, missing int
		step                  time.Duration
		want                  string
	}{
		{44, 30, 0, time.Minute, "14 more minutes"},
		{31, 30, 0, time.Minute, "60 more seconds"},
		{44, 20, 10, time.Minute, "14 more minutes"}, // missing intervals have passed too
		{32, 30, 0, 10 * time.Second, "20 more seconds"},
		{31, 30, 0, 0, "1 more interval"},
		{44, 30, 0, 0, "14 more intervals"},
		{330, 30, 0, time.Minute, "5 more hours"},
		{1e6, 30, 0, time.Hour, "41666 more days"},
	} {
		f := latencyFails()
		f.Needed, f.Baseline.Count, f.Canary.Count, f.Canary.Missing = c.needed, c.have, c.have, c.missing
		if got := needed(&analysis.Result{Interval: c.step}, f).String(); got != c.want {
			t.Errorf("%d of %d: got %q, want %q", c.have, c.needed, got, c.want)
		}
	}
}

// The sample's own grid counts, which may be coarser than what was asked for.
func TestWaitTakesTheSamplesGrid(t *testing.T) {
	r := inconclusive()
	if got, want := next(r)[0], "about 14 more minutes would probably decide latency-p99."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Samples = map[string]judge.Sample{"latency-p99": {
		Pair: judge.Pair{Baseline: judge.Side{Values: make([]float64, 34)}}, Step: 5 * time.Minute,
	}}
	if got, want := next(r)[0], "about 50 more minutes would probably decide latency-p99."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNextIsForWhatIsOpen(t *testing.T) {
	for _, r := range []*analysis.Result{failing(), passing(), nonCritical()} {
		if got := next(r); len(got) > 0 {
			t.Errorf("%v: %q", r.Verdict, got)
		}
	}
	for _, r := range []*analysis.Result{inconclusive(), broken(), result(judge.Decide(nil, 0))} {
		if got := next(r); len(got) == 0 {
			t.Errorf("%v: nothing", r.Verdict)
		}
	}
}

func TestListed(t *testing.T) {
	for want, names := range map[string][]string{
		"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b, c and d": {"a", "b", "c", "d"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"},
	} {
		if got := listed(names); got != want {
			t.Errorf("%v: got %q, want %q", names, got, want)
		}
	}
}
