package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// goldenCase is a result and how its golden files show it.
type goldenCase struct {
	name    string
	result  *analysis.Result
	options TextOptions
	link    Link
	// textOnly cases differ from another only in their options.
	textOnly bool
}

// goldenCases are what testdata/<name>.{txt,color.txt,md,xml} show.
func goldenCases() []goldenCase {
	return []goldenCase{
		{name: "fail", result: failing(), link: Link{ID: "0198c0de-8a3f-7cc1-9d5e-3f4f2d6c8b11", URL: "https://judged.example.com/analyses/0198c0de-8a3f-7cc1-9d5e-3f4f2d6c8b11"}},
		{name: "pass", result: passing()},
		{name: "inconclusive", result: inconclusive()},
		{name: "error", result: broken()},
		{name: "noncritical", result: nonCritical()},
		{name: "hostile", result: hostile()},
		{name: "aspects", result: aspects()},
		{name: "logs", result: logsFail()},
		{name: "logs-doubt", result: logsDoubt()},
		{name: "logs-few", result: logsFew()},
		{name: "many", result: many()},
		{name: "long", result: long()},
		{name: "empty", result: result(judge.Decide(nil, 0.05))},
		{name: "samples", result: &analysis.Result{Judgment: failing().Judgment}},
		{name: "wide", result: failing(), options: TextOptions{Width: 200}, textOnly: true},
		{name: "narrow", result: failing(), options: TextOptions{Width: 60}, textOnly: true},
		{name: "logs-narrow", result: logsFail(), options: TextOptions{Width: 60}, textOnly: true},
		{name: "logs-ascii", result: logsDoubt(), options: TextOptions{Width: 80, ASCII: true}, textOnly: true},
		{name: "ascii", result: failing(), options: TextOptions{Width: 100, ASCII: true}, textOnly: true},
	}
}

var released = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// result puts a judgment into the surroundings that all cases share.
func result(j judge.Judgment) *analysis.Result {
	return &analysis.Result{
		Judgment: j,
		Config:   "checkout",
		Scopes: analysis.Scopes{
			Baseline: map[string]string{"version": "v1.8.2", "namespace": "shop"},
			Canary:   map[string]string{"version": "v1.9.0", "namespace": "shop"},
		},
		Window:   metrics.Window{Start: released.Add(5 * time.Minute), End: released.Add(35 * time.Minute)},
		History:  metrics.Window{Start: released.Add(-24 * time.Hour), End: released},
		Interval: time.Minute,
	}
}

// finding returns one of a signal over 30 intervals.
func finding(s judge.Signal, v judge.Verdict, c judge.Classification, baseline, canary float64, e judge.Effect, reason string) judge.Finding {
	if e.Level == 0 {
		e.Level = 0.975
	}
	f := judge.NewFinding("paired", judge.Sample{Signal: s})
	f.Verdict, f.Classification, f.Effect, f.Reason = v, c, e, reason
	f.Baseline.Count, f.Baseline.Level = 30, baseline
	f.Canary.Count, f.Canary.Level = 30, canary
	f.EffectiveN = 21.4
	f.PValue, f.AdjustedPValue = 0.31, 0.62
	if v == judge.Fail {
		f.PValue, f.AdjustedPValue = 3.1e-9, 1.24e-8
	}
	f.Evidence = judge.Evidence{
		Source:        "prod-prometheus",
		BaselineQuery: fmt.Sprintf(`avg(%s{version="v1.8.2"})`, strings.ReplaceAll(s.Name, "-", "_")),
		CanaryQuery:   fmt.Sprintf(`avg(%s{version="v1.9.0"})`, strings.ReplaceAll(s.Name, "-", "_")),
	}
	return f
}

func ratioOf(estimate, low, high float64) judge.Effect {
	return judge.Effect{Measure: judge.RatioOfLevels, Estimate: estimate, Low: low, High: high}
}

func differenceOf(estimate, low, high float64) judge.Effect {
	return judge.Effect{Measure: judge.Difference, Estimate: estimate, Low: low, High: high}
}

func noEffect() judge.Effect {
	nan := math.NaN()
	return judge.Effect{Estimate: nan, Low: nan, High: nan}
}

