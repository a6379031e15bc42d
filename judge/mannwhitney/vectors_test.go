package mannwhitney

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// vectorFile holds the numbers of Kayenta's own test suites: what they expect,
// and what Kayenta's compiled classes return ("oracle"). It is kept outside
// of the repository.
const vectorFile = "../../../shared/data/kayenta/vectors-kayenta-suite.jsonl"

// quantiles of the confidence levels that the suites use, as Kayenta computes
// them.
var quantiles = map[float64]float64{0.95: 1.959963984540054, 0.98: quantile98}

// number is a double that may be written as "NaN" or "Infinity".
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	text := string(b)
	if b[0] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := strconv.ParseFloat(text, 64)
	*n = number(v)
	return err
}

type numbers []number

func (n numbers) floats() []float64 {
	f := make([]float64, len(n))
	for i, v := range n {
		f[i] = float64(v)
	}
	return f
}

type outcome struct {
	Classification *Label
	Reason         *string
	ReasonPresent  *bool
	Critical       *bool
	Noise          *bool

	LowerConfidence, UpperConfidence, Estimate *number
	Deviation, EffectSize, Value               *number
	Min, Max, Mean, Std                        *number
	Count                                      *float64
	SummaryScore                               *number
	GroupScores                                map[string]number
	Values                                     numbers
	Outliers                                   []bool

	Tolerance, EstimateTolerance float64
}

type vector struct {
	ID, Suite, Test, Kind string
	Input                 struct {
		MetricName                         string
		Experiment, Control, Values        numbers
		Tolerance, ConfLevel               float64
		Direction, NaNStrategy             string
		AllowedIncrease, AllowedDecrease   *float64
		CriticalIncrease, CriticalDecrease *float64
		EffectSizeMeasure                  string
		Critical, IsDataRequired           bool
		Mu, Quantile, P, Factor, K         float64
		GroupWeights                       map[string]float64
		Metrics                            []struct {
			Name           string
			Classification Label
			Groups         []string
			Critical       bool
		}
	}
	Expect, Oracle outcome
}

