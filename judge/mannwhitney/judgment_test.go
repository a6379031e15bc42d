package mannwhitney

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/judged-dev/judged/judge"
)

var nan, inf = math.NaN(), math.Inf(1)

func ramp(from float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = from + float64(i)
	}
	return v
}

// judged judges one pair with settings that change has changed.
func judged(t *testing.T, control, experiment []float64, change func(*Settings)) Result {
	t.Helper()
	s := DefaultSettings(MeanRatio)
	if change != nil {
		change(&s)
	}
	c := Config{Metrics: []Metric{{Name: "m", Groups: []string{"g"}, Settings: s}}, Pass: 95, Marginal: 75}
	j, err := c.Judge([]Pair{{Metric: "m", Control: control, Experiment: experiment}})
	if err != nil {
		t.Fatal(err)
	}
	return j.Results[0]
}

func TestLabels(t *testing.T) {
	low, high := ramp(1, 6), ramp(11, 6)
	set := func(changes ...func(*Settings)) func(*Settings) {
		return func(s *Settings) {
			for _, c := range changes {
				c(s)
			}
		}
	}
	critical := func(s *Settings) { s.Critical = true }
	mustHaveData := func(s *Settings) { s.MustHaveData = true }
	replace := func(s *Settings) { s.NaN = ReplaceNaN }
	direction := func(d judge.Direction) func(*Settings) { return func(s *Settings) { s.Direction = d } }

	for name, test := range map[string]struct {
		control, experiment []float64
		change              func(*Settings)
		label               Label
		reason              string
		critical            bool
	}{
		"higher":                      {low, high, nil, High, "m was classified as High", false},
		"lower":                       {high, low, nil, Low, "m was classified as Low", false},
		"higher, critical":            {low, high, critical, High, "The metric m was classified as High (Critical)", true},
		"higher is good":              {low, high, direction(judge.Decrease), Pass, "", false},
		"lower is good":               {high, low, direction(judge.Increase), Pass, "", false},
		"same values, other order":    {[]float64{1, 2, 3}, []float64{3, 1, 2}, critical, Pass, "The Canary and Baseline data are identical", false},
		"zeros of either sign":        {[]float64{0, 1}, []float64{1, math.Copysign(0, -1)}, nil, Pass, "The Canary and Baseline data are identical", false},
		"one value":                   {[]float64{5, 5, 5}, []float64{5, 5}, nil, Pass, "", false},
		"no data":                     {nil, high, nil, Nodata, "Missing data for m", false},
		"no data, critical":           {low, []float64{nan}, critical, Nodata, "Missing data for m", true},
		"no data where must":          {low, nil, mustHaveData, NodataFailMetric, "Missing data for m", false},
		"no data where must, crit.":   {low, nil, set(mustHaveData, critical), Nodata, "Missing data for m", true},
		"no data, replaced":           {low, nil, set(replace, critical), Pass, "", false},
		"NaN only, replaced":          {low, []float64{nan, nan}, replace, Low, "m was classified as Low", false},
		"single points":               {[]float64{5}, []float64{7}, critical, Error, "Metric Classification Failed", false},
		"constants with noise":        {[]float64{5, 5, 5, 5, 5}, []float64{7, 7, 7, 7, 7}, nil, High, "m was classified as High", false},
		"sign flip passes":            {ramp(-16, 6), high, direction(judge.Increase), Pass, "", false},
		"infinite against one number": {[]float64{inf}, []float64{1, 2, 3}, nil, Error, "Metric Classification Failed", false},
		"allowed increase":            {low, high, func(s *Settings) { s.Allowed.Increase = 4 }, Pass, "", false},
		"critical increase not met": {
			low, high, func(s *Settings) { s.Critical = true; s.CriticalEffect.Increase = 4 },
			High, "m was classified as High", false,
		},
		"share of pairs": {low, high, func(s *Settings) {
			*s = DefaultSettings(CommonLanguage)
			s.Allowed.Increase = 1
		}, High, "m was classified as High", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(t, test.control, test.experiment, test.change)
			if r.Label != test.label || r.Reason != test.reason || r.Critical != test.critical {
				t.Errorf("%s %q critical=%v, want %s %q critical=%v", r.Label, r.Reason, r.Critical, test.label, test.reason, test.critical)
			}
			if (r.Comparison != nil) != (r.Label == High || r.Label == Low || r.Label == Pass && r.Ratio != 1) {
				t.Errorf("comparison %+v of a %s", r.Comparison, r.Label)
			}
		})
	}
}

