package judge_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// byP fails a sample if its p value (hidden in the first baseline value) is
// at most its share of alpha, which it records.
type byP struct{ shares map[string][]float64 }

func (byP) Name() string { return "byP" }

func (j byP) Judge(s judge.Sample) judge.Finding {
	j.shares[s.Signal.Name] = append(j.shares[s.Signal.Name], s.Alpha)
	f := judge.NewFinding("byP", s)
	f.PValue = s.Baseline.Values[0]
	f.Verdict, f.Classification = judge.Pass, judge.Similar
	if f.PValue <= s.Alpha {
		f.Verdict, f.Classification = judge.Fail, judge.High
	}
	return f
}

func samples(p map[string]float64, critical ...string) []judge.Sample {
	var out []judge.Sample
	for _, name := range []string{"a", "b", "c", "d"} {
		if v, ok := p[name]; ok {
			s := judge.Sample{Signal: judge.Signal{Name: name}}
			s.Baseline.Values = []float64{v}
			for _, c := range critical {
				s.Signal.Critical = s.Signal.Critical || c == name
			}
			out = append(out, s)
		}
	}
	return out
}

func verdicts(j judge.Judgment) map[string]judge.Verdict {
	out := map[string]judge.Verdict{}
	for _, f := range j.Findings {
		out[f.Signal.Name] = f.Verdict
	}
	return out
}

// The p values of R's p.adjust(c(.01, .02, .03, .2), "holm") are
// .04 .06 .06 .2: at .05 only the first is rejected. With .015 for the
// second, .04 .045 .06 .2: two are.
func TestCompareIsHolm(t *testing.T) {
	for _, c := range []struct {
		p        map[string]float64
		fails    string
		adjusted map[string]float64
	}{
		{map[string]float64{"a": .01, "b": .02, "c": .03, "d": .2}, "a", map[string]float64{"a": .04, "b": .06, "c": .06, "d": .2}},
		{map[string]float64{"a": .01, "b": .015, "c": .03, "d": .2}, "ab", map[string]float64{"a": .04, "b": .045, "c": .06, "d": .2}},
		{map[string]float64{"a": .2, "b": .3}, "", map[string]float64{"a": .4, "b": .4}},
	} {
		j := byP{map[string][]float64{}}
		got := judge.Compare(samples(c.p), func(judge.Sample) judge.Judge { return j }, 0.05)
		for name, v := range verdicts(got) {
			if want := strings.Contains(c.fails, name); (v == judge.Fail) != want {
				t.Errorf("%v: %s is %v", c.p, name, v)
			}
		}
		for _, f := range got.Findings {
			if want := c.adjusted[f.Signal.Name]; math.Abs(f.AdjustedPValue-want) > 1e-12 {
				t.Errorf("%v: adjusted p of %s = %v, want %v", c.p, f.Signal.Name, f.AdjustedPValue, want)
			}
		}
		if want := c.fails != ""; (got.Verdict == judge.Fail) != want {
			t.Errorf("%v: verdict %v", c.p, got.Verdict)
		}
	}
}

func TestCriticalSignalsDecide(t *testing.T) {
	j := byP{map[string][]float64{}}
	choose := func(judge.Sample) judge.Judge { return j }
	got := judge.Compare(samples(map[string]float64{"a": .5, "b": .0001}, "a"), choose, 0.05)
	if got.Verdict != judge.Pass {
		t.Errorf("verdict %v, want PASS: only a is critical", got.Verdict)
	}
	if !strings.Contains(got.Summary, "not critical got worse") {
		t.Errorf("the summary hides the other regression: %s", got.Summary)
	}
	if got.Score != 50 {
		t.Errorf("score %v, want 50", got.Score)
	}
	if s := j.shares["a"][0]; s != 0.05 {
		t.Errorf("a was judged at %v, want the whole alpha", s)
	}
}