func readVectors(t *testing.T) []vector {
	file, err := os.Open(vectorFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("Kayenta's vectors are not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var vectors []vector
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", lines.Bytes()[:min(80, len(lines.Bytes()))], err)
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// TestVectors compares with every number in Kayenta's own tests: within their
// tolerance, and exactly with what Kayenta returns.
func TestVectors(t *testing.T) {
	type count struct{ cases, exact int }
	counts := map[string]*count{}
	for _, v := range readVectors(t) {
		c := counts[v.Suite]
		if c == nil {
			c = new(count)
			counts[v.Suite] = c
		}
		c.cases++
		if t.Run(v.ID+" "+v.Test, func(t *testing.T) { checkVector(t, v) }) {
			c.exact++
		}
	}
	suites := make([]string, 0, len(counts))
	for suite := range counts {
		suites = append(suites, suite)
	}
	slices.Sort(suites)
	for _, suite := range suites {
		c := counts[suite]
		t.Logf("%s: %d cases, %d equal Kayenta's doubles", suite, c.cases, c.exact)
	}
}

func checkVector(t *testing.T, v vector) {
	in := v.Input
	x, y := in.Experiment.floats(), in.Control.floats()
	values := in.Values.floats()
	w := &worker{criteria: judgeCriteria}
	w.noise.seed(DefaultSeed)
	load := func() {
		w.transform(&w.test.x, x, &Settings{})
		w.transform(&w.test.y, y, &Settings{})
		w.test.load(x, y)
	}
	var got outcome
	value := func(f float64) *number { n := number(f); return &n }
	sorted := slices.Sorted(slices.Values(values))

	switch v.Kind {
	case "classify":
		s := DefaultSettings(map[string]EffectMeasure{"cles": CommonLanguage}[in.EffectSizeMeasure])
		if in.EffectSizeMeasure == "cles" {
			// The classifier's own defaults, which the judge never uses.
			s.CriticalEffect = Thresholds{1, 1}
		}
		s.Direction = map[string]judge.Direction{"increase": judge.Increase, "decrease": judge.Decrease, "either": judge.Either}[in.Direction]
		s.NaN = map[string]NaNStrategy{"replace": ReplaceNaN}[in.NaNStrategy]
		s.Critical, s.MustHaveData = in.Critical, in.IsDataRequired
		for from, to := range map[*float64]*float64{
			in.AllowedIncrease: &s.Allowed.Increase, in.AllowedDecrease: &s.Allowed.Decrease,
			in.CriticalIncrease: &s.CriticalEffect.Increase, in.CriticalDecrease: &s.CriticalEffect.Decrease,
		} {
			if from != nil {
				*to = *from
			}
		}
		w.criteria = criteria{quantile: quantiles[in.ConfLevel], tolerance: in.Tolerance}
		r, err := w.judge(&Metric{Name: in.MetricName, Settings: s}, y, x)
		if err != nil {
			t.Fatal(err)
		}
		present := r.Reason != ""
		got = outcome{Classification: &r.Label, Reason: &r.Reason, ReasonPresent: &present, Critical: &r.Critical, Deviation: value(r.Ratio)}
		if c := r.Comparison; c != nil {
			got.Noise = &c.Noise
			got.LowerConfidence, got.UpperConfidence, got.Estimate = value(c.Lower), value(c.Upper), value(c.Interval.Estimate)
			got.EffectSize = value(c.Effect)
		}
	case "mannWhitney":
		load()
		i, err := w.test.interval(quantiles[in.ConfLevel])
		if err != nil {
			t.Fatal(err)
		}
		got = outcome{LowerConfidence: value(i.Lower), UpperConfidence: value(i.Upper), Estimate: value(i.Estimate)}
	case "wilcoxonDiff":
		load()
		d, err := w.test.statistic(in.Mu)
		if err != nil {
			t.Fatal(err)
		}
		got.Value = value(d - in.Quantile)
	case "zQuantile":
		got.Value = value(-quantile98)
	case "summary":
		s, _ := summarize(values, nil, sorted, nil)
		n := float64(s.Count)
		got = outcome{Min: value(s.Min), Max: value(s.Max), Mean: value(s.Mean), Std: value(s.Std), Count: &n}
	case "percentile":
		got.Value = value(percentile(sorted, in.P))
	case "meanRatio":
		got.Value = value(meanRatio(means(y, x)))
	case "cles":
		load()
		got.Value = value(w.test.commonLanguage())
	case "removeNaNs", "replaceNaNs":
		strategy := map[string]NaNStrategy{"removeNaNs": RemoveNaN, "replaceNaNs": ReplaceNaN}[v.Kind]
		for _, f := range handleNaNs(values, strategy) {
			got.Values = append(got.Values, number(f))
		}
	case "iqrDetect":
		low, high := iqrFences(sorted, in.Factor)
		got.Outliers = outside(values, low, high)
	case "ksigmaDetect":
		got.Outliers = kSigma(values, in.K)
	case "cohenD":
		got.Value = value(cohenD(summarize(y, x, slices.Sorted(slices.Values(y)), slices.Sorted(slices.Values(x)))))
	case "meanInequality":
		label := meanInequality(means(y, x))
		got.Classification = &label
	case "score":
		var c Config
		for name, weight := range in.GroupWeights {
			c.Weights = append(c.Weights, GroupWeight{name, weight})
		}
		var results []Result
		for _, m := range in.Metrics {
			results = append(results, Result{Name: m.Name, Groups: m.Groups, Label: m.Classification, Critical: m.Critical})
		}
		groups, score := c.score(results)
		got = outcome{SummaryScore: value(score.Value), Reason: &score.Reason, GroupScores: map[string]number{}}
		for _, g := range groups {
			got.GroupScores[g.Group] = number(g.Value)
		}
	default:
		t.Fatalf("unknown kind %q", v.Kind)
	}
	check(t, "suite", got, v.Expect, max(v.Expect.Tolerance, 0))
	check(t, "Kayenta", got, v.Oracle, 0)
}

// check compares what want says with got; a tolerance of 0 demands equal
// doubles.
func check(t *testing.T, of string, got, want outcome, tolerance float64) {
	t.Helper()
	number := func(what string, got, want *number, tolerance float64) {
		t.Helper()
		if want == nil {
			return
		}
		if got == nil {
			t.Errorf("%s: no %s, want %v", of, what, *want)
			return
		}
		g, w := float64(*got), float64(*want)
		if g != w && !(math.IsNaN(g) && math.IsNaN(w)) && !(math.Abs(g-w) <= tolerance) {
			t.Errorf("%s: %s is %v, want %v (±%g)", of, what, g, w, tolerance)
		}
	}
	number("lower bound", got.LowerConfidence, want.LowerConfidence, tolerance)
	number("upper bound", got.UpperConfidence, want.UpperConfidence, tolerance)
	number("estimate", got.Estimate, want.Estimate, max(tolerance, want.EstimateTolerance))
	number("deviation", got.Deviation, want.Deviation, tolerance)
	number("effect size", got.EffectSize, want.EffectSize, tolerance)
	number("value", got.Value, want.Value, tolerance)
	number("min", got.Min, want.Min, tolerance)
	number("max", got.Max, want.Max, tolerance)
	number("mean", got.Mean, want.Mean, tolerance)
	number("std", got.Std, want.Std, tolerance)
	number("score", got.SummaryScore, want.SummaryScore, tolerance)
	equal(t, of+": classification", got.Classification, want.Classification)
	if want.Reason != nil && (got.Reason == nil || !strings.EqualFold(*got.Reason, *want.Reason)) {
		// The suites label the sides in lower case, the judge does not.
		t.Errorf("%s: got reason %v, want %q", of, got.Reason, *want.Reason)
	}
	equal(t, of+": has a reason", got.ReasonPresent, want.ReasonPresent)
	equal(t, of+": critical", got.Critical, want.Critical)
	equal(t, of+": noise", got.Noise, want.Noise)
	equal(t, of+": count", got.Count, want.Count)
	for name, w := range want.GroupScores {
		g, ok := got.GroupScores[name]
		if !ok || g != w {
			t.Errorf("%s: group %s scores %v, want %v", of, name, g, w)
		}
	}
	if want.Values != nil && !slices.Equal(got.Values, want.Values) {
		t.Errorf("%s: values %v, want %v", of, got.Values, want.Values)
	}
	if want.Outliers != nil && !slices.Equal(got.Outliers, want.Outliers) {
		t.Errorf("%s: outliers %v, want %v", of, got.Outliers, want.Outliers)
	}
}

func equal[T comparable](t *testing.T, what string, got, want *T) {
	t.Helper()
	if want != nil && (got == nil || *got != *want) {
		t.Errorf("%s: got %v, want %v", what, got, *want)
	}
}

// outside marks what dropOutliers would drop.
func outside(values []float64, low, high float64) []bool {
	marks := make([]bool, len(values))
	for i, v := range values {
		marks[i] = len(dropOutliers([]float64{v}, low, high)) == 0
	}
	return marks
}

// Kayenta's suites also cover the following three, which no judge of Kayenta
// uses; in the product they would be dead code. They are here, built on the
// product's functions, so that every number of the suites is checked.

// kSigma is KSigmaDetector: values more than k population standard deviations
// from the mean.
func kSigma(values []float64, k float64) []bool {
	m, _ := means(values, nil)
	v, _ := variances(values, nil, m, 0)
	n := float64(len(values))
	deviation := math.Sqrt(v * (n - 1) / n)
	return outside(values, m-deviation*k, m+deviation*k)
}

// cohenD is EffectSizes.cohenD: the difference of means in pooled standard
// deviations.
func cohenD(control, experiment Stats) float64 {
	n, m := float64(experiment.Count), float64(control.Count)
	pooled := math.Sqrt(((n-1)*experiment.Std*experiment.Std + (m-1)*control.Std*control.Std) / (n + m - 2))
	return math.Abs(experiment.Mean-control.Mean) / pooled
}

// meanInequality is MeanInequalityClassifier in direction either.
func meanInequality(control, experiment float64) Label {
	switch {
	case experiment > control:
		return High
	case experiment < control:
		return Low
	default:
		return Pass
	}
}