func TestOutliers(t *testing.T) {
	// 200 values of which three are far off: the 1st and 99th percentile
	// protect one in a hundred on each side, so that the least far one stays.
	values := append(ramp(0, 197), 5000, 6000, 7000)
	remove := func(s *Settings) { s.Outliers, s.OutlierFactor = RemoveOutliers, 3 }
	r := judged(t, values, ramp(0, 100), remove)
	if r.Control.Count != 198 || r.Control.Max != 5000 {
		t.Errorf("%d values up to %v are left, want 198 up to 5000", r.Control.Count, r.Control.Max)
	}
	if r := judged(t, values, ramp(0, 100), nil); r.Control.Count != 200 {
		t.Errorf("%d values are left without removing any", r.Control.Count)
	}
	// With infinite quartiles there are no fences.
	r = judged(t, []float64{inf, inf, inf, 1, -inf, -inf, -inf}, ramp(0, 9), remove)
	if r.Control.Count != 7 {
		t.Errorf("%d of 7 values are left where there are no fences", r.Control.Count)
	}
}

func TestStats(t *testing.T) {
	r := judged(t, []float64{nan, 4, 1, 1}, []float64{0, 1, math.Copysign(0, -1)}, nil)
	want := Stats{Count: 3, Min: 1, Max: 4, Mean: 2, Std: math.Sqrt(3), Median: 1}
	if r.Control != want {
		t.Errorf("got %+v, want %+v", r.Control, want)
	}
	if !math.Signbit(r.Experiment.Min) {
		t.Error("of zeros the last one should be the minimum")
	}
	if r := judged(t, nil, nil, nil); r.Control != (Stats{}) || r.Experiment != (Stats{}) {
		t.Errorf("without data: %+v", r)
	}
	if r := judged(t, []float64{inf, 1}, ramp(0, 3), nil); !math.IsNaN(r.Control.Mean) || r.Control.Max != inf {
		t.Errorf("with infinity: %+v", r.Control)
	}
}

func TestErrorsOfTheWholeJudgment(t *testing.T) {
	s := DefaultSettings(MeanRatio)
	s.Outliers, s.OutlierFactor = RemoveOutliers, nan
	c := Config{Metrics: []Metric{{Name: "m", Settings: s}}}
	for metric, want := range map[string]string{"m": "must be greater than zero", "other": `metric "other"`} {
		_, err := c.Judge([]Pair{{Metric: metric, Control: ramp(0, 3), Experiment: ramp(0, 3)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", metric, err, want)
		}
	}
}

// TestReproducible checks that a judgment depends on nothing but its input,
// its seed included, and leaves that alone.
func TestReproducible(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var pairs []Pair
	for _, kind := range kinds {
		pairs = append(pairs, Pair{"m", drawn(r, kind, 50, 1), drawn(r, kind, 60, 1)})
	}
	pairs = append(pairs, Pair{"m", []float64{1, 1, 1}, []float64{2, 2}}, Pair{"m", []float64{0.1, 0.1}, []float64{0.3, nan}})
	before := fmt.Sprint(pairs)
	c := Config{Metrics: []Metric{{Name: "m", Groups: []string{"g", "h"}, Settings: DefaultSettings(MeanRatio)}}}
	want, err := c.Judge(pairs)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, _ := c.Judge(pairs); fmt.Sprintf("%#v", deref(got)) != fmt.Sprintf("%#v", deref(want)) {
				t.Error("two judgments of the same input differ")
			}
		})
	}
	group.Wait()
	if fmt.Sprint(pairs) != before {
		t.Error("the input was changed")
	}
	c.Seed = 99
	other, _ := c.Judge(pairs)
	if reflect.DeepEqual(deref(other), deref(want)) {
		t.Error("the seed changes nothing")
	}
	c.Seed = DefaultSeed
	if same, _ := c.Judge(pairs); fmt.Sprintf("%#v", deref(same)) != fmt.Sprintf("%#v", deref(want)) {
		t.Error("seed 0 is not the default seed")
	}
}

func deref(j Judgment) (all []any) {
	for _, r := range j.Results {
		if r.Comparison != nil {
			all = append(all, *r.Comparison)
			r.Comparison = nil
		}
		all = append(all, r)
	}
	return append(all, j.Groups, j.Score)
}

