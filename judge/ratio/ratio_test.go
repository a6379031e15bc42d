package ratio_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/ratio"
)

// errors is a signal as users have it.
var errors = judge.Signal{
	Name: "errors", Kind: judge.Ratio, Direction: judge.Increase,
	Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.001},
}

func constant(v float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// steady has the same events and totals in every interval.
func steady(n int, bEvents, bTotal, cEvents, cTotal float64) judge.Sample {
	return judge.Sample{
		Signal: errors, Step: time.Minute,
		Pair: judge.Pair{
			Baseline: judge.Side{Values: constant(bEvents, n), Totals: constant(bTotal, n)},
			Canary:   judge.Side{Values: constant(cEvents, n), Totals: constant(cTotal, n)},
		},
	}
}

func says(t *testing.T, name, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q does not say %q", name, text, w)
		}
	}
}

func TestMargins(t *testing.T) {
	for _, c := range []struct {
		name   string
		sample judge.Sample
		margin judge.Margin
		want   judge.Verdict
		says   string
	}{
		{"tripled", steady(60, 1, 1000, 3, 1000), errors.Margin, judge.Fail, "180 events against 60"},
		{"tripled, from a canary of a tenth", steady(60, 10, 10000, 3, 1000), errors.Margin, judge.Fail, "180 events against 600"},
		{"tripled, far below the absolute tolerance", steady(60, 1, 1e6, 3, 1e6), judge.Margin{Relative: 3}, judge.Pass, "within the tolerance"},
		{"a third", steady(60, 3, 1000, 1, 1000), errors.Margin, judge.Pass, "better than the baseline"},
		{"the same", steady(60, 100, 1000, 100, 1000), errors.Margin, judge.Pass, "within the tolerance of 25%"},
		{"absolute margin not reached", steady(60, 1, 1000, 3, 1000), judge.Margin{Absolute: 0.005}, judge.Pass, "within the tolerance"},
		{"absolute margin from nothing", steady(60, 0, 1000, 3, 1000), judge.Margin{Absolute: 0.001}, judge.Fail, "worse by more than the margin of 0.1 pp"},
		{"relative margin not reached", steady(60, 100, 1000, 110, 1000), judge.Margin{Relative: 0.2, Absolute: 1e-6}, judge.Pass, "within the tolerance of 25%"},
	} {
		s := c.sample
		s.Signal.Margin = c.margin
		f := ratio.Judge{}.Judge(s)
		if f.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, f.Verdict, c.want, f.Reason)
		}
		says(t, c.name, f.Reason, c.says)
	}

	// A share of successes that falls.
	s := steady(60, 300, 1000, 200, 1000)
	s.Signal.Direction = judge.Decrease
	s.Signal.Margin.Absolute = 0.05
	if f := (ratio.Judge{}).Judge(s); f.Verdict != judge.Fail || f.Classification != judge.Low {
		t.Errorf("fallen by a third: %v: %s", f.Verdict, f.Reason)
	}
	s.Signal.Margin.Absolute = 0.15
	if f := (ratio.Judge{}).Judge(s); f.Verdict == judge.Fail {
		t.Errorf("fallen by less than the margin: %v: %s", f.Verdict, f.Reason)
	}
	// Twice of little passes by the absolute tolerance, in this direction too.
	s = steady(60, 2, 1e5, 1, 1e5)
	s.Signal.Direction = judge.Decrease
	s.Signal.Margin = judge.Margin{Relative: 1}
	f := ratio.Judge{}.Judge(s)
	if f.Verdict != judge.Pass {
		t.Errorf("halved from nearly nothing: %v: %s", f.Verdict, f.Reason)
	}
	says(t, "halved from nearly nothing", f.Reason, " pp less, within the tolerance of 0.1 pp")
}

// No errors are not a free pass: 0 of 2000 leave room for 0.18 %.
func TestNoErrors(t *testing.T) {
	f := ratio.Judge{}.Judge(steady(20, 0, 1000, 0, 100))
	bound := math.Log(40) / 2000
	if f.Verdict != judge.Inconclusive || math.Abs(f.Effect.High-bound) > 1e-9 {
		t.Errorf("2000 requests: %v, %v: %s", f.Verdict, f.Effect, f.Reason)
	}
	needed := int(math.Ceil(math.Log(40) / 0.001 / 100))
	if f.Needed != needed {
		t.Errorf("2000 requests: %d intervals needed, want %d", f.Needed, needed)
	}
	says(t, "2000 requests", f.Reason, "no events on either side out of 2000", "17 more intervals (17 minutes)", "0.1 pp", "1689 more of the total")
	f = ratio.Judge{}.Judge(steady(needed, 0, 1000, 0, 100))
	if f.Verdict != judge.Pass {
		t.Errorf("%d intervals: %v: %s", needed, f.Verdict, f.Reason)
	}
	// The small side bounds a decrease of the large one no better.
	s := steady(20, 0, 1000, 0, 100)
	s.Signal.Direction = judge.Decrease
	if f = (ratio.Judge{}).Judge(s); f.Verdict != judge.Pass {
		t.Errorf("a decrease: %v: %s", f.Verdict, f.Reason)
	}
	s.Signal.Direction = judge.Either
	if f = (ratio.Judge{}).Judge(s); f.Verdict != judge.Inconclusive || f.Needed != needed {
		t.Errorf("either: %v, %d needed, want %d", f.Verdict, f.Needed, needed)
	}
}

