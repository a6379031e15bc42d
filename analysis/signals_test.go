package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
	"github.com/judged-dev/judged/metrics"
)

type answer = func(metrics.Grid) (metrics.Result, error)

// both answers with the series of several answers.
func both(all ...answer) answer {
	return func(g metrics.Grid) (metrics.Result, error) {
		var out metrics.Result
		for _, a := range all {
			r, err := a(g)
			if err != nil {
				return out, err
			}
			out.Series = append(out.Series, r.Series...)
		}
		return out, nil
	}
}

// labeled gives the only series of an answer these labels.
func labeled(a answer, l metrics.Labels) answer {
	return func(g metrics.Grid) (metrics.Result, error) {
		r, err := a(g)
		r.Series[0].Labels = l
		return r, err
	}
}

// ends of the buckets that the tests' latencies are counted in.
var ends = []float64{0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, math.Inf(1)}

// latencies draws 300 lognormal latencies an interval, the median at level, and
// returns cumulative counts by end.
func latencies(level float64, seed uint64, n int) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, len(ends))
		for range 300 {
			v := level * math.Exp(0.5*r.NormFloat64())
			for k, end := range ends {
				if v <= end {
					out[i][k]++
				}
			}
		}
	}
	return out
}

// buckets answers with classic buckets; an interval for which skip is true has
// none.
func buckets(level float64, seed uint64, skip func(i int) bool) answer {
	return func(g metrics.Grid) (metrics.Result, error) {
		var r metrics.Result
		counts := latencies(level, seed, g.N)
		for k, end := range ends {
			s := metrics.Series{Labels: metrics.Labels{"le": fmt.Sprint(end)}}
			for i := range g.N {
				if skip == nil || !skip(i) {
					s.Points = append(s.Points, metrics.Point{Time: g.Time(i), Value: counts[i][k]})
				}
			}
			r.Series = append(r.Series, s)
		}
		// Backends give no order.
		slices.Reverse(r.Series)
		return r, nil
	}
}

// native answers with the same observations as native histograms.
func native(level float64, seed uint64) answer {
	return func(g metrics.Grid) (metrics.Result, error) {
		s := metrics.Series{}
		for i, counts := range latencies(level, seed, g.N) {
			h, err := distribution.Classic(ends, counts)
			if err != nil {
				return metrics.Result{}, err
			}
			s.Histograms = append(s.Histograms, metrics.HistogramPoint{Time: g.Time(i), Histogram: metrics.Histogram(h)})
		}
		return metrics.Result{Series: []metrics.Series{s}}, nil
	}
}

// histogram is a config of one metric of that kind.
func histogram() analysis.Config {
	c := latency()
	c.Metrics[0].Kind = judge.Distribution
	return c
}

func TestHistograms(t *testing.T) {
	gap := func(i int) bool { return i == 7 }
	for _, c := range []struct {
		name             string
		baseline, canary answer
		want             judge.Verdict
		reason           string
	}{
		{"healthy", buckets(0.1, 1, nil), buckets(0.1, 2, nil), judge.Pass, "within the tolerance"},
		{"slower", buckets(0.1, 1, nil), buckets(0.15, 2, nil), judge.Fail, "p50"},
		{"native", native(0.1, 1), native(0.15, 2), judge.Fail, "p50"},
		{"native against buckets", native(0.1, 1), buckets(0.1, 2, nil), judge.Pass, "within the tolerance"},
		{"gaps", buckets(0.1, 1, gap), buckets(0.1, 2, gap), judge.Pass, "within the tolerance"},
		{"no data", buckets(0.1, 1, nil), func(metrics.Grid) (metrics.Result, error) { return metrics.Result{}, nil }, judge.Fail, "the canary has reported nothing"},
		{"the canary ends", buckets(0.1, 1, nil), buckets(0.1, 2, func(i int) bool { return i > 30 }), judge.Fail, "in the last 29 intervals"},
		{"a number", buckets(0.1, 1, nil), noisy(0.1, 2), judge.Error, "gives a number and no histogram"},
		{"several histograms", buckets(0.1, 1, nil), both(native(0.1, 2), native(0.1, 3)), judge.Error, "one histogram a side"},
		{
			"buckets of several pods",
			buckets(0.1, 1, nil), both(
				labeled(fixed(1), metrics.Labels{"le": "1", "pod": "a"}), labeled(fixed(1), metrics.Labels{"le": "+Inf", "pod": "b"}),
			), judge.Error, "sum by (le)",
		},
		{"a bucket and another series", buckets(0.1, 1, nil), both(buckets(0.1, 2, nil), noisy(1, 3)), judge.Error, "has no label le"},
		{"no last bucket", buckets(0.1, 1, nil), labeled(fixed(1), metrics.Labels{"le": "1"}), judge.Error, `the bucket le="+Inf" is missing`},
		{"an end that is no number", buckets(0.1, 1, nil), labeled(fixed(1), metrics.Labels{"le": "fast"}), judge.Error, `le="fast"`},
		{
			"counts that are not cumulative",
			buckets(0.1, 1, nil), both(labeled(fixed(9), metrics.Labels{"le": "1"}), labeled(fixed(2), metrics.Labels{"le": "+Inf"})),
			judge.Error, "cumulative counts cannot decrease",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, histogram(), &fakeSource{answers: answers{"latency 1": c.baseline, "latency 2": c.canary}})
			if r.Verdict != c.want || !strings.Contains(r.Findings[0].Reason, c.reason) {
				t.Errorf("%v, want %v: %q, want %q", r.Verdict, c.want, r.Findings[0].Reason, c.reason)
			}
		})
	}
}

