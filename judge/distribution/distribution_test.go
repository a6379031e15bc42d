package distribution_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

// consistent tests what judgetest tests of a finding.
func consistent(t testing.TB, s judge.Sample, f judge.Finding) {
	t.Helper()
	e, alpha := f.Effect, s.Alpha
	if alpha == 0 {
		alpha = judge.DefaultAlpha
	}
	decided := f.Verdict == judge.Pass || f.Verdict == judge.Fail
	switch {
	case f.Reason == "" || f.Judge != distribution.Name || f.Signal != s.Signal:
		t.Errorf("reason, judge or signal: %+v", f)
	case e.Low > e.Estimate || e.Estimate > e.High:
		t.Errorf("the estimate lies outside the interval: %+v", f)
	case decided && (math.IsNaN(e.Estimate) || math.IsNaN(e.Low) || math.IsNaN(e.High)):
		t.Errorf("a verdict without an interval: %+v", f)
	case (f.PValue <= alpha) != (f.Verdict == judge.Fail):
		t.Errorf("P-value %v at alpha %v: %+v", f.PValue, alpha, f)
	case f.Needed < 0 || f.Needed > 0 && f.Verdict != judge.Inconclusive:
		t.Errorf("needed %d: %+v", f.Needed, f)
	case (f.Verdict == judge.Error) != (f.Classification == judge.Failed):
		t.Errorf("%v with %v", f.Verdict, f.Classification)
	}
}

// signal is one as users have it.
func signal(s judge.Sample) judge.Sample {
	s.Signal.Margin, s.Signal.Tolerance = judge.Margin{Relative: 0.05}, judge.Margin{Relative: 0.25}
	s.Step, s.Assignment = time.Minute, judge.Randomized
	return s
}

var busy = requests{Intervals: 60, PerInterval: 600}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		world  requests
		change change
		want   judge.Verdict
		says   []string
	}{
		{"healthy", busy, change{}, judge.Pass, []string{"p99 ", "within the tolerance of 25%", "share above"}},
		{"a third slower", busy, change{Shift: 1.3}, judge.Fail, []string{"worse by more than the margin of 5%", "p50 +", "p90 +"}},
		{"a third faster", busy, change{Shift: 1 / 1.3}, judge.Pass, []string{"better than the baseline"}},
		{"3 % four times slower", busy, change{Slow: 0.03}, judge.Fail, []string{"p99 +"}},
		{"classic buckets, healthy", requests{Intervals: 60, PerInterval: 600, Bounds: classic}, change{}, judge.Pass, nil},
		{"classic buckets, a third slower", requests{Intervals: 60, PerInterval: 600, Bounds: classic}, change{Shift: 1.3}, judge.Fail, nil},
		{"too short", requests{Intervals: 5, PerInterval: 600}, change{}, judge.Inconclusive, []string{"5 more intervals (5 minutes)"}},
		{"p99 must wait", requests{Intervals: 15, PerInterval: 150}, change{}, judge.Inconclusive, []string{"p99 ", "too early to tell", "2 intervals at a time"}},
	} {
		s := signal(c.world.draw(rand.New(rand.NewPCG(3, 3)), c.change))
		f := distribution.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, f.Verdict, c.want, f.Reason)
		}
		says(t, c.name, f.Reason, c.says...)
	}
}

// The finding is the deciding quantile's, in the signal's unit.
func TestFindingIsTheQuantiles(t *testing.T) {
	s := signal(busy.draw(rand.New(rand.NewPCG(4, 4)), change{Slow: 0.03}))
	f := distribution.Judge{}.Judge(s)
	p99 := median * math.Exp(2.3263*sigma)
	// Of 36000 requests; the standard error of their p99 is 1 %.
	if !near(f.Baseline.Level, p99, 0.04) || f.Canary.Level < 1.3*p99 {
		t.Errorf("levels %v and %v, the baseline's p99 is %v: %s", f.Baseline.Level, f.Canary.Level, p99, f.Reason)
	}
	if f.Effect.Level != 1-judge.DefaultAlpha/4 {
		t.Errorf("level %v of one interval of four", f.Effect.Level)
	}
	if f.Baseline.Count != 60 || f.Baseline.Missing != 0 {
		t.Errorf("%+v", f.Baseline)
	}
}