// Few errors decide later, and the forecast says when.
func TestNeededEvents(t *testing.T) {
	s := steady(30, 0, 1000, 0, 1000)
	for _, i := range []int{3, 11, 25} {
		s.Baseline.Values[i] = 1
	}
	for _, i := range []int{1, 8, 14, 20, 27} {
		s.Canary.Values[i] = 1
	}
	s.Signal.Tolerance.Absolute = 0
	f := ratio.Judge{}.Judge(s)
	if f.Verdict != judge.Inconclusive || f.Needed < 60 || f.Needed > 2000 {
		t.Errorf("5 against 3 errors: %v, %d needed: %s", f.Verdict, f.Needed, f.Reason)
	}
	// The absolute tolerance is nearer.
	s.Signal.Tolerance.Absolute = 0.0005
	g := ratio.Judge{}.Judge(s)
	if g.Verdict != judge.Pass && (g.Needed == 0 || g.Needed >= f.Needed) {
		t.Errorf("with an absolute tolerance: %v, %d needed after %d", g.Verdict, g.Needed, f.Needed)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*judge.Sample)
		says   string
	}{
		{"no totals", func(s *judge.Sample) { s.Baseline.Totals, s.Canary.Totals = nil, nil }, "a ratio without totals"},
		{"more errors than requests", func(s *judge.Sample) { s.Canary.Values[3] = 1001 }, "canary, interval 3: 1001 events out of a total of 1000"},
		{"negative", func(s *judge.Sample) { s.Canary.Values[3] = -1 }, "cannot be negative"},
	} {
		s := steady(20, 1, 1000, 1, 1000)
		c.change(&s)
		f := ratio.Judge{}.Judge(s)
		if f.Verdict != judge.Error || f.Classification != judge.Failed {
			t.Errorf("%s: %v, %v", c.name, f.Verdict, f.Classification)
		}
		says(t, c.name, f.Reason, c.says)
	}
}

func TestNoTraffic(t *testing.T) {
	f := ratio.Judge{}.Judge(steady(20, 1, 1000, 0, 0))
	if f.Classification != judge.NoData || f.Verdict != judge.Inconclusive {
		t.Errorf("%v, %v", f.Classification, f.Verdict)
	}
	says(t, "no traffic", f.Reason, "no interval has data and traffic on both sides")
}

func TestLargeShareWarns(t *testing.T) {
	f := ratio.Judge{}.Judge(steady(20, 999, 1000, 999, 1000))
	says(t, "successes", strings.Join(f.Warnings, " "), "the events are 99.9% of the total: judge the rest instead")
}

// A tenth of a million requests a minute: Poisson noise would be 0.3 % of the
// errors, but each arm's rate wanders by 3 %. Without the dispersion every
// second healthy canary would fail.
func TestHeavyTrafficNeedsDispersion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	world := judgetest.Events{Rate: 1e5, Total: 1e6, Noise: 0.03, Rho: 0.3}.World("", 60, 0)
	const samples = 400
	alarms, found := 0, 0
	for range samples {
		if (ratio.Judge{}).Judge(world.Draw(r, 1)).Verdict == judge.Fail {
			alarms++
		}
		f := ratio.Judge{}.Judge(world.Draw(r, 1.05))
		if f.Verdict == judge.Fail {
			found++
		}
		if f.EffectiveN > 5 {
			t.Fatalf("effective n is %v for a dispersion of some 90", f.EffectiveN)
		}
	}
	// Three standard errors above 5 %, and half as much again for the
	// autocorrelation that 60 intervals estimate poorly.
	if most := 1.5*0.05*samples + 3*math.Sqrt(0.05*0.95*samples); float64(alarms) > most {
		t.Errorf("%d of %d healthy canaries fail, want at most %.0f", alarms, samples, most)
	}
	if found < samples*9/10 {
		t.Errorf("+5 %% is found in %d of %d", found, samples)
	}
}

func FuzzJudge(f *testing.F) { judgetest.Fuzz(f, ratio.Judge{}, judge.Ratio) }
