package judge_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/pods"
	"github.com/judged-dev/judged/judge/ratio"
	"github.com/judged-dev/judged/judge/sequential"
	"github.com/judged-dev/judged/judge/shape"
)

// A release is judged on all its signals at once, with one promise: whatever
// their number, a healthy release fails with a probability of at most 5 %.
func ExampleCompare() {
	minutes := 30
	latency := judge.Sample{Signal: judge.Signal{
		Name: "latency-p99", Unit: "s", Direction: judge.Increase, Critical: true,
		Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.10},
	}}
	errors := judge.Sample{Signal: judge.Signal{
		Name: "errors", Kind: judge.Ratio, Direction: judge.Increase, Critical: true,
		Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.001},
	}}
	for i := range minutes {
		load := 1 + 0.3*float64(i%10)/10 // both sides feel it, so it cancels
		wiggle := 0.004 * float64(i*7%5-2)
		latency.Baseline.Values = append(latency.Baseline.Values, 0.200*load+wiggle)
		latency.Canary.Values = append(latency.Canary.Values, 0.260*load-wiggle)
		errors.Baseline.Values = append(errors.Baseline.Values, 0)
		errors.Canary.Values = append(errors.Canary.Values, 0)
		errors.Baseline.Totals = append(errors.Baseline.Totals, 1200)
		errors.Canary.Totals = append(errors.Canary.Totals, 1200)
	}
	choose := func(s judge.Sample) judge.Judge {
		if s.Signal.Kind == judge.Ratio {
			return ratio.Judge{}
		}
		return paired.Judge{}
	}

	judgment := judge.Compare([]judge.Sample{latency, errors}, choose, judge.DefaultAlpha)
	fmt.Println(judgment.Summary)
	for _, f := range judgment.Findings {
		fmt.Printf("%s: %s, %s\n", f.Signal.Name, f.Verdict, f.Reason)
	}
	// Output:
	// FAIL: the canary is worse than the baseline: latency-p99 +30.1%, 297 ms against 225 ms.
	// latency-p99: FAIL, worse by more than the margin of 5%
	// errors: PASS, no events on either side out of 36000: at most 0.0102 pp of difference, within the tolerance of 0.1 pp
}

// A release that makes one minute in ten three times as slow leaves the median
// where it was. A panel asks about the level and about the shape, and shares the
// error between the two.
func ExamplePanel() {
	random := rand.New(rand.NewPCG(3, 1))
	var baseline, canary []float64
	for minute := range 60 {
		slow := 1.0
		if minute%10 == 4 {
			slow = 3
		}
		baseline = append(baseline, 0.120*math.Exp(0.08*random.NormFloat64()))
		canary = append(canary, 0.120*slow*math.Exp(0.08*random.NormFloat64()))
	}
	sample := judge.Sample{
		Signal: judge.Signal{
			Name: "latency-p99", Unit: "s", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair: judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}},
	}
	level := paired.Judge{}
	panel := judge.Panel{{Judge: level, Share: 0.43}, {Judge: shape.Judge{}, Share: 0.57}}

	fmt.Println("the level alone:", level.Judge(sample).Verdict)
	finding := panel.Judge(sample)
	fmt.Printf("the panel: %s, %s\n", finding.Verdict, finding.Reason)
	for _, a := range finding.Aspects {
		fmt.Println(a.Judge, a.Effect.Measure, a.Effect.Format(a.Effect.Estimate, "s"))
	}
	// Output:
	// the level alone: PASS
	// the panel: FAIL, the highest tenth of the intervals rose beyond the level
	// paired ratio +0.2%
	// shape tail-ratio +119%
}

// Four pods a side, one of which got worse by half. Their sum rose by an eighth,
// which a busy minute does as well; pod by pod it is plain, and has a name.
func ExamplePods() {
	random := rand.New(rand.NewPCG(5, 1))
	side := func(names []string, sick string) (window, history []judge.Side) {
		for _, name := range names {
			offset := math.Exp(0.1 * random.NormFloat64()) // no two pods are alike
			values := make([]float64, 120)
			for i := range values {
				values[i] = 40 * offset * math.Exp(0.05*random.NormFloat64())
				if i >= 60 && name == sick {
					values[i] *= 1.5
				}
			}
			history = append(history, judge.Side{Values: values[:60]})
			window = append(window, judge.Side{Values: values[60:]})
		}
		return window, history
	}
	p := &judge.Pods{CanaryNames: []string{"web-a", "web-b", "web-c", "web-d"}}
	p.Baseline, p.BaselineHistory = side([]string{"web-1", "web-2", "web-3", "web-4"}, "")
	p.Canary, p.CanaryHistory = side(p.CanaryNames, "web-c")

	finding := pods.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "cpu", Unit: "%", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pods: p,
	})
	fmt.Println(finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// FAIL
	// pod web-c of the canary's 4 got worse than the baseline's pods differ
}