func TestObjective(t *testing.T) {
	world := busy
	world.Bounds = classic
	s := signal(world.draw(rand.New(rand.NewPCG(5, 5)), change{Shift: 1.3}))
	f := distribution.Judge{Edge: 0.5}.Judge(s)
	says(t, "edge of 500 ms", f.Reason, "share above 500 ms +")
	f = distribution.Judge{Edge: 0.4}.Judge(s)
	says(t, "edge of 400 ms", strings.Join(f.Warnings, " "), "no common edge at 400 ms: the share above 500 ms")
	f = distribution.Judge{Edge: 10}.Judge(s)
	says(t, "edge above all", strings.Join(f.Warnings, " "), "share above 10 s is not judged: 0% of all observations")
	for _, edge := range []float64{-1, nan, inf} {
		if f = (distribution.Judge{Edge: edge}).Judge(s); f.Verdict != judge.Error {
			t.Errorf("edge %v: %v", edge, f.Verdict)
		}
	}

	// A slowdown of a third is one in the share as well, read through the
	// baseline's distribution.
	s.Pair = requests{Intervals: 60, PerInterval: 5000}.draw(rand.New(rand.NewPCG(6, 6)), change{Shift: 1.1}).Pair
	f = distribution.Judge{Edge: 0.25}.Judge(s)
	_, after, _ := strings.Cut(f.Reason, "share above 2")
	_, after, _ = strings.Cut(after, " ms +")
	var percent float64
	if _, err := fmt.Sscanf(after, "%f%%", &percent); err != nil || math.Abs(percent-10) > 1.5 {
		// 1.3 % of standard error, and the slope is that of a slowdown by a tenth.
		t.Errorf("share of a slowdown by 10 %%: %v: %s", percent, f.Reason)
	}
}

func TestRefuses(t *testing.T) {
	healthy := signal(requests{Intervals: 20, PerInterval: 300}.draw(rand.New(rand.NewPCG(7, 7)), change{}))
	broken := func(h judge.Histogram) func(*judge.Sample) {
		return func(s *judge.Sample) {
			s.Canary.Histograms = append([]judge.Histogram{}, s.Canary.Histograms...)
			s.Canary.Histograms[17] = h
		}
	}
	for _, c := range []struct {
		name   string
		change func(*judge.Sample)
		want   judge.Classification
		says   string
	}{
		{"gauge", func(s *judge.Sample) { s.Signal.Kind = judge.Gauge }, judge.Failed, "cannot judge a gauge by its distribution"},
		{"values", func(s *judge.Sample) { s.Canary = judge.Side{Values: make([]float64, 20)} }, judge.Failed, "the canary holds single numbers"},
		{"unlike lengths", func(s *judge.Sample) { s.Canary.Histograms = s.Canary.Histograms[:19] }, judge.Failed, "the baseline has 20 intervals, the canary 19"},
		{"alpha", func(s *judge.Sample) { s.Alpha = 2 }, judge.Failed, "error probability"},
		{"no canary", func(s *judge.Sample) { s.Canary = judge.Side{} }, judge.NoData, "the canary has no data"},
		{"empty canary", func(s *judge.Sample) { s.Canary.Histograms = make([]judge.Histogram, 20) }, judge.NoData, "the canary has no data in 20 intervals"},
		{"nothing", func(s *judge.Sample) { s.Pair = judge.Pair{} }, judge.NoData, "no intervals"},
		{"negative", broken(judge.Histogram{Bounds: []float64{0, 1}, Counts: []float64{-3}}), judge.Failed, "canary, interval 17: the bucket from 0 to 1 holds -3 observations"},
		{"NaN", broken(judge.Histogram{Bounds: []float64{0, 1}, Counts: []float64{nan}}), judge.Failed, "holds NaN observations"},
		{"disorder", broken(judge.Histogram{Bounds: []float64{1, 0}, Counts: []float64{3}}), judge.Failed, "interval 17: bounds must ascend"},
		{"too many buckets", broken(judge.Histogram{Bounds: make([]float64, 1e6+1), Counts: make([]float64, 1e6)}), judge.Failed, "1000000 buckets are more than the 65536"},
		{"one bucket", func(s *judge.Sample) {
			h := judge.Histogram{Bounds: []float64{0, 0.005, inf}, Counts: []float64{100, 0}}
			for i := range s.Canary.Histograms {
				s.Pair.Canary.Histograms[i], s.Pair.Baseline.Histograms[i] = h, h
			}
		}, judge.Unclear, "the bucket from 0 s to 5 ms holds 100% of all observations"},
	} {
		s := healthy
		s.Pair = judge.Pair{
			Baseline: judge.Side{Histograms: append([]judge.Histogram{}, healthy.Baseline.Histograms...)},
			Canary:   judge.Side{Histograms: append([]judge.Histogram{}, healthy.Canary.Histograms...)},
		}
		c.change(&s)
		f := distribution.Judge{}.Judge(s)
		if c.name != "alpha" {
			consistent(t, s, f)
		}
		if f.Classification != c.want || f.Verdict == judge.Pass {
			t.Errorf("%s: %v, %v: %s", c.name, f.Classification, f.Verdict, f.Reason)
		}
		says(t, c.name, f.Reason+strings.Join(f.Warnings, "; "), c.says)
	}
}

