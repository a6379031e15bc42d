package calibrate

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

func windowsOf(t *testing.T, s *Span, l Layout) []Window {
	t.Helper()
	w, skipped, err := s.Windows(l)
	if err != nil || skipped > 0 {
		t.Fatal(err, skipped)
	}
	return w
}

func TestWindows(t *testing.T) {
	s := spanOf(200, level("m", 200, 30, 0.1, 0, 0, source(1)))
	for i := range 200 {
		s.Signals[0].Sample.Baseline.Values[i] = float64(i)
	}
	l := Layout{Warmup: 90 * time.Second, Duration: 30 * time.Minute, History: 20 * time.Minute}
	w := windowsOf(t, s, l)
	// From minute 20 on, until a warm-up and a window no longer fit.
	if len(w) != 5 {
		t.Fatalf("%d windows", len(w))
	}
	for i, one := range w {
		release := 20 + 30*i
		got := one.Inputs[0].Sample
		// A warm-up of a minute and a half is two intervals.
		if v := got.Baseline.Values; len(v) != 30 || v[0] != float64(release+2) {
			t.Errorf("window %d: %d intervals from %v", i, len(v), v[0])
		}
		if v := got.History.Baseline.Values; len(v) != 20 || v[19] != float64(release-1) {
			t.Errorf("window %d: a history of %d intervals until %v", i, len(v), v[len(v)-1])
		}
	}
	if one := w[0]; one.Name != "2026-11-01T00:20:00Z" {
		t.Errorf("the first is called %s", one.Name)
	}
	for _, bad := range []Layout{
		{},
		{Duration: time.Second},
		{Duration: 4 * time.Hour},
		{Duration: time.Minute, Stride: time.Millisecond},
		{Duration: time.Minute, History: -1},
	} {
		if _, _, err := s.Windows(bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

func TestWindowsWithoutData(t *testing.T) {
	s := spanOf(120, level("m", 120, 30, 0.1, 0, 0, source(1)))
	for i := range 60 {
		s.Signals[0].Sample.Canary.Values[i] = math.NaN()
	}
	w, skipped, err := s.Windows(LayoutOf(s.Config.Schedule))
	if err != nil || len(w) != 2 || skipped != 2 {
		t.Errorf("%d windows, %d left out, %v", len(w), skipped, err)
	}
}

// Every tenth window of a metric is 40 % higher for reasons of its own. At a
// target of 5 % the margin must exclude that; at 20 % it need not.
func TestMargins(t *testing.T) {
	const n, length = 3000, 30
	s := spanOf(n, level("steady", n, length, 0.02, 0, 0, source(1)), level("odd", n, length, 0.02, 0.4, 10, source(2)))
	w := windowsOf(t, s, LayoutOf(s.Config.Schedule))
	r, err := Run(t.Context(), w, Options{Target: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	steady, odd := r.Signals[0], r.Signals[1]
	if r.Verdicts.Fail != 10 || odd.Verdicts.Fail != 10 || steady.Verdicts.Fail != 0 {
		t.Errorf("%d windows FAIL, %d in the odd metric, %d in the steady one, want 10, 10 and 0", r.Verdicts.Fail, odd.Verdicts.Fail, steady.Verdicts.Fail)
	}
	// The interval of 30 points with a noise of 0.02 is +-1 %, and the judge adds
	// some percent to a margin: the critical margin is that much below 40 %.
	if !(odd.Needed > 0.2 && odd.Needed <= 0.4) || steady.Needed > 0.05 || steady.Raise() || !odd.Raise() {
		t.Errorf("needed: %v for the odd metric, %v for the steady one", odd.Needed, steady.Needed)
	}
	if r.Suggested.Verdicts.Fail > 5 {
		t.Errorf("%d windows FAIL with the needed margins, at most 5 were to", r.Suggested.Verdicts.Fail)
	}
	if !(math.Abs(odd.Largest-0.4) < 0.05) {
		t.Errorf("the largest change is %v", odd.Largest)
	}
	// A larger margin finds less.
	if !(odd.FoundNeeded > odd.Found && odd.Found < 0.25 && odd.FoundNeeded <= 0.8) {
		t.Errorf("finds %v, with the needed margin %v", odd.Found, odd.FoundNeeded)
	}
	if text := YAML(r); !strings.Contains(text, "name: \"odd\"") || strings.Contains(text, "steady") {
		t.Errorf("YAML:\n%s", text)
	}

	loose, err := Run(t.Context(), w, Options{Target: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if one := loose.Signals[1]; one.Raise() {
		t.Errorf("10 of 100 windows FAIL and 20 may, yet a margin of %v is needed", one.Needed)
	}
}

// The same windows give the same report, however many work on them.
func TestDeterminism(t *testing.T) {
	s := spanOf(600, level("a", 600, 30, 0.1, 0.3, 3, source(1)), level("b", 600, 30, 0.2, 0, 0, source(2)))
	w := windowsOf(t, s, LayoutOf(s.Config.Schedule))
	var texts []string
	for _, workers := range []int{1, 4} {
		r, err := Run(t.Context(), w, Options{Workers: workers, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b.String())
	}
	if texts[0] != texts[1] {
		t.Errorf("one worker:\n%s\nfour:\n%s", texts[0], texts[1])
	}
}

// With looks the error is shared: a healthy config keeps its promise where
// judging again at the full level would not. 200 windows at alpha 0.05: the
// binomial's upper 0.1 % limit is 21.
func TestLooks(t *testing.T) {
	const n = 6000
	s := spanOf(n, level("m", n, 30, 0.1, 0, 0, source(5)))
	l := LayoutOf(s.Config.Schedule)
	l.LookEvery = 5 * time.Minute
	w := windowsOf(t, s, l)
	var b bench
	failed := 0
	for _, one := range w {
		in := one.Inputs[0]
		in.Sample.Assignment = judge.Randomized
		if b.fails(withMargin(in, 0), one.LookEvery, 0.05) {
			failed++
		}
	}
	t.Logf("%d of %d", failed, len(w))
	if failed > 21 {
		t.Errorf("%d of %d healthy windows FAIL at some look", failed, len(w))
	}
	// A change of 50 % is found at the first look that can, not at the end.
	x := newInjector(w[0].Inputs[0], 1, 0)
	if !b.fails(x.at(0.5), w[0].LookEvery, 0.05) {
		t.Error("a change of 50 % was not found")
	}
}

// Silence FAILs a window, but no margin is to blame.
func TestSilence(t *testing.T) {
	s := spanOf(90, level("m", 90, 30, 0.02, 0, 0, source(1)))
	for i := 15; i < 30; i++ {
		s.Signals[0].Sample.Canary.Values[i] = math.NaN()
	}
	r, err := Run(t.Context(), windowsOf(t, s, LayoutOf(s.Config.Schedule)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Silent != r.Verdicts.Fail || r.Signals[0].Raise() {
		t.Errorf("%d windows FAIL, %d of them silent; needed %v", r.Verdicts.Fail, r.Silent, r.Signals[0].Needed)
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		criticals [][]int
		allowed   int
		want      []int
	}{
		{[][]int{{0, 0, 0, 0}}, 1, []int{0}},
		{[][]int{{9, 5, 3, 0}}, 0, []int{9}},
		{[][]int{{9, 5, 3, 0}}, 2, []int{3}},
		// Together at most one: neither may leave one, for they are different.
		{[][]int{{9, 0, 0, 0}, {0, 7, 0, 0}}, 1, []int{9, 7}},
		// The same window fails in both.
		{[][]int{{9, 0, 0, 0}, {7, 0, 0, 0}}, 1, []int{0, 0}},
		// What no margin helps does not count.
		{[][]int{{noMargin, 5, 3, 0}}, 1, []int{3}},
		// Windows without the signal.
		{[][]int{{-1, 5, -1, -1}}, 0, []int{5}},
		{nil, 1, []int{}},
	} {
		if got := choose(c.criticals, 4, c.allowed); !slices.Equal(got, c.want) {
			t.Errorf("%v, %d allowed: %v, want %v", c.criticals, c.allowed, got, c.want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	s := spanOf(60, level("m", 60, 30, 0.1, 0, 0, source(1)))
	w := windowsOf(t, s, LayoutOf(s.Config.Schedule))
	for _, o := range []Options{{Alpha: 2}, {Target: 1}, {Target: -1}, {Target: math.NaN()}} {
		if _, err := Run(t.Context(), w, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := Run(t.Context(), nil, Options{}); err == nil {
		t.Error("no windows: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, w, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A span is asked for once, whatever the windows.
func TestFetch(t *testing.T) {
	fake := &fakeSource{}
	sources := analysis.NewSources()
	sources.Use("fake", fakeProvider, fake)
	c := analysis.Config{
		Name:     "c",
		Scopes:   analysis.Scopes{Baseline: map[string]string{"v": "a"}, Canary: map[string]string{"v": "b"}},
		Schedule: analysis.Schedule{Duration: 10 * time.Minute, Interval: time.Minute, History: time.Hour, LookEvery: 5 * time.Minute},
		Metrics:  []analysis.Metric{{Signal: judge.Signal{Name: "m"}, Source: "fake", Query: "m"}},
	}
	const minutes = analysis.MaxIntervals + 100
	s, err := Fetch(t.Context(), c, sources, metrics.Window{Start: t0, End: t0.Add(minutes * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	values := s.Signals[0].Sample.Baseline.Values
	if len(values) != minutes || values[0] != 1 || values[minutes-1] != minutes || fake.queries != 4 {
		t.Errorf("%d values from %v to %v in %d queries, want %d from 1 in 4", len(values), values[0], values[len(values)-1], fake.queries, minutes)
	}
	for _, w := range []metrics.Window{{Start: t0, End: t0}, {Start: t0, End: t0.AddDate(10, 0, 0)}} {
		if _, err := Fetch(t.Context(), c, sources, w); err == nil {
			t.Errorf("%s: no error", w)
		}
	}
	c.Metrics[0].Query = "gone"
	if _, err := Fetch(t.Context(), c, sources, metrics.Window{Start: t0, End: t0.Add(time.Hour)}); err == nil || !strings.Contains(err.Error(), "no data") {
		t.Errorf("error %v", err)
	}
}
