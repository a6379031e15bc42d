package paired_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

// latency is a signal as users have it.
var latency = judge.Signal{
	Name: "latency", Unit: "s", Direction: judge.Increase,
	Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
}

func sampleOf(baseline, canary []float64) judge.Sample {
	return judge.Sample{
		Signal: latency, Step: time.Minute,
		Pair: judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}},
	}
}

func constant(v float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

func says(t *testing.T, name, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q does not say %q", name, text, w)
		}
	}
}

// The plain case, against the paired t test by hand: no outliers, so that
// Huber's pseudo-values are the data, and no autocorrelation above 0.
func TestAgainstPairedT(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 40
	b, c, d := make([]float64, n), make([]float64, n), make([]float64, n)
	sum := 0.0
	for i := range d {
		d[i] = 0.03 + 0.02*r.Float64() // so alike in size that nothing is 1.345 scales away
		if i%2 == 0 {
			d[i] = -d[i]
		}
		d[i] += 0.08
		sum += d[i]
		b[i] = 0.2 * math.Exp(r.NormFloat64())
		c[i] = b[i] * math.Exp(d[i])
	}
	mean, squares := sum/n, 0.0
	for _, v := range d {
		squares += (v - mean) * (v - mean)
	}
	se := math.Sqrt(squares / (n - 1) / n)
	const quantile = 2.022691 // R: qt(0.975, 39)
	f := paired.Judge{}.Judge(sampleOf(b, c))
	for name, v := range map[string][2]float64{
		"estimate": {f.Effect.Estimate, math.Exp(mean)},
		"low":      {f.Effect.Low, math.Exp(mean - quantile*se)},
		"high":     {f.Effect.High, math.Exp(mean + quantile*se)},
		"n":        {f.EffectiveN, n},
	} {
		if math.Abs(v[0]-v[1]) > 1e-3*v[1] {
			t.Errorf("%s is %v, by hand %v", name, v[0], v[1])
		}
	}
	if f.Effect.Measure != judge.RatioOfLevels || f.Baseline.Count != n {
		t.Errorf("measure %q, %d intervals", f.Effect.Measure, f.Baseline.Count)
	}
}

func TestGates(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	s := judgetest.Gauge{Noise: 0.1}.World("", 20, 0).Draw(r, 1.1)
	s.Step = time.Minute
	for i := range 11 {
		s.Canary.Values[i] = math.NaN()
	}
	f := paired.Judge{}.Judge(s)
	if f.Verdict != judge.Inconclusive || !math.IsNaN(f.PValue) || !math.IsInf(f.Effect.High, 1) || f.Effect.Low != 0 {
		t.Errorf("9 pairs: %v, p %v, %v", f.Verdict, f.PValue, f.Effect)
	}
	// 9 of 20 are usable, so 23 are needed for 10.
	says(t, "9 pairs", f.Reason, "9 of the 10 intervals", "are needed", "3 more intervals (3 minutes)")
	if f.Needed != 23 {
		t.Errorf("9 pairs: %d intervals needed, want 23", f.Needed)
	}
	says(t, "9 pairs", strings.Join(f.Warnings, " "), "missing unevenly: 0% of the baseline's intervals, 55% of the canary's")

	// All values of the canary beyond all of the baseline: that needs no more.
	for i, v := range s.Canary.Values {
		s.Canary.Values[i] = 3 * v
	}
	f = paired.Judge{}.Judge(s)
	// 2 / (29 over 9): R, 2/choose(29, 9).
	if f.Verdict != judge.Fail || math.Abs(f.PValue/1.997003e-07-1) > 1e-6 || f.Classification != judge.High {
		t.Errorf("9 pairs apart: %v, p %v", f.Verdict, f.PValue)
	}
	says(t, "9 pairs apart", f.Reason, "the canary's 9 values")

	// A random walk, nearly.
	s = judgetest.Gauge{Noise: 0.2, Rho: 0.98}.World("", 30, 0).Draw(r, 3)
	f = paired.Judge{}.Judge(s)
	if f.Verdict != judge.Inconclusive || f.EffectiveN >= 5 || f.Needed <= 30 {
		t.Errorf("random walk: %v, effective n %v, needed %d", f.Verdict, f.EffectiveN, f.Needed)
	}
	says(t, "random walk", f.Reason, "autocorrelation too strong")
}

func TestNoData(t *testing.T) {
	nan := math.NaN()
	f := paired.Judge{}.Judge(sampleOf(constant(1, 20), constant(nan, 20)))
	if f.Classification != judge.NoData || f.Verdict != judge.Inconclusive {
		t.Errorf("dark canary: %v, %v", f.Classification, f.Verdict)
	}
	says(t, "dark canary", f.Reason, "the canary has no data")
	// Each side has data, but never at the same time.
	b, c := constant(1, 20), constant(1, 20)
	for i := range b {
		if i%2 == 0 {
			b[i] = nan
		} else {
			c[i] = nan
		}
	}
	if f = (paired.Judge{}).Judge(sampleOf(b, c)); f.Classification != judge.NoData {
		t.Errorf("alternating gaps: %v", f.Classification)
	}
}

