package counts_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/judgetest"
)

func sampleOf(baseline, canary []float64) judge.Sample {
	return judge.Sample{
		Signal: judge.Signal{
			Name: "timeouts", Kind: judge.Count, Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Step: time.Minute,
		Pair: judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}},
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

// Seven events, all of the canary, are the least that reach 1 % two-sided at
// 1:1 exposure: 2 * 2^-8 < 0.01 asks for eight, one-sided for seven
// (docs/statistics.md).
func TestLeastEvidence(t *testing.T) {
	for events, want := range map[int]judge.Verdict{6: judge.Inconclusive, 7: judge.Fail} {
		canary := make([]float64, 30)
		for i := range events {
			canary[4*i] = 1
		}
		s := sampleOf(make([]float64, 30), canary)
		s.Alpha, s.Signal.Margin = 0.02, judge.Margin{}
		if f := (counts.Judge{}).Judge(s); f.Verdict != want {
			t.Errorf("%d events of the canary, none of the baseline: %v: %s", events, f.Verdict, f.Reason)
		}
	}
}

// However many events, in one interval they may be one incident.
func TestOneBurstIsOneEvent(t *testing.T) {
	canary := make([]float64, 60)
	canary[30] = 500
	f := counts.Judge{}.Judge(sampleOf(make([]float64, 60), canary))
	if f.Verdict != judge.Inconclusive {
		t.Errorf("%v: %s", f.Verdict, f.Reason)
	}
	says(t, "one burst", f.Reason, "events come in bursts: 500 of them weigh as one")
}

func TestSilence(t *testing.T) {
	quiet := make([]float64, 60)
	s := sampleOf(quiet, quiet)
	f := counts.Judge{}.Judge(s)
	if f.Verdict != judge.Inconclusive || f.Needed != 0 {
		t.Errorf("no absolute tolerance: %v: %s", f.Verdict, f.Reason)
	}
	says(t, "no absolute tolerance", f.Reason, "no events on either side in 60 intervals", "give the tolerance an absolute part")

	// 60 intervals exclude ln(40)/60 = 0.0615 events an interval.
	s.Signal.Tolerance.Absolute = 0.05
	f = counts.Judge{}.Judge(s)
	if want := int(math.Ceil(math.Log(40) / 0.05)); f.Verdict != judge.Inconclusive || f.Needed != want {
		t.Errorf("tolerance of 0.05: %v, %d needed, want %d", f.Verdict, f.Needed, want)
	}
	says(t, "tolerance of 0.05", f.Reason, "14 more intervals (14 minutes) to exclude a difference of 0.05 per interval")

	s.Signal.Tolerance.Absolute = 0.07
	f = counts.Judge{}.Judge(s)
	if f.Verdict != judge.Pass || f.Effect.Measure != judge.Difference || math.Abs(f.Effect.High-math.Log(40)/60) > 1e-9 {
		t.Errorf("tolerance of 0.07: %v, %v: %s", f.Verdict, f.Effect, f.Reason)
	}
}

func TestFewIntervals(t *testing.T) {
	f := counts.Judge{}.Judge(sampleOf([]float64{0, 1, 0, 2}, []float64{90, 80, 100, 70}))
	if f.Verdict != judge.Inconclusive || f.Needed != 5 || !math.IsNaN(f.PValue) {
		t.Errorf("4 intervals: %v, %d needed", f.Verdict, f.Needed)
	}
	says(t, "4 intervals", f.Reason, "only 4 intervals", "1 more interval (60 seconds) to go")
}

func TestRefuses(t *testing.T) {
	f := counts.Judge{}.Judge(sampleOf([]float64{1, 2}, []float64{3, -1}))
	if f.Verdict != judge.Error || f.Classification != judge.Failed {
		t.Errorf("negative count: %v, %v", f.Verdict, f.Classification)
	}
	says(t, "negative count", f.Reason, "canary, interval 1: -1 events", "without increase()")
}

func TestWarnings(t *testing.T) {
	rates := make([]float64, 20)
	for i := range rates {
		rates[i] = 0.02 * float64(i%3)
	}
	f := counts.Judge{}.Judge(sampleOf(rates, rates))
	says(t, "rates per second", strings.Join(f.Warnings, " "), "are they rates per second?")

	s := sampleOf([]float64{1, 0, 2, 1, 0, 1, 0, 1}, []float64{1, 2, 0, 1, 1, 0, 1, 0})
	s.Baseline.Totals = []float64{1, 0, 0, 1, 0, 1, 0, 0}
	s.Canary.Totals = []float64{1, 1, 1, 1, 1, 1, 1, 1}
	s.Baseline.Values = []float64{1, 0, 0, 1, 0, 1, 0, 0}
	f = counts.Judge{}.Judge(s)
	says(t, "no traffic", strings.Join(f.Warnings, " "), "only 3 of 8 intervals have data and traffic on both sides")

	s = judgetest.Events{Rate: 5}.World("", 30, 19).Draw(rand.New(rand.NewPCG(1, 1)), 1)
	f = counts.Judge{}.Judge(s)
	says(t, "short history", strings.Join(f.Warnings, " "), "history left out: it has 19 usable intervals")
	s.History.Canary.Values[3] = -4
	f = counts.Judge{}.Judge(s)
	says(t, "bad history", strings.Join(f.Warnings, " "), "history left out: canary, interval 3: -4 events")
}

// Ten pod-minutes against one: the exposure is part of the rate.
func TestExposure(t *testing.T) {
	s := judgetest.Events{Rate: 50, Canary: 0.1}.World("", 60, 0).Draw(rand.New(rand.NewPCG(2, 2)), 1)
	s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
	f := counts.Judge{}.Judge(s)
	if f.Verdict != judge.Pass || math.Abs(f.Effect.Estimate-1) > 0.15 {
		t.Errorf("with exposures: %v: %s", f.Verdict, f.Reason)
	}
	if math.Abs(f.Canary.Level-50) > 5 || f.Canary.Total != 6 && math.Abs(f.Canary.Total-6) > 1e-9 {
		t.Errorf("canary's level %v of exposure %v, want about 50 of 6", f.Canary.Level, f.Canary.Total)
	}
	s.Baseline.Totals, s.Canary.Totals = nil, nil
	if f = (counts.Judge{}).Judge(s); f.Verdict != judge.Fail || f.Classification != judge.Low {
		t.Errorf("without exposures: %v: %s", f.Verdict, f.Reason)
	}
}

// A history with bursts makes one-sided bursts in the window less surprising.
func TestHistoryOfBursts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	calm := judgetest.Events{Rate: 5}.World("", 30, 0)
	bursty := judgetest.Events{Rate: 5, Fano: 8}.World("", 200, 0)
	s := calm.Draw(r, 1.6)
	s.Signal.Direction = judge.Increase
	if f := (counts.Judge{}).Judge(s); f.Verdict != judge.Fail {
		t.Fatalf("without history: %v: %s", f.Verdict, f.Reason)
	}
	past := bursty.Draw(r, 1).Pair
	s.History = &past
	if f := (counts.Judge{}).Judge(s); f.Verdict != judge.Inconclusive || f.EffectiveN > 6 {
		t.Errorf("with history: %v, effective n %v: %s", f.Verdict, f.EffectiveN, f.Reason)
	}
}

// PromQL's increase() extrapolates: the same events, a third more of them.
func TestExtrapolatedCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	world := judgetest.Events{Rate: 2}.World("", 60, 0)
	const samples = 1000
	alarms := 0
	for range samples {
		s := world.Draw(r, 1)
		for i := range s.Baseline.Values {
			s.Baseline.Values[i] *= 4.0 / 3
			s.Canary.Values[i] *= 4.0 / 3
		}
		if (counts.Judge{}).Judge(s).Verdict == judge.Fail {
			alarms++
		}
	}
	// Three standard errors above 5 %.
	if most := samples*0.05 + 3*math.Sqrt(samples*0.05*0.95); float64(alarms) > most {
		t.Errorf("%d of %d healthy canaries fail, want at most %.0f", alarms, samples, most)
	}
}

func FuzzJudge(f *testing.F) { judgetest.Fuzz(f, counts.Judge{}, judge.Count) }