// Both forms of the same observations are the same sample.
func TestHistogramsOfBothForms(t *testing.T) {
	of := func(a answer) judge.Sample {
		return run(t, histogram(), &fakeSource{answers: answers{"latency 1": buckets(0.1, 1, nil), "latency 2": a}}).Samples["latency"]
	}
	classic, native := of(buckets(0.1, 2, nil)), of(native(0.1, 2))
	for i, h := range classic.Canary.Histograms {
		if o := native.Canary.Histograms[i]; !slices.Equal(h.Bounds, o.Bounds) || !slices.Equal(h.Counts, o.Counts) {
			t.Fatalf("interval %d: %v and %v", i, h, o)
		}
	}
	if classic.Canary.Values != nil || classic.Canary.Len() != 60 {
		t.Errorf("%d values and %d histograms", len(classic.Canary.Values), classic.Canary.Len())
	}
}

// A bucket whose end is written in two ways is one bucket; a lost last bucket is
// a gap with a warning.
func TestBucketsOfTwoSpellings(t *testing.T) {
	a := both(
		labeled(fixed(1, 2), metrics.Labels{"le": "1"}), labeled(fixed(10), metrics.Labels{"le": "1.0"}),
		labeled(fixed(20), metrics.Labels{"le": "+Inf"}),
	)
	r := run(t, histogram(), &fakeSource{answers: answers{"latency 1": buckets(0.1, 1, nil), "latency 2": a}})
	h := r.Samples["latency"].Canary.Histograms
	if !slices.Equal(h[0].Counts, []float64{11, 9}) || len(h[1].Counts) != 0 {
		t.Errorf("the first intervals have %v and %v, want 11 and 9, and nothing", h[0].Counts, h[1].Counts)
	}
	if w := strings.Join(r.Findings[0].Warnings, "; "); !strings.Contains(w, `1 intervals have no bucket le="+Inf"`) {
		t.Errorf("warnings %q", w)
	}
}

// A gauge whose query gives native histograms is told both ways out.
func TestNativeHistogramIsNoNumber(t *testing.T) {
	r := run(t, latency(), &fakeSource{answers: answers{"latency 1": native(0.1, 1), "latency 2": native(0.1, 2)}})
	if reason := r.Findings[0].Reason; r.Verdict != judge.Error || !strings.Contains(reason, "kind: histogram") || !strings.Contains(reason, "histogram_quantile(0.99") {
		t.Errorf("%v: %s", r.Verdict, reason)
	}
}

// The share above an objective is judged at its threshold.
func TestSLO(t *testing.T) {
	c := histogram()
	c.Metrics[0].SLO = 0.3
	r := run(t, c, &fakeSource{answers: answers{"latency 1": buckets(0.1, 1, nil), "latency 2": buckets(0.15, 2, nil)}})
	if reason := r.Findings[0].Reason; !strings.Contains(reason, "share above 300 ms") {
		t.Errorf("%s", reason)
	}
}