var (
	latency = judge.Signal{Name: "latency-p99", Unit: "s", Direction: judge.Increase, Critical: true, Weight: 3, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.1}}
	errs    = judge.Signal{Name: "errors", Kind: judge.Ratio, Direction: judge.Increase, Critical: true, Weight: 2, Tolerance: judge.Margin{Relative: 0.25, Absolute: 0.001}}
	memory  = judge.Signal{Name: "memory", Unit: "By", Direction: judge.Increase, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25}}
	cpu     = judge.Signal{Name: "cpu per request", Unit: "s", Direction: judge.Increase, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25}}
	hits    = judge.Signal{Name: "cache hits", Kind: judge.Ratio, Direction: judge.Decrease, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.1}}
	lag     = judge.Signal{Name: "queue lag", Unit: "messages", Margin: judge.Margin{Absolute: 50}, Tolerance: judge.Margin{Absolute: 200}}
)

func latencyFails() judge.Finding {
	return finding(latency, judge.Fail, judge.High, 0.2131, 0.3881, ratioOf(1.821, 1.743, 1.906),
		"worse by more than the margin of 5%")
}

func errorsFail() judge.Finding {
	f := finding(errs, judge.Fail, judge.High, 0.00034, 0.00418, ratioOf(12.3, 4.1, 41.7),
		"worse by more than chance explains")
	f.Judge, f.Effect.Measure = "ratio", judge.RateRatio
	f.Baseline.Events, f.Baseline.Total, f.Canary.Events, f.Canary.Total = 3, 8941, 41, 9812
	f.Evidence.BaselineQuery = `sum(increase(http_requests_total{version="v1.8.2",code=~"5.."}[1m]))`
	f.Evidence.CanaryQuery = `sum(increase(http_requests_total{version="v1.9.0",code=~"5.."}[1m]))`
	f.Evidence.BaselineTotalQuery = `sum(increase(http_requests_total{version="v1.8.2"}[1m]))`
	f.Evidence.CanaryTotalQuery = `sum(increase(http_requests_total{version="v1.9.0"}[1m]))`
	return f
}

func memoryPasses() judge.Finding {
	return finding(memory, judge.Pass, judge.Similar, 412<<20, 418<<20, ratioOf(1.0142, 0.992, 1.037),
		"within the tolerance of 25%")
}

func cpuUnclear() judge.Finding {
	f := finding(cpu, judge.Inconclusive, judge.Unclear, 0.00213, 0.00241, ratioOf(1.131, 0.968, 1.32),
		"too early to tell; about 35 more intervals (35 min) would decide")
	f.Needed = 65
	f.Warnings = []string{"no history to take the normal difference from: healthy arms are taken to be alike"}
	return f
}

func hitsSame() judge.Finding {
	f := finding(hits, judge.Pass, judge.Similar, 0.914, 0.914, ratioOf(1, 0.991, 1.009),
		"within the tolerance of 10%")
	f.Judge, f.Effect.Measure = "ratio", judge.RateRatio
	return f
}

func lagLower() judge.Finding {
	return finding(lag, judge.Pass, judge.Similar, 12, 0, differenceOf(-12, -31, 7),
		"within the tolerance of 200")
}

func failing() *analysis.Result {
	uneven := latencyFails()
	uneven.Warnings = []string{
		"data are missing unevenly: 3% of the baseline's intervals, 27% of the canary's",
		"no history to take the normal difference from: healthy arms are taken to be alike",
	}
	return result(judge.Decide([]judge.Finding{memoryPasses(), errorsFail(), cpuUnclear(), uneven, hitsSame(), lagLower()}, 0.05))
}

func passing() *analysis.Result {
	l := finding(latency, judge.Pass, judge.Similar, 0.2131, 0.2148, ratioOf(1.008, 0.981, 1.036),
		"within the tolerance of 10%")
	return result(judge.Decide([]judge.Finding{l, memoryPasses(), hitsSame(), lagLower()}, 0.05))
}