// Only a rejection frees a share of alpha: a signal that nobody can judge must
// not make it easier for the others to fail.
func TestMissingJudgeFreesNoAlpha(t *testing.T) {
	j := byP{map[string][]float64{}}
	got := judge.Compare(samples(map[string]float64{"a": .04, "b": 1}), func(s judge.Sample) judge.Judge {
		if s.Signal.Name == "b" {
			return nil
		}
		return j
	}, 0.05)
	if got.Verdict != judge.Error || len(j.shares["a"]) != 1 || j.shares["a"][0] != 0.025 {
		t.Errorf("%v, a was judged at %v; want ERROR and .025 only", got.Verdict, j.shares["a"])
	}
}

func TestNothingIsNeverAPass(t *testing.T) {
	if j := judge.Compare(nil, nil, 0.05); j.Verdict != judge.Error || j.Summary == "" {
		t.Errorf("no samples: %v %q", j.Verdict, j.Summary)
	}
	missing := judge.Compare(samples(map[string]float64{"a": 1}), func(judge.Sample) judge.Judge { return nil }, 0.05)
	if missing.Verdict != judge.Error {
		t.Errorf("no judge: %v", missing.Verdict)
	}
	if (judge.Finding{}).Verdict == judge.Pass {
		t.Error("the zero finding passes")
	}
}

// passes gives every sample the same verdict.
type passes struct{ verdict judge.Verdict }

func (passes) Name() string { return "passes" }

func (p passes) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding("passes", s)
	f.Verdict, f.Classification = p.verdict, judge.Similar
	return f
}

func TestSilence(t *testing.T) {
	// side has data in the first n of 20 intervals.
	side := func(n int) judge.Side {
		var s judge.Side
		for i := range 20 {
			v := 1.0
			if i >= n {
				v = math.NaN()
			}
			s.Values = append(s.Values, v)
		}
		return s
	}
	for _, c := range []struct {
		name             string
		baseline, canary int
		judged, want     judge.Verdict
	}{
		{"both to the end", 20, 20, judge.Pass, judge.Pass},
		{"the canary stops", 20, 9, judge.Pass, judge.Fail},
		{"the canary stops at the last quarter", 20, 15, judge.Inconclusive, judge.Fail},
		{"the canary never reports", 20, 0, judge.Inconclusive, judge.Fail},
		{"a few late samples", 20, 16, judge.Pass, judge.Pass},
		{"both stop", 15, 15, judge.Pass, judge.Pass},
		{"a failure stands", 20, 9, judge.Fail, judge.Fail},
	} {
		s := judge.Sample{Signal: judge.Signal{Name: "a"}, Pair: judge.Pair{Baseline: side(c.baseline), Canary: side(c.canary)}}
		got := judge.Compare([]judge.Sample{s}, func(judge.Sample) judge.Judge { return passes{c.judged} }, 0.05)
		if got.Verdict != c.want {
			t.Errorf("%s: %v, want %v", c.name, got.Verdict, c.want)
		}
		if c.canary == 9 && c.judged == judge.Pass && !strings.Contains(got.Findings[0].Reason, "last 11 intervals") {
			t.Errorf("%s: %s", c.name, got.Findings[0].Reason)
		}
	}
}

// Silence in fewer than half of the signals decides nothing, but what went
// silent does not pass.
func TestSilenceOfFew(t *testing.T) {
	talking := judge.Side{Values: make([]float64, 20)}
	stopped := judge.Side{Values: slices.Concat(make([]float64, 9), slices.Repeat([]float64{math.NaN()}, 11))}
	var samples []judge.Sample
	for i, canary := range []judge.Side{talking, stopped, talking} {
		samples = append(samples, judge.Sample{Signal: judge.Signal{Name: string(rune('a' + i))}, Pair: judge.Pair{Baseline: talking, Canary: canary}})
	}
	got := judge.Compare(samples, func(judge.Sample) judge.Judge { return passes{judge.Pass} }, 0.05)
	if got.Verdict != judge.Inconclusive || got.Findings[0].Signal.Name != "b" || got.Findings[0].Verdict != judge.Inconclusive {
		t.Errorf("%v, first %s %v", got.Verdict, got.Findings[0].Signal.Name, got.Findings[0].Verdict)
	}
}