// fleet answers with one series for each pod.
func fleet(seed uint64, levels map[string]float64) answer {
	var all []answer
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range levels {
			if !yield(name) {
				return
			}
		}
	}) {
		seed++
		all = append(all, labeled(noisy(levels[name], seed), metrics.Labels{"pod": name, "app": "shop"}))
	}
	return both(all...)
}

func byPod() analysis.Config {
	c := latency()
	c.Schedule.History = time.Hour
	c.Metrics[0].Pods = "pod"
	c.Metrics[0].HasMargin, c.Metrics[0].Margin = true, judge.Margin{Relative: 0.2}
	return c
}

// inHistory answers with one thing before the release and another after it.
func inHistory(before, after answer) answer {
	return func(g metrics.Grid) (metrics.Result, error) {
		if g.Start.Before(start) {
			return before(g)
		}
		return after(g)
	}
}

func TestPods(t *testing.T) {
	old := map[string]float64{"a": 1, "b": 1.2, "c": 0.9, "d": 1.1}
	// web-3 is sick; d of the baseline is new, and a pod of the canary is gone.
	f := &fakeSource{answers: answers{
		"latency 1": inHistory(fleet(10, map[string]float64{"a": 1, "b": 1.2, "c": 0.9}), fleet(20, old)),
		"latency 2": inHistory(
			fleet(30, map[string]float64{"web-0": 1.5, "web-1": 1, "web-2": 1.1, "web-3": 0.9, "web-4": 1}),
			fleet(40, map[string]float64{"web-1": 1, "web-2": 1.1, "web-3": 1.9, "web-4": 1})),
	}}
	r := run(t, byPod(), f)
	finding := r.Findings[0]
	if r.Verdict != judge.Fail || !strings.Contains(finding.Reason, "pod web-3 of the canary's 4") {
		t.Errorf("%v: %s", r.Verdict, finding.Reason)
	}
	if want := "pod by pod: 4 against 4; and as levels: 60 intervals, with 60 intervals of history"; finding.Choice != want {
		t.Errorf("choice %q, want %q", finding.Choice, want)
	}
	s := r.Samples["latency"]
	p := s.Pods
	if !slices.Equal(p.BaselineNames, []string{"a", "b", "c", "d"}) || !slices.Equal(p.CanaryNames, []string{"web-1", "web-2", "web-3", "web-4"}) {
		t.Errorf("pods %v and %v", p.BaselineNames, p.CanaryNames)
	}
	if d := p.BaselineHistory[3]; d.Len() != 60 || d.Has(0) {
		t.Errorf("the new pod d has a history: %v", d)
	}
	// Lognormal noise of 5 %, 60 points: a mean is within 5 standard errors, 3 %.
	near := func(v, want float64) bool { return math.Abs(v/want-1) < 0.03 }
	mean := func(s judge.Side) float64 {
		sum := 0.0
		for _, v := range s.Values {
			sum += v / float64(s.Len())
		}
		return sum
	}
	if got := mean(p.CanaryHistory[2]); !near(got, 0.9) {
		t.Errorf("web-3's history is %v, want its own, 0.9", got)
	}
	if got := mean(s.Baseline); !near(got, 1.05) {
		t.Errorf("the baseline as a whole is %v, want 1.05", got)
	}
	if got := mean(s.History.Canary); !near(got, 1.1) {
		t.Errorf("the canary's history as a whole is %v, want 1.1, with the pod that is gone", got)
	}
}

// New pods have no past at all, as after every rolling update.
func TestNewPods(t *testing.T) {
	all := map[string]float64{"a": 1, "b": 1.2, "c": 0.9}
	r := run(t, byPod(), &fakeSource{answers: answers{
		"latency 1": fleet(10, all),
		"latency 2": inHistory(fleet(20, map[string]float64{"x": 1}), fleet(30, map[string]float64{"u": 1, "v": 1.1, "w": 1})),
	}})
	if p := r.Samples["latency"].Pods; p.CanaryHistory != nil || p.BaselineHistory == nil {
		t.Errorf("history of pods: %v and %v", p.BaselineHistory, p.CanaryHistory)
	}
	if r.Verdict == judge.Fail || r.Verdict == judge.Error {
		t.Errorf("%v: %s", r.Verdict, r.Summary)
	}
}