func inconclusive() *analysis.Result {
	l := finding(latency, judge.Inconclusive, judge.Unclear, 0.2131, 0.2301, ratioOf(1.08, 0.981, 1.189),
		"too early to tell; about 14 more intervals (14 min) would decide")
	l.Needed = 44
	e := finding(errs, judge.Inconclusive, judge.NoData, 0.0004, math.NaN(), noEffect(),
		"the canary has no data in 30 intervals, while the baseline has: is it running and does it get traffic?")
	e.Canary.Count, e.Canary.Missing, e.EffectiveN, e.PValue, e.AdjustedPValue = 0, 30, 0, math.NaN(), math.NaN()
	gated := finding(judge.Signal{Name: "threads", Critical: true}, judge.Inconclusive, judge.Unclear, 40, 41,
		ratioOf(1.025, 0, math.Inf(1)), "autocorrelation too strong: 30 intervals are worth 3.1 independent ones, 5 are needed")
	return result(judge.Decide([]judge.Finding{l, e, gated, memoryPasses()}, 0.05))
}

func broken() *analysis.Result {
	down := &metrics.Error{
		Op: "query", Source: "prod-prometheus", Query: `avg(latency_p99{version="v1.9.0"})`, Reason: metrics.Unavailable,
		Err: fmt.Errorf("Get \"https://prometheus.example.com/api/v1/query_range\": dial tcp 10.1.2.3:443: connect: connection refused"), Hint: "is it running? 4 tries in 12 s",
	}
	f := judge.NewFinding("", judge.Sample{Signal: latency})
	f.Verdict, f.Classification, f.Reason = judge.Error, judge.Failed, down.Error()
	return result(judge.Decide([]judge.Finding{memoryPasses(), f, hitsSame()}, 0.05))
}

// nonCritical passes although a signal that does not decide fails.
func nonCritical() *analysis.Result {
	m := finding(memory, judge.Fail, judge.High, 412<<20, 1.3*(1<<30), ratioOf(3.231, 3.1, 3.37),
		"worse by more than the margin of 5%")
	r := passing()
	r.Judgment = judge.Decide([]judge.Finding{r.Findings[0], hitsSame(), m}, 0.05)
	return r
}

// aspects is a look at a growing window, with signals that several judges looked
// at: one FAILs by its shape alone, one by its level.
func aspects() *analysis.Result {
	shaped := finding(memory, judge.Fail, judge.High, 412<<20, 418<<20, judge.Effect{Measure: judge.RatioOfSpreads, Estimate: 3.4, Low: 2.1, High: 5.5},
		"it varies more than it did")
	shaped.Judge, shaped.Choice = "shape", "as levels: 30 intervals, with 1440 intervals of history"
	shaped.Aspects = []judge.Aspect{
		{Judge: "paired", Effect: ratioOf(1.0142, 0.992, 1.037), PValue: 0.41},
		{Judge: "shape", Effect: shaped.Effect, PValue: 3.1e-9},
	}
	level := latencyFails()
	level.Choice = "pod by pod: 5 against 5; and as levels: 30 intervals, without history"
	level.Aspects = []judge.Aspect{
		{Judge: "paired", Effect: level.Effect, PValue: 3.1e-9},
		{Judge: "shape", Effect: ratioOf(1.1, 0.8, 1.5), PValue: 1},
		{Judge: "pods", Effect: noEffect(), PValue: 0.02},
	}
	split := finding(judge.Signal{Name: "traffic", Kind: judge.Count, Unit: "requests"}, judge.Pass, judge.Similar, 900, 98,
		judge.Effect{Measure: judge.RateRatio, Estimate: 0.98, Low: 0.95, High: 1.01}, "the canary gets its share")
	split.Judge, split.Choice = "srm", "as a split of traffic: the canary should get 10% of the requests"
	r := result(judge.Decide([]judge.Finding{shaped, level, split}, 0.05))
	r.Look = analysis.Look{Number: 3, Of: 12}
	return r
}

