package judgetest

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// series are values that a query may return on a bad day, by what is bad.
var series = map[string]func(i int) float64{
	"missing":      func(int) float64 { return math.NaN() },
	"infinite":     func(int) float64 { return math.Inf(1) },
	"negative inf": func(int) float64 { return math.Inf(-1) },
	"zero":         func(int) float64 { return 0 },
	"one":          func(int) float64 { return 1 },
	"constant":     func(int) float64 { return 0.3 },
	"nearly so":    func(i int) float64 { return 0.3 + float64(i%2)*0x1p-54 },
	"negative":     func(i int) float64 { return -1 - float64(i%3) },
	"mixed signs":  func(i int) float64 { return float64(i%5) - 2 },
	"huge":         func(i int) float64 { return 1e308 - 1e300*float64(i%7) },
	"minus huge":   func(i int) float64 { return -1e308 + 1e300*float64(i%7) },
	"swinging":     func(i int) float64 { return math.Copysign(math.MaxFloat64, float64(i%2)-0.5) },
	"denormal":     func(i int) float64 { return math.SmallestNonzeroFloat64 * float64(1+i%3) },
	"all sizes":    func(i int) float64 { return math.Ldexp(1, (i*613)%2000-1000) },
	"one outlier":  func(i int) float64 { return map[bool]float64{true: 1e300, false: float64(i % 4)}[i == 3] },
	"gaps":         func(i int) float64 { return map[bool]float64{true: math.NaN(), false: float64(1 + i%4)}[i%2 == 0] },
	"other gaps":   func(i int) float64 { return map[bool]float64{true: math.NaN(), false: float64(1 + i%4)}[i%2 == 1] },
	"step":         func(i int) float64 { return map[bool]float64{true: 1, false: 1000}[i < 6] },
	"trend":        func(i int) float64 { return float64(i) },
	"fractions":    func(i int) float64 { return 3.37 * float64(i%3) },
	"large counts": func(i int) float64 { return 9e15 - float64(i%2) },
}

func filled(name string, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = series[name](i)
	}
	return x
}

// testHostile checks that no input makes j panic, pass without data or
// contradict itself.
func testHostile(t testing.TB, j judge.Judge, kind judge.Kind) {
	lengths := []int{0, 1, 2, 3, 5, 10, 24}
	totals := []string{"", "one", "large counts", "zero", "missing", "gaps", "denormal", "huge"}
	if kind == judge.Gauge {
		totals = totals[:1]
	}
	tried := 0
	for b := range series {
		for c := range series {
			for _, n := range lengths {
				for _, total := range totals {
					s := judge.Sample{Signal: judge.Signal{Kind: kind, Unit: "s"}}
					s.Baseline.Values, s.Canary.Values = filled(b, n), filled(c, n)
					if total != "" {
						s.Baseline.Totals, s.Canary.Totals = filled(total, n), filled("large counts", n)
					}
					// Every combination of options would take minutes; each sample
					// takes the next one.
					tried++
					s.Signal.Direction = judge.Direction(tried % 3)
					s.Alpha = []float64{0, 0.05, 1e-9, 0.5, 0.999}[tried%5]
					if tried%2 == 0 {
						s.Signal.Margin = judge.Margin{Relative: 0.05, Absolute: 1e-3}
						s.Signal.Tolerance = judge.Margin{Relative: 0.25, Absolute: 2e-3}
					}
					if tried%7 == 0 {
						past := judge.Pair{
							Baseline: judge.Side{Values: filled(c, 30)},
							Canary:   judge.Side{Values: filled(b, 30)},
						}
						s.History = &past
					}
					checkFinding(t, j, s, j.Judge(s))
					if t.Failed() {
						t.Errorf("baseline %q, canary %q, totals %q, %d intervals, alpha %g, sample %d", b, c, total, n, s.Alpha, tried)
						return
					}
				}
			}
		}
	}

	ones := filled("one", 20)
	sane := judge.Sample{Signal: judge.Signal{Kind: kind}}
	sane.Baseline, sane.Canary = judge.Side{Values: ones}, judge.Side{Values: ones}
	if kind == judge.Ratio {
		sane.Baseline.Totals, sane.Canary.Totals = filled("large counts", 20), filled("large counts", 20)
	}
	refuses := func(name string, s judge.Sample) {
		t.Helper()
		f := j.Judge(s)
		checkFinding(t, j, s, f)
		if f.Verdict != judge.Error {
			t.Errorf("%s: verdict %v, want Error", name, f.Verdict)
		}
	}
	s := sane
	s.Canary.Values = ones[:19]
	refuses("sides of different length", s)
	s = sane
	s.Canary.Totals = ones[:19]
	s.Baseline.Totals = ones
	refuses("totals of different length", s)
	for _, alpha := range []float64{-1, 1, 2, math.NaN(), math.Inf(1)} {
		s = sane
		s.Alpha = alpha
		refuses("an impossible error probability", s)
	}
	for name, empty := range map[string][]float64{"no intervals": {}, "nothing but NaN": filled("missing", 20)} {
		s = sane
		s.Canary.Values, s.Baseline.Values = empty, empty
		s.Canary.Totals, s.Baseline.Totals = nil, nil
		if f := j.Judge(s); f.Classification != judge.NoData || f.Verdict != judge.Inconclusive {
			t.Errorf("%s: classification %v, verdict %v, want NoData, Inconclusive", name, f.Classification, f.Verdict)
		}
	}
}

// testHostilePods checks the same for what the instances of a side may be:
// none, not there, of any length, and any of the bad days.
func testHostilePods(t testing.TB, j judge.Judge) {
	const n = 24
	ones := judge.Side{Values: filled("one", n)}
	healthy := []judge.Side{ones, ones, ones}
	var sides [][]judge.Side
	for name := range series {
		if name == "denormal" {
			continue // parts of such a level are 0
		}
		bad := judge.Side{Values: filled(name, n)}
		sides = append(sides, []judge.Side{bad}, []judge.Side{ones, bad, ones}, []judge.Side{bad, bad, bad})
	}
	sides = append(sides, nil, []judge.Side{}, []judge.Side{{}, {}, {}}, healthy[:1], healthy,
		[]judge.Side{{Values: ones.Values[:3]}, {Values: nil}, ones})
	tried := 0
	for _, b := range sides {
		for _, c := range sides {
			tried++
			s := judge.Sample{Signal: judge.Signal{Direction: judge.Direction(tried % 3)}, Pods: &judge.Pods{Baseline: b, Canary: c}}
			s.Baseline, s.Canary = ones, ones
			if tried%2 == 0 {
				s.Pods.BaselineHistory, s.Pods.CanaryHistory = c, b
			}
			if tried%5 == 0 {
				s.Pods.BaselineHistory = healthy
			}
			checkFinding(t, j, s, j.Judge(s))
			if t.Failed() {
				t.Errorf("pods of the baseline %v, of the canary %v", b, c)
				return
			}
		}
	}
}