func TestPodsOfARatio(t *testing.T) {
	c := byPod()
	c.Metrics = []analysis.Metric{{
		Signal: judge.Signal{Name: "errors", Kind: judge.Ratio, Direction: judge.Increase},
		Source: "fake", Query: "errors ${v}", Total: "requests ${v}", Pods: "pod",
	}}
	requests := fleet(10, map[string]float64{"a": 100, "b": 100})
	r := run(t, c, &fakeSource{answers: answers{
		"errors 1": labeled(fixed(1, 2, 3), metrics.Labels{"pod": "b"}), "requests 1": requests, "requests 2": requests,
	}})
	s := r.Samples["errors"]
	// Where the requests of a pod are known and its errors are not, it had none.
	if s.Baseline.Values[2] != 3 || s.Baseline.Values[3] != 0 || s.Canary.Values[0] != 0 || len(s.Pods.Baseline) != 2 {
		t.Errorf("%+v", s.Baseline.Values[:5])
	}
}

func TestPodMistakes(t *testing.T) {
	good := fleet(1, map[string]float64{"a": 1, "b": 1})
	for want, canary := range map[string]answer{
		`has no label "pod"`: noisy(1, 2),
		`two series of the pod pod="a"`: both(
			labeled(noisy(1, 2), metrics.Labels{"pod": "a", "zone": "x"}), labeled(noisy(1, 3), metrics.Labels{"pod": "a", "zone": "y"})),
		"gives native histograms": labeled(native(0.1, 2), metrics.Labels{"pod": "a"}),
	} {
		r := run(t, byPod(), &fakeSource{answers: answers{"latency 1": good, "latency 2": canary}})
		if r.Verdict != judge.Error || !strings.Contains(r.Findings[0].Reason, want) {
			t.Errorf("%v %q, want %q", r.Verdict, r.Findings[0].Reason, want)
		}
	}
	// A side without any pod is one without data.
	r := run(t, byPod(), &fakeSource{answers: answers{"latency 1": good}})
	if r.Verdict != judge.Fail || !strings.Contains(r.Findings[0].Reason, "reported nothing") {
		t.Errorf("%v %q", r.Verdict, r.Findings[0].Reason)
	}
}

// Whoever calls the library with pods need not lay them out right.
func TestUnevenPods(t *testing.T) {
	side := func(n int) judge.Side { return judge.Side{Values: make([]float64, n)} }
	for want, p := range map[string]*judge.Pods{
		`pod "2" has 2 values and others have 3`:             {Baseline: []judge.Side{side(3), side(2)}, Canary: []judge.Side{side(3)}},
		`pod "x" has 4 values and others have 3`:             {Baseline: []judge.Side{side(3)}, Canary: []judge.Side{side(4)}, CanaryNames: []string{"x"}},
		"1 pods with 2 histories":                            {Baseline: []judge.Side{side(3)}, Canary: []judge.Side{side(3)}, CanaryHistory: []judge.Side{side(3), side(3)}},
		`the history of pod "1" has 4 values`:                {Baseline: []judge.Side{side(3)}, Canary: []judge.Side{side(3)}, CanaryHistory: []judge.Side{side(4)}, BaselineHistory: []judge.Side{side(3)}},
		"has 3 values and 1 totals":                          {Baseline: []judge.Side{{Values: make([]float64, 3), Totals: []float64{1}}}, Canary: []judge.Side{side(3)}},
		"has histograms, which are judged for sides as a wh": {Baseline: []judge.Side{{Histograms: make([]judge.Histogram, 3)}}},
	} {
		j := analysis.Judge([]analysis.Input{{Sample: judge.Sample{Signal: judge.Signal{Name: "a"}, Pods: p}}}, 0.05)
		if j.Verdict != judge.Error || !strings.Contains(j.Findings[0].Reason, want) {
			t.Errorf("%v %q, want %q", j.Verdict, j.Findings[0].Reason, want)
		}
	}
}