// Alternating gaps leave nothing to compare.
func TestNeverBoth(t *testing.T) {
	s := signal(requests{Intervals: 20, PerInterval: 300}.draw(rand.New(rand.NewPCG(7, 7)), change{}))
	for i := range s.Baseline.Histograms {
		if i%2 == 0 {
			s.Baseline.Histograms[i] = judge.Histogram{}
		} else {
			s.Canary.Histograms[i] = judge.Histogram{}
		}
	}
	f := distribution.Judge{}.Judge(s)
	if f.Classification != judge.NoData {
		t.Errorf("%v: %s", f.Classification, f.Reason)
	}
}

// What cannot be judged is said, and the rest is judged.
func TestLeftOut(t *testing.T) {
	open := requests{Intervals: 60, PerInterval: 600, Bounds: []float64{0, 0.05, 0.1, 0.2, 0.3, inf}}
	thin := requests{Intervals: 60, PerInterval: 15}
	for _, c := range []struct {
		name  string
		world requests
		says  string
	}{
		{"p99 in the last bucket", open, "p99 is not judged: it lies in the bucket from 300 ms to ∞ s, which has no end"},
		{"low traffic", thin, "p99 is not judged: it needs 200 observations in each arm at a time, and an interval holds 15; "},
	} {
		s := signal(c.world.draw(rand.New(rand.NewPCG(8, 8)), change{}))
		f := distribution.Judge{}.Judge(s)
		consistent(t, s, f)
		says(t, c.name, strings.Join(f.Warnings, " "), c.says)
		if strings.Contains(f.Reason, "p99") || !strings.Contains(f.Reason, "p50") {
			t.Errorf("%s: %s", c.name, f.Reason)
		}
	}
	// The share above the last edge stands in for what lies beyond it.
	f := distribution.Judge{}.Judge(signal(open.draw(rand.New(rand.NewPCG(8, 8)), change{Slow: 0.05})))
	if f.Verdict != judge.Fail {
		t.Errorf("a twentieth four times slower, out of sight: %v: %s", f.Verdict, f.Reason)
	}
	says(t, "open", f.Reason, "share above 300 ms +")
}

// Arms whose buckets differ are compared by the edges they share: another
// interpolation is no regression.
func TestUnlikeBuckets(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	fine := requests{PerInterval: 600, Bounds: []float64{0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1, 2, inf}}
	coarse := requests{PerInterval: 600, Bounds: []float64{0, 0.05, 0.1, 0.25, 0.5, 1, inf}}
	fails := 0
	const samples = 40
	for range samples {
		s := signal(requests{}.draw(r, change{}))
		s.Baseline = coarse.pair(r, 60, change{}).Baseline
		// The canary's buckets change within the window, too.
		s.Canary.Histograms = slices.Concat(fine.pair(r, 30, change{}).Canary.Histograms, coarse.pair(r, 30, change{}).Canary.Histograms)
		s.Signal.Margin, s.Signal.Direction = judge.Margin{}, judge.Either
		f := distribution.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict == judge.Fail {
			fails++
		}
	}
	// Three standard errors above 5 %.
	if most := 0.05*samples + 3*math.Sqrt(0.05*0.95*samples); float64(fails) > most {
		t.Errorf("%d of %d healthy canaries fail", fails, samples)
	}
}

// A native histogram that lowers its resolution stays comparable.
func TestSchemaChange(t *testing.T) {
	s := signal(busy.draw(rand.New(rand.NewPCG(10, 10)), change{}))
	for i := 30; i < 60; i++ {
		h := s.Canary.Histograms[i]
		half := judge.Histogram{Bounds: []float64{h.Bounds[0]}}
		for k := 0; k+1 < len(h.Counts); k += 2 {
			half.Bounds = append(half.Bounds, h.Bounds[k+2])
			half.Counts = append(half.Counts, h.Counts[k]+h.Counts[k+1])
		}
		s.Canary.Histograms[i] = half
	}
	f := distribution.Judge{}.Judge(s)
	if f.Verdict != judge.Pass {
		t.Errorf("%v: %s", f.Verdict, f.Reason)
	}
}