func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name             string
		baseline, canary float64
		verdict          judge.Verdict
		estimate, p      float64
		says             string
	}{
		{"equal", 100, 100, judge.Pass, 1, 1, "identical: both sides agree in all 12 intervals"},
		{"equal but for rounding", 0.1 + 0.2, 0.3, judge.Pass, 1, 1, "identical"},
		{"zero", 0, 0, judge.Pass, 0, 1, "identical"},
		{"doubled", 100, 200, judge.Fail, 2, math.Ldexp(1, -11), "the same in every interval"},
		{"halved", 200, 100, judge.Pass, 0.5, 1, "better than the baseline"},
		{"more, but tolerated", 100, 110, judge.Fail, 1.1, math.Ldexp(1, -11), "worse by more than the margin of 5%"},
		{"within the margin", 100, 104, judge.Pass, 1.04, 1, "within the tolerance of 25%"},
		{"from zero", 0, 3, judge.Fail, 3, math.Ldexp(1, -11), "the same in every interval"},
		{"huge", 1e308, -1e308, judge.Pass, -math.MaxFloat64, 1, "better"},
		{"tiny", 5e-324, 1e308, judge.Fail, math.MaxFloat64, math.Ldexp(1, -11), "worse"},
	} {
		f := paired.Judge{}.Judge(sampleOf(constant(c.baseline, 12), constant(c.canary, 12)))
		if f.Verdict != c.verdict || math.Abs(f.Effect.Estimate-c.estimate) > 1e-12*math.Abs(c.estimate) || f.PValue != c.p || f.EffectiveN != 1 {
			t.Errorf("%s: %v, effect %v, p %v, effective n %v", c.name, f.Verdict, f.Effect, f.PValue, f.EffectiveN)
		}
		says(t, c.name, f.Reason, c.says)
		if warned := len(f.Warnings) > 0; warned != (f.Effect.Estimate != f.Effect.Null()) {
			t.Errorf("%s: warnings %q", c.name, f.Warnings)
		}
	}

	// Ten equal differences do not make 1 in 10000.
	s := sampleOf(constant(100, 10), constant(200, 10))
	s.Alpha = 1e-4
	f := paired.Judge{}.Judge(s)
	if f.Verdict != judge.Inconclusive || f.Needed != 15 {
		t.Errorf("alpha 1e-4: %v, %d needed: %s", f.Verdict, f.Needed, f.Reason)
	}
}

// A step in the last bits is no effect, however regular.
func TestRoundingIsNoEffect(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	b, c := make([]float64, 60), make([]float64, 60)
	for i := range b {
		b[i] = math.Exp(r.NormFloat64())
		c[i] = b[i] * (1 + 0x1p-50)
	}
	s := sampleOf(b, c)
	s.Signal.Margin = judge.Margin{}
	if f := (paired.Judge{}).Judge(s); f.Verdict != judge.Pass || f.Effect.Estimate != 1 {
		t.Errorf("%v, effect %v: %s", f.Verdict, f.Effect, f.Reason)
	}
}

func TestDifferenceForm(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	b, c := make([]float64, 60), make([]float64, 60)
	for i := range b {
		load := r.NormFloat64()
		b[i] = 2 + load + 0.1*r.NormFloat64()
		c[i] = 3 + load + 0.1*r.NormFloat64()
	}
	b[7] = -1
	f := paired.Judge{}.Judge(sampleOf(b, c))
	if f.Effect.Measure != judge.Difference || f.Verdict != judge.Fail || math.Abs(f.Effect.Estimate-1) > 0.1 {
		t.Errorf("%v, %q %v: %s", f.Verdict, f.Effect.Measure, f.Effect, f.Reason)
	}
	// Absolute margins are in the signal's unit.
	s := sampleOf(b, c)
	s.Signal.Margin, s.Signal.Tolerance = judge.Margin{Absolute: 1.5}, judge.Margin{Absolute: 2}
	if f = (paired.Judge{}).Judge(s); f.Verdict != judge.Pass {
		t.Errorf("tolerance of 2: %v: %s", f.Verdict, f.Reason)
	}
}

func TestAbsoluteMarginIsAFloor(t *testing.T) {
	s := judgetest.Gauge{Noise: 0.05}.World("", 60, 0).Draw(rand.New(rand.NewPCG(5, 5)), 1.3)
	s.Signal = latency
	if f := (paired.Judge{}).Judge(s); f.Verdict != judge.Fail {
		t.Fatalf("+30%%: %v: %s", f.Verdict, f.Reason)
	}
	// 30 % of 0.137 s are 0.041 s.
	s.Signal.Margin.Absolute = 0.1
	if f := (paired.Judge{}).Judge(s); f.Verdict != judge.Pass {
		t.Errorf("+30%% below a floor of 0.1 s: %v: %s", f.Verdict, f.Reason)
	}
}

