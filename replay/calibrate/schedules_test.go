package calibrate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/report"
)

// Two groups that always differ by 20 % FAIL in every window; a history of the
// same groups shows that this is how they are.
func TestSchedules(t *testing.T) {
	const n = 900
	s := spanOf(n, level("m", n, 30, 0.05, 0.2, 1, source(3)))
	l := LayoutOf(s.Config.Schedule)
	layouts := s.Layouts(l)
	if len(layouts) != 3 || layouts[1].History != 2*time.Hour || layouts[2].Duration != time.Hour {
		t.Fatalf("layouts %+v", layouts)
	}
	schedules, err := s.Schedules(t.Context(), layouts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 0, 1} {
		if got := schedules[i].Verdicts.Failed(); got.Value() != want || got.Cases < fewest {
			t.Errorf("%s: %d of %d windows FAIL, want a share of %v", schedules[i].Layout.describe(), got.Hits, got.Cases, want)
		}
	}
	// Noise of 0.05 over 30 points has a standard error of 0.9 %, the margin is 5 %.
	if found := schedules[1].Shift; !(found >= 0.05 && found <= 0.15) {
		t.Errorf("with a history a change of %v is found", found)
	}
	r, err := Run(t.Context(), windowsOf(t, s, l), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Config, r.Span, r.Layout, r.Schedules = "c", s.Window, l, schedules
	var b strings.Builder
	if err := Text(&b, r, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"c: 30 windows of 30m without history, ", "more than the target", "Schedules, with the config's margins", "(as configured)",
		"    margin: ", "# schedule: {warmup: 0s, duration: 30m, history: 2h}\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, b.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Schedules(ctx, layouts, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A short span has no room for others.
func TestLayoutsOfAShortSpan(t *testing.T) {
	s := spanOf(120, level("m", 120, 30, 0.05, 0, 0, source(3)))
	if got := s.Layouts(LayoutOf(s.Config.Schedule)); len(got) != 1 {
		t.Errorf("layouts %+v", got)
	}
}