// Instances that differed by a fifth before the release do so after it.
func TestHistory(t *testing.T) {
	world := requests{Intervals: 60, History: 120, PerInterval: 300, Offset: 0.2}
	for _, c := range []struct {
		change change
		want   judge.Verdict
	}{{change{}, judge.Pass}, {change{Shift: 1.3}, judge.Fail}} {
		s := signal(world.draw(rand.New(rand.NewPCG(11, 11)), c.change))
		s.Assignment = judge.Instances
		f := distribution.Judge{}.Judge(s)
		consistent(t, s, f)
		if f.Verdict != c.want {
			t.Errorf("%+v: %v: %s", c.change, f.Verdict, f.Reason)
		}
		says(t, "history", f.Reason, "beyond the difference in the history")
		coarse := requests{PerInterval: 300, Bounds: classic}.pair(rand.New(rand.NewPCG(12, 12)), 120, change{})
		s.History = &coarse
		f = distribution.Judge{}.Judge(s)
		says(t, "other buckets", strings.Join(f.Warnings, " "), "history left out: its buckets have other edges than the window's")
		s.History = &judge.Pair{Baseline: judge.Side{Histograms: []judge.Histogram{{Bounds: []float64{1}, Counts: []float64{-1}}}}}
		f = distribution.Judge{}.Judge(s)
		says(t, "broken history", strings.Join(f.Warnings, " "), "history left out: baseline, interval 0")
	}
}

// Swapped sides mirror the quantiles exactly; the share is read through the
// baseline's distribution.
func TestSwap(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	for _, c := range []change{{}, {Shift: 1.2}, {Slow: 0.05}} {
		s := signal(busy.draw(r, c))
		f := distribution.Judge{}.Judge(s)
		s.Baseline, s.Canary = s.Canary, s.Baseline
		s.Signal.Direction = judge.Decrease
		g := distribution.Judge{}.Judge(s)
		if f.Verdict != g.Verdict {
			t.Errorf("%+v: %v, swapped %v: %s\n%s", c, f.Verdict, g.Verdict, f.Reason, g.Reason)
		}
		speaks := func(f judge.Finding) string { return strings.Fields(f.Reason)[0] }
		if speaks(f) == speaks(g) && strings.HasPrefix(speaks(f), "p") && !near(f.Effect.Estimate, 1/g.Effect.Estimate, 1e-9) {
			t.Errorf("%+v: effect %v, swapped %v", c, f.Effect, g.Effect)
		}
	}
}

// The unit does not matter, and a judge leaves its sample alone.
func TestUnitAndDeterminism(t *testing.T) {
	s := signal(busy.draw(rand.New(rand.NewPCG(14, 14)), change{Shift: 1.1}))
	before := fmt.Sprint(s)
	f := distribution.Judge{}.Judge(s)
	if again := (distribution.Judge{}).Judge(s); fmt.Sprintf("%+v", f) != fmt.Sprintf("%+v", again) {
		t.Error("the same sample gives two findings")
	}
	if fmt.Sprint(s) != before {
		t.Error("the judge changed its sample")
	}
	scaled := s
	scaled.Pair = judge.Pair{}
	bounds := make([]float64, len(native))
	for i, b := range native {
		bounds[i] = b * 1024
	}
	for i := range s.Baseline.Histograms {
		scaled.Baseline.Histograms = append(scaled.Baseline.Histograms, judge.Histogram{Bounds: bounds, Counts: s.Baseline.Histograms[i].Counts})
		scaled.Canary.Histograms = append(scaled.Canary.Histograms, judge.Histogram{Bounds: bounds, Counts: s.Canary.Histograms[i].Counts})
	}
	g := distribution.Judge{}.Judge(scaled)
	if f.Verdict != g.Verdict || !near(f.Effect.Estimate, g.Effect.Estimate, 1e-9) || !near(f.Effect.Low, g.Effect.Low, 1e-9) {
		t.Errorf("in another unit: %v %v, want %v %v", g.Verdict, g.Effect, f.Verdict, f.Effect)
	}
}

// Many intervals of many different buckets cost bounded time, and say so.
func TestHostileBuckets(t *testing.T) {
	s := signal(requests{}.draw(rand.New(rand.NewPCG(15, 15)), change{}))
	const n = 2000
	for i := range n {
		h := judge.Histogram{}
		for k := range 200 {
			at := float64(k*n + i)
			h.Bounds = append(h.Bounds, at, at+0.5)
			h.Counts = append(h.Counts, 1, 0)
		}
		h.Counts = h.Counts[:len(h.Counts)-1]
		s.Baseline.Histograms = append(s.Baseline.Histograms, h)
		s.Canary.Histograms = append(s.Canary.Histograms, h)
	}
	f := distribution.Judge{}.Judge(s)
	if f.Verdict != judge.Error {
		t.Errorf("%v: %s", f.Verdict, f.Reason)
	}
	says(t, "many buckets", f.Reason, "different buckets are more than can be judged")
}