// Arms on unlike machines: a lasting difference of 20 % is no regression, a
// further 20 % is.
func TestHistoryTakesOffOffset(t *testing.T) {
	world := judgetest.Gauge{Noise: 0.05}.World("", 60, 120)
	for _, change := range []float64{1, 1.2} {
		s := world.Draw(rand.New(rand.NewPCG(6, 6)), change)
		s.Signal = latency
		for _, side := range [][]float64{s.Canary.Values, s.History.Canary.Values} {
			for i := range side {
				side[i] *= 1.2
			}
		}
		want, without := judge.Pass, judge.Fail
		if change > 1 {
			want = judge.Fail
		}
		f := paired.Judge{}.Judge(s)
		if f.Verdict != want || math.Abs(f.Effect.Estimate-change) > 0.05 {
			t.Errorf("change %v: %v: %s", change, f.Verdict, f.Reason)
		}
		says(t, "with history", f.Reason, "beyond the difference in the history, +")
		if f = (paired.Judge{Offset: paired.None}).Judge(s); f.Verdict != without {
			t.Errorf("change %v without offset: %v: %s", change, f.Verdict, f.Reason)
		}
	}
}

func TestShortHistory(t *testing.T) {
	s := judgetest.Gauge{Noise: 0.1}.World("", 30, 19).Draw(rand.New(rand.NewPCG(7, 7)), 1)
	f := paired.Judge{}.Judge(s)
	says(t, "19 intervals of history", strings.Join(f.Warnings, " "), "history left out: it has 19 usable intervals, fewer than 20")
	s.History.Canary.Values = s.History.Canary.Values[1:]
	f = paired.Judge{}.Judge(s)
	says(t, "uneven history", strings.Join(f.Warnings, " "), "history left out: its sides are not on one grid")
	s.History = nil
	if g := (paired.Judge{}).Judge(s); g.Effect != f.Effect || len(g.Warnings) > 0 {
		t.Errorf("a history left out changes the effect from %v to %v", g.Effect, f.Effect)
	}
}

// An outlier on one side moves the estimate by a fraction of a percent.
func TestOutlier(t *testing.T) {
	s := judgetest.Gauge{Noise: 0.05}.World("", 60, 0).Draw(rand.New(rand.NewPCG(8, 8)), 1)
	s.Signal = latency
	s.Canary.Values[30] = 1e9
	if f := (paired.Judge{}).Judge(s); f.Verdict != judge.Pass || math.Abs(f.Effect.Estimate-1) > 0.03 {
		t.Errorf("%v, effect %v", f.Verdict, f.Effect)
	}
}

func TestLateOnset(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	world := judgetest.Gauge{Noise: 0.1, Shock: 0.3}.World("", 60, 0)
	found, named := map[bool]int{}, 0
	const samples = 100
	for range samples {
		s := world.Draw(r, 1)
		s.Signal.Direction = judge.Increase
		for i := 45; i < 60; i++ {
			s.Canary.Values[i] *= 1.25
		}
		for _, late := range []bool{false, true} {
			f := paired.Judge{LateOnset: late}.Judge(s)
			if f.Verdict == judge.Fail {
				found[late]++
				if strings.Contains(f.Reason, "in the last 15 intervals") {
					named++
				}
			}
		}
	}
	if found[true] < 85 || found[false] > 60 || named < 20 {
		t.Errorf("a change in the last quarter is found %d times of %d, %d of them there; %d without the option", found[true], samples, named, found[false])
	}
}

// Needed is a forecast: so many intervals decide in most cases. The estimate
// behind it is as uncertain as the first look, which costs some of the 80 %.
func TestNeededDecides(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of some seconds")
	}
	r := rand.New(rand.NewPCG(10, 10))
	gauge := judgetest.Gauge{Noise: 0.2}
	asked, decided := 0, 0
	for asked < 300 {
		s := gauge.World("", 20, 0).Draw(r, 1.1)
		s.Signal = latency
		f := paired.Judge{}.Judge(s)
		if f.Needed == 0 || f.Needed > 2000 {
			continue
		}
		asked++
		s = gauge.World("", f.Needed, 0).Draw(r, 1.1)
		s.Signal = latency
		if (paired.Judge{}).Judge(s).Verdict != judge.Inconclusive {
			decided++
		}
	}
	t.Logf("%d of %d decided after the intervals that were called needed", decided, asked)
	if decided < asked*55/100 {
		t.Errorf("only %d of %d decided after the intervals that were called needed", decided, asked)
	}
}

func TestSuiteOfOptions(t *testing.T) {
	for _, j := range []paired.Judge{
		{Calibration: paired.Pooled},
		{LateOnset: true},
	} {
		judgetest.Run(t, j, judgetest.Gauge{Noise: 0.2, Rho: 0.3}.World("AR 0.3 with history", 60, 120))
	}
}