// An hour is planned, and judged every ten minutes. All looks share the error, so
// that whoever stops at the first FAIL makes no more false alarms than promised.
// Early looks may spend little of it, and their intervals are wide.
func ExampleSample_look() {
	const horizon = 60
	random := rand.New(rand.NewPCG(7, 1))
	var baseline, canary []float64
	for minute := range horizon {
		load := 1 + 0.3*math.Sin(float64(minute)/5)
		baseline = append(baseline, 0.2*load*math.Exp(0.1*random.NormFloat64()))
		canary = append(canary, 0.2*1.15*load*math.Exp(0.1*random.NormFloat64()))
	}
	monitor, err := sequential.NewMonitor(horizon, sequential.OBrienFleming)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := 10; n <= horizon; n += 10 {
		look, err := monitor.Look(n)
		if err != nil {
			fmt.Println(err)
			return
		}
		finding := paired.Judge{}.Judge(judge.Sample{
			Signal: judge.Signal{Name: "latency-p99", Unit: "s", Direction: judge.Increase},
			Pair: judge.Pair{
				Baseline: judge.Side{Values: baseline[:n]},
				Canary:   judge.Side{Values: canary[:n]},
			},
			Assignment: judge.Randomized,
			Look:       look,
		})
		e := finding.Effect
		fmt.Printf("%d min: %s to %s, %s\n", n, e.Format(e.Low, "s"), e.Format(e.High, "s"), finding.Verdict)
		if finding.Verdict == judge.Fail {
			break
		}
	}
	// Output:
	// 10 min: -100% to +∞, INCONCLUSIVE
	// 20 min: -6.4% to +41.7%, INCONCLUSIVE
	// 30 min: +5.8% to +25.1%, FAIL
}

// Judges are small. This one takes the ratio of the sides in each interval, and
// the interval of its median that belongs to the sign test.
func ExampleJudge() {
	random := rand.New(rand.NewPCG(9, 1))
	var baseline, canary []float64
	for range 40 {
		baseline = append(baseline, 200*math.Exp(0.1*random.NormFloat64()))
		canary = append(canary, 260*math.Exp(0.1*random.NormFloat64()))
	}
	finding := signJudge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "throughput", Direction: judge.Either,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.10},
		},
		Pair: judge.Pair{Baseline: judge.Side{Values: baseline}, Canary: judge.Side{Values: canary}},
	})
	fmt.Println(finding.Judge, finding.Verdict)
	fmt.Println(finding.Reason)
	// Output:
	// sign FAIL
	// the median ratio lies between +20.4% and +35.2%
}

// signJudge holds the median of the ratios of positive levels against the
// margins. Both directions are bad to it.
type signJudge struct{}

func (signJudge) Name() string { return "sign" }

func (j signJudge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(j.Name(), s) // INCONCLUSIVE until shown otherwise
	var ratios []float64
	for i := range min(s.Baseline.Len(), s.Canary.Len()) {
		if s.Baseline.Has(i) && s.Canary.Has(i) && s.Baseline.Values[i] > 0 && s.Canary.Values[i] > 0 {
			ratios = append(ratios, s.Canary.Values[i]/s.Baseline.Values[i])
		}
	}
	slices.Sort(ratios)
	n := len(ratios)
	// The k-th smallest and largest ratio hold the median between them unless
	// fewer than k of n coins show heads. Level is that of this look.
	coins, k := distuv.Binomial{N: float64(n), P: 0.5}, 0
	for 2*k < n-1 && coins.CDF(float64(k)) <= (1-s.Level())/2 {
		k++
	}
	if k == 0 {
		f.Classification = judge.NoData
		f.Reason = fmt.Sprintf("%d intervals are too few for a level of %.3g", n, s.Level())
		return f
	}
	f.Effect.Measure = judge.RatioOfLevels
	f.Effect.Estimate, f.Effect.Low, f.Effect.High = ratios[n/2], ratios[k-1], ratios[n-k]
	margin, tolerance := 1+s.Signal.Margin.Relative, 1+s.Signal.Tolerance.Relative
	e := f.Effect
	switch {
	case e.Low > margin:
		f.Verdict, f.Classification = judge.Fail, judge.High
	case e.High < 1/margin:
		f.Verdict, f.Classification = judge.Fail, judge.Low
	case e.Low >= 1/tolerance && e.High <= tolerance:
		f.Verdict, f.Classification = judge.Pass, judge.Similar
	}
	f.Reason = fmt.Sprintf("the median ratio lies between %s and %s", e.Format(e.Low, ""), e.Format(e.High, ""))
	return f
}