func TestScore(t *testing.T) {
	result := func(label Label, groups ...string) Result { return Result{Label: label, Groups: groups} }
	muted := result(High, "g")
	muted.Muted, muted.Critical = true, true
	critical := Result{Label: Low, Groups: []string{"g"}, Critical: true, Reason: "why"}
	for name, test := range map[string]struct {
		weights []GroupWeight
		results []Result
		want    Score
	}{
		"nothing":            {nil, nil, Score{0, ScoreFail, ""}},
		"all pass":           {nil, []Result{result(Pass, "g"), result(Pass, "h")}, Score{100, ScorePass, ""}},
		"one of three":       {nil, []Result{result(Pass, "g"), result(High, "g"), result(NodataFailMetric, "g")}, Score{33.33, ScoreFail, ""}},
		"muted":              {nil, []Result{result(Pass, "g"), muted}, Score{100, ScorePass, ""}},
		"critical":           {nil, []Result{result(Pass, "g"), critical}, Score{0, ScoreFail, "Canary Failed: why"}},
		"half without data":  {nil, []Result{result(Pass, "g"), result(Nodata, "g")}, Score{0, ScoreFail, "Canary Failed: 50% or more metrics returned NODATA"}},
		"errors only":        {nil, []Result{result(Error, "g")}, Score{100, ScorePass, ""}},
		"listed twice":       {nil, []Result{result(Pass, "g"), result(High, "g", "g")}, Score{33.33, ScoreFail, ""}},
		"weights":            {[]GroupWeight{{"g", 80}, {"h", 20}}, []Result{result(Pass, "g"), result(High, "h")}, Score{80, ScoreMarginal, ""}},
		"weight lost":        {[]GroupWeight{{"g", 80}, {"absent", 20}}, []Result{result(Pass, "g")}, Score{80, ScoreMarginal, ""}},
		"negative rest":      {[]GroupWeight{{"g", 130}}, []Result{result(Pass, "g"), result(Pass, "h")}, Score{100, ScorePass, ""}},
		"more than 100":      {[]GroupWeight{{"g", 130}}, []Result{result(Pass, "g"), result(High, "h")}, Score{130, ScorePass, ""}},
		"the last of equals": {[]GroupWeight{{"g", 1}, {"g", 90}}, []Result{result(Pass, "g")}, Score{90, ScoreMarginal, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := Config{Weights: test.weights, Pass: 95, Marginal: 75}.score(test.results)
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestRoundCents(t *testing.T) {
	for v, want := range map[float64]float64{
		0: 0, 12.5: 12.5, 12.505: 12.51, 12.504999: 12.5, 99.995: 100, 99.99499: 99.99, 1e-9: 0, 9.995: 10,
		-12.505: -12.51, 1e300: 1e300, inf: inf, 33.333333333333336: 33.33, 66.66666666666667: 66.67,
	} {
		if got := roundCents(v); got != want {
			t.Errorf("%v rounds to %v, want %v", v, got, want)
		}
	}
	if !math.IsNaN(roundCents(nan)) {
		t.Error("NaN rounds to a number")
	}
	if !math.Signbit(roundCents(-0.001)) {
		t.Error("-0.001 rounds to 0.0, want -0.0")
	}
}

// Expected orders: groupScores of Kayenta's results.
func TestHashOrder(t *testing.T) {
	small := groupOrder([]string{"group0", "group1", "group2", "group4"})
	if want := []string{"group2", "group4", "group1", "group0"}; !slices.Equal(small, want) {
		t.Errorf("four groups: %v, want %v", small, want)
	}
	large := groupOrder([]string{"group4", "group3", "group2", "group1", "group0"})
	if want := []string{"group2", "group3", "group0", "group4", "group1"}; !slices.Equal(large, want) {
		t.Errorf("five groups: %v, want %v", large, want)
	}
	for s, want := range map[string]int32{"": 0, "a": 97, "group0": -1237460591, "Grüße 🎉": 412023574} {
		if got := javaHash(s); got != want {
			t.Errorf("hash of %q is %d, want %d", s, got, want)
		}
	}
}

// FuzzJudge checks that no settings and data panic, and that the data stay as
// they were.
func FuzzJudge(f *testing.F) {
	f.Add(uint64(1), uint16(0), 3.0, 1.0)
	f.Add(uint64(2), uint16(0xffff), 0.1, -1.0)
	f.Fuzz(func(t *testing.T, seed uint64, choices uint16, factor, threshold float64) {
		r := rand.New(rand.NewPCG(seed, 1))
		bit := func(i int) int { return int(choices >> i & 1) }
		s := DefaultSettings(EffectMeasure(bit(0)))
		s.Direction = judge.Direction(choices >> 1 & 3)
		s.NaN, s.Outliers, s.OutlierFactor = NaNStrategy(bit(3)), OutlierStrategy(bit(4)), factor
		s.Critical, s.MustHaveData, s.Muted = bit(5) == 1, bit(6) == 1, bit(7) == 1
		s.Allowed.Increase, s.CriticalEffect.Decrease = threshold, threshold
		names := slices.Sorted(maps.Keys(kinds))
		side := func() []float64 {
			v := drawn(r, kinds[names[r.IntN(len(names))]], r.IntN(40), 1)
			for i := range v {
				if r.IntN(1+int(choices>>8)) == 0 {
					v[i] = nan
				}
			}
			return v
		}
		pair := Pair{"m", side(), side()}
		before := fmt.Sprint(pair)
		j, err := Config{Metrics: []Metric{{Name: "m", Groups: []string{"g"}, Settings: s}}, Pass: 95}.Judge([]Pair{pair})
		if fmt.Sprint(pair) != before {
			t.Fatal("the data were changed")
		}
		if invalid := s.Outliers == RemoveOutliers && !(factor > 0); invalid != (err != nil) {
			t.Fatalf("error %v with factor %v", err, factor)
		}
		if err == nil && j.Results[0].Label == "" {
			t.Fatal("a result without label")
		}
	})
}