// Without a baseline a metric is compared with its own past, and only the canary
// is asked.
func TestOwnPast(t *testing.T) {
	requested := latency()
	requested.Metrics[0].Judge = "anomaly"
	alone := latency()
	alone.Scopes.Baseline = nil
	for name, c := range map[string]analysis.Config{"requested": requested, "no baseline": alone} {
		c.Schedule.History, c.Schedule.Warmup = 10*time.Hour, 5*time.Minute
		for level, want := range map[float64]judge.Verdict{0.2: judge.Pass, 0.4: judge.Fail} {
			f := &fakeSource{answers: answers{"latency 2": inHistory(noisy(0.2, 1), noisy(level, 2))}}
			r := run(t, c, f)
			finding := r.Findings[0]
			if r.Verdict != want || finding.Judge != "anomaly" {
				t.Errorf("%s: %v by %s, want %v: %s", name, r.Verdict, finding.Judge, want, finding.Reason)
			}
			if slices.Contains(f.asked, "latency 1") {
				t.Errorf("%s: the baseline was asked", name)
			}
			s := r.Samples["latency"]
			// The history ends with the warm-up, of which nothing is known.
			if n := s.History.Canary.Len(); n != 605 || s.History.Canary.Has(604) || !s.History.Canary.Has(599) || s.Baseline.Len() != 0 {
				t.Errorf("%s: %d intervals of history, want 600 and 5 without data", name, n)
			}
		}
		c.Schedule.History = 0
		if r := run(t, c, &fakeSource{}); r.Verdict != judge.Error || !strings.Contains(r.Findings[0].Reason, "schedule.history") {
			t.Errorf("%s, no history: %v %s", name, r.Verdict, r.Findings[0].Reason)
		}
	}
}

func TestTraffic(t *testing.T) {
	c := latency()
	c.Traffic = &analysis.Traffic{Source: "fake", Query: "requests ${v}", Share: 0.1}
	requests := func(share float64) *fakeSource {
		return &fakeSource{answers: answers{
			"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2),
			"requests 1": noisy(1000*(1-share), 3), "requests 2": noisy(1000*share, 4),
		}}
	}
	for _, test := range []struct {
		name               string
		share              float64
		metric, traffic    bool // critical
		judgment, findings judge.Verdict
	}{
		{"its share", 0.1, false, false, judge.Pass, judge.Pass},
		{"none is critical, so all decide", 0.02, false, false, judge.Fail, judge.Fail},
		{"reported beside a critical metric", 0.02, true, false, judge.Pass, judge.Fail},
		{"critical", 0.02, true, true, judge.Fail, judge.Fail},
		{"too much", 0.4, false, true, judge.Fail, judge.Fail},
	} {
		c.Metrics[0].Critical, c.Traffic.Critical = test.metric, test.traffic
		r := run(t, c, requests(test.share))
		i := slices.IndexFunc(r.Findings, func(f judge.Finding) bool { return f.Signal.Name == analysis.TrafficSignal })
		f := r.Findings[i]
		if r.Verdict != test.judgment || f.Verdict != test.findings || f.Judge != "srm" {
			t.Errorf("%s: %v, traffic %v by %s: %s", test.name, r.Verdict, f.Verdict, f.Judge, f.Reason)
		}
		if f.Choice != "as a split of traffic: the canary should get 10% of the requests" || f.Evidence.CanaryQuery != "requests 2" {
			t.Errorf("%s: choice %q, evidence %v", test.name, f.Choice, f.Evidence)
		}
	}
}

func TestAssignmentReachesTheJudges(t *testing.T) {
	c := latency()
	c.Assignment = judge.Randomized
	r := run(t, c, &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2)}})
	if got := r.Samples["latency"].Assignment; got != judge.Randomized {
		t.Errorf("assignment %v", got)
	}
}