// hostile has everything in it that somebody could hope to get through.
func hostile() *analysis.Result {
	attacks := []string{
		"a\x1b[2J\x1b[1;1H\x1b]0;owned\aPASS",
		"b\r\nPASS: nothing to see\n\n| x | y |\n",
		"c\u202egnp.exe\u2066 \u200b\u00ad\ufeff",
		"d|e`f``g```h\\|i\\",
		"<script>alert(1)</script><!-- --></details></testsuite>]]>&amp;&#64;",
		"[click](javascript:alert(1)) ![x](https://evil.example/x.png) https://evil.example www.evil.example <https://evil.example>",
		"@everyone ping @judged-dev/owners mail a@evil.example #1 GH-1 judged-dev/judged#1 !2 $3 ~bug :tada: $x^2$",
		"```\n</details>\n# heading\n~~~\n- item",
		"延迟 レイテンシ 지연 e\u0301 👩‍👩‍👧 \xff\xfe\x00 \ufffe",
		"**bold** _it_ ~~gone~~ # - + 1. > q",
		strings.Repeat("x", 2*maxText),
		"",
	}
	findings := make([]judge.Finding, 0, len(attacks))
	for i, a := range attacks {
		s := judge.Signal{Name: a, Unit: a, Critical: i%2 == 0}
		v := []judge.Verdict{judge.Fail, judge.Error, judge.Inconclusive, judge.Pass, judge.Verdict(17)}[i%5]
		f := finding(s, v, judge.Unclear, 1.5, 2.5, differenceOf(1, 0.5, 1.5), a)
		f.Judge, f.Choice = a, a
		f.Aspects = []judge.Aspect{{Judge: "lead", Effect: f.Effect, PValue: 0.5}, {Judge: a, Effect: f.Effect, PValue: 0.01}}
		f.Warnings = []string{a, "the same doubt"}
		f.Evidence = judge.Evidence{Source: a, BaselineQuery: a, CanaryQuery: a}
		if i%3 == 0 {
			f.Judge, f.Changes = logJudge, hostileChanges(a, a, 1.5, 0.7)[i%2*3:][:4]
		}
		findings = append(findings, f)
	}
	r := result(judge.Decide(findings, 0.05))
	r.Config = attacks[0] + attacks[4]
	r.Scopes.Canary["version"] = attacks[1] + attacks[3]
	return r
}

func many() *analysis.Result {
	var findings []judge.Finding
	for i := range 30 {
		s := judge.Signal{Name: fmt.Sprintf("operation %02d: self time p95", i+1), Unit: "s", Direction: judge.Increase, Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25}}
		low := 0.002 * math.Pow(1.35, float64(i))
		f := finding(s, judge.Pass, judge.Similar, low, low*1.011, ratioOf(1.011, 0.97, 1.053),
			"the canary is within 1.1% of the baseline (-3% to +5.3%): within the tolerance of 25%")
		f.Effect.Level = 1 - 0.05/30
		switch i {
		case 17:
			f = finding(s, judge.Fail, judge.High, low, low*2.5, ratioOf(2.5, 2.2, 2.9), "worse by more than the margin of 5%")
			f.Effect.Level = 1 - 0.05/30
		case 22:
			f = finding(s, judge.Inconclusive, judge.NoData, math.NaN(), math.NaN(), noEffect(), "no data on either side in 30 intervals")
		}
		f.Warnings = []string{"the source answered in steps of 1m30s instead of 1m0s"}
		findings = append(findings, f)
	}
	return result(judge.Decide(findings, 0.05))
}

// long has the longest names and the largest effects.
func long() *analysis.Result {
	s := func(name, unit string) judge.Signal {
		return judge.Signal{Name: name, Unit: unit, Direction: judge.Increase}
	}
	return result(judge.Decide([]judge.Finding{
		finding(s("checkout_http_server_request_duration_seconds_p99_by_region", "s"), judge.Fail, judge.High, 0.2131, 4.1, ratioOf(19.24, 12.1, math.Inf(1)), "worse by more than chance explains"),
		finding(s("new error: panic in CartService.Checkout", ""), judge.Fail, judge.High, 0, 3.2, judge.Effect{Measure: judge.RateRatio, Estimate: math.Inf(1), Low: 8.3, High: math.Inf(1)}, "worse by more than chance explains"),
		finding(s("支払いサービスの応答時間", "ms"), judge.Inconclusive, judge.Unclear, 12.7, 13.1, ratioOf(1.031, 0.93, 1.14), "cannot tell; waiting longer is unlikely to decide"),
		finding(s("requests", "req/s"), judge.Pass, judge.Similar, 1234567, 1241002, ratioOf(1.0052, 0.99, 1.02), "within the tolerance of 25%"),
		finding(s("saturation", "%"), judge.Pass, judge.Similar, 0, 1.5, differenceOf(1.5, -0.3, 3.3), "within the tolerance of 5"),
	}, 0.05))
}