func TestDecideOrder(t *testing.T) {
	finding := func(name string, v judge.Verdict, critical bool) judge.Finding {
		f := judge.NewFinding("test", judge.Sample{Signal: judge.Signal{Name: name, Critical: critical}})
		f.Verdict, f.Reason = v, "because"
		return f
	}
	for _, c := range []struct {
		name     string
		findings []judge.Finding
		want     judge.Verdict
		first    string
	}{
		{"fail over error", []judge.Finding{finding("e", judge.Error, true), finding("f", judge.Fail, true), finding("p", judge.Pass, true)}, judge.Fail, "f"},
		{"error over inconclusive", []judge.Finding{finding("i", judge.Inconclusive, true), finding("e", judge.Error, true)}, judge.Error, "e"},
		{"inconclusive over pass", []judge.Finding{finding("p", judge.Pass, true), finding("i", judge.Inconclusive, true)}, judge.Inconclusive, "i"},
		{"uncritical error", []judge.Finding{finding("p", judge.Pass, true), finding("e", judge.Error, false)}, judge.Pass, "e"},
		{"critical first", []judge.Finding{finding("x", judge.Fail, false), finding("f", judge.Fail, true)}, judge.Fail, "f"},
	} {
		j := judge.Decide(c.findings, 0.05)
		if j.Verdict != c.want || j.Findings[0].Signal.Name != c.first {
			t.Errorf("%s: %v with %s first, want %v with %s", c.name, j.Verdict, j.Findings[0].Signal.Name, c.want, c.first)
		}
		if !strings.HasPrefix(j.Summary, c.want.String()+": ") || !strings.HasSuffix(j.Summary, ".") {
			t.Errorf("%s: summary %q", c.name, j.Summary)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{judge.FormatNumber(1234.5), "1234"},
		{judge.FormatNumber(0.052345), "0.0523"},
		{judge.FormatNumber(99.95), "100"},
		{judge.FormatNumber(0.1), "0.1"},
		{judge.FormatNumber(-12.34), "-12.3"},
		{judge.FormatNumber(1.5e9), "1.5G"},
		{judge.FormatNumber(3e-7), "3e-07"},
		{judge.FormatNumber(math.NaN()), "?"},
		{judge.FormatNumber(math.Inf(-1)), "-∞"},
		{judge.FormatValue(0.0234, "s"), "23.4 ms"},
		{judge.FormatValue(61.5, "s"), "61.5 s"},
		{judge.FormatValue(0, "s"), "0 s"},
		{judge.FormatValue(1<<20*17.5, "By"), "17.5 MiB"},
		{judge.FormatValue(0.0123, "share"), "1.23%"},
		{judge.FormatValue(12, "req"), "12 req"},
		{judge.FormatValue(math.NaN(), "s"), "–"},
		{judge.Margin{Relative: 0.05}.String(), "5%"},
		{judge.Margin{Relative: 0.05, Absolute: 0.002}.String(), "5% and 0.002"},
		{judge.Margin{Relative: 0.05, Absolute: 0.002}.Format("s"), "5% and 2 ms"},
		{judge.Margin{Absolute: 0.002}.Format("share"), "0.2 pp"},
		{judge.FormatValue(0.9997, "s"), "1 s"},
		{judge.Effect{Measure: judge.RatioOfLevels, Estimate: 1.821, Low: 1.743, High: 1.906}.String(), "+82.1% (+74.3% to +90.6%)"},
		{judge.Effect{Measure: judge.RateRatio, Estimate: 12.34, Low: 0.9, High: math.Inf(1)}.String(), "12.3x (0.9x to +∞)"},
		{judge.Effect{Measure: judge.Difference, Estimate: 3, Low: -1, High: 7}.String(), "+3 (-1 to +7)"},
		{judge.Fail.String(), "FAIL"},
		{judge.Verdict(99).String(), "invalid(99)"},
		{judge.Ratio.String(), "ratio"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