func TestChoice(t *testing.T) {
	values := func(v ...float64) judge.Side { return judge.Side{Values: v} }
	h := judge.Histogram{Bounds: []float64{0, 1}, Counts: []float64{20}}
	for want, in := range map[string]analysis.Input{
		"as levels: 2 intervals, without history": {Sample: judge.Sample{Pair: judge.Pair{Baseline: values(1, 2), Canary: values(1, 2)}}},
		"as counts: 14 events, without history": {Sample: judge.Sample{
			Signal: judge.Signal{Kind: judge.Count}, Pair: judge.Pair{Baseline: values(5, math.NaN()), Canary: values(2, 7)},
		}},
		"as a ratio: 3 events out of 40, with 1 intervals of history": {Sample: judge.Sample{
			Signal:  judge.Signal{Kind: judge.Ratio},
			Pair:    judge.Pair{Baseline: judge.Side{Values: []float64{1}, Totals: []float64{30}}, Canary: judge.Side{Values: []float64{2}, Totals: []float64{10}}},
			History: &judge.Pair{Baseline: values(1), Canary: values(1)},
		}},
		"as histograms: 40 observations, without history": {Sample: judge.Sample{
			Signal: judge.Signal{Kind: judge.Distribution},
			Pair:   judge.Pair{Baseline: judge.Side{Histograms: []judge.Histogram{h}}, Canary: judge.Side{Histograms: []judge.Histogram{h}}},
		}},
		"as asked (judge: shape)": {Judge: "shape"},
	} {
		if got := analysis.Judge([]analysis.Input{in}, 0.05).Findings[0].Choice; got != want {
			t.Errorf("choice %q, want %q", got, want)
		}
	}
}

func TestSignalMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		spec func(*analysis.Config)
		want string
	}{
		{"a histogram by paired", func(c *analysis.Config) { c.Metrics[0].Kind, c.Metrics[0].Judge = judge.Distribution, "paired" }, "judge paired cannot judge a histogram"},
		{"a gauge by distribution", func(c *analysis.Config) { c.Metrics[0].Judge = "distribution" }, "judge distribution cannot judge a gauge"},
		{"pods without a label", func(c *analysis.Config) { c.Metrics[0].Judge = "pods" }, "pods: instance"},
		{"a histogram with a total", func(c *analysis.Config) { c.Metrics[0].Kind, c.Metrics[0].Total = judge.Distribution, "t" }, "no use for a total"},
		{"a histogram by pods", func(c *analysis.Config) { c.Metrics[0].Kind, c.Metrics[0].Pods = judge.Distribution, "pod" }, "sum it over the pods"},
		{"an slo of a gauge", func(c *analysis.Config) { c.Metrics[0].SLO = 1 }, "slo"},
		{"a negative slo", func(c *analysis.Config) { c.Metrics[0].Kind, c.Metrics[0].SLO = judge.Distribution, -1 }, "slo"},
		{"a share of everything", func(c *analysis.Config) { c.Traffic = &analysis.Traffic{Share: 1} }, "share of the traffic is 1"},
		{"a name for two", func(c *analysis.Config) {
			c.Traffic = &analysis.Traffic{Source: "fake", Query: "q", Share: 0.5}
			c.Metrics[0].Name = "traffic"
		}, "the name of the traffic check"},
	} {
		cfg := latency()
		c.spec(&cfg)
		_, err := analysis.NewPlan(cfg, sources(&fakeSource{}), metrics.Window{Start: start, End: start.Add(time.Hour)}, metrics.Window{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err = %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLookAt(t *testing.T) {
	for _, c := range []struct{ n, horizon, every, number, of int }{
		{0, 60, 5, 0, 12},
		{4, 60, 5, 0, 12},
		{5, 60, 5, 1, 12},
		{59, 60, 5, 11, 12},
		{60, 60, 5, 12, 12},
		{90, 60, 5, 12, 12},
		{60, 60, 7, 9, 9},
		{1, 1, 1, 1, 1},
		{3, 10, 100, 0, 1},
		{10, 10, 100, 1, 1},
	} {
		if got, want := analysis.LookAt(c.n, c.horizon, c.every), (analysis.Look{Number: c.number, Of: c.of}); got != want {
			t.Errorf("%d of %d every %d: %v, want %v", c.n, c.horizon, c.every, got, want)
		}
	}
}

// Every judge that a config can name judges what it is for.
func TestJudgesByName(t *testing.T) {
	for _, name := range []string{"paired", "counts", "ratio", "shape", "pods", "distribution", "anomaly", "srm", "mannwhitney"} {
		if j, err := analysis.JudgeByName(name); err != nil || j.Name() != name {
			t.Errorf("%s: %v, %v", name, j, err)
		}
	}
	for _, k := range []judge.Kind{judge.Gauge, judge.Count, judge.Ratio, judge.Distribution} {
		if analysis.DefaultJudge(k) == nil {
			t.Errorf("kind %v has no judge", k)
		}
	}
}
