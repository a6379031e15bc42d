package kayenta

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ids returns a generator of "1", "2", ...
func ids() func() string {
	n := 0
	return func() string {
		n++
		return strconv.Itoa(n)
	}
}

// TestMixerVectors compares with what Kayenta's compiled classes pair.
func TestMixerVectors(t *testing.T) {
	type vector struct {
		ID, Note string
		Input    struct {
			Metrics             []string
			Control, Experiment json.RawMessage
		}
		Expected struct {
			Pairs []any
			Error string
		}
	}
	for _, v := range readVectorFile[vector](t, "vectors-mixer.jsonl") {
		t.Run(v.ID+" "+v.Note, func(t *testing.T) {
			c := new(Config)
			for _, name := range v.Input.Metrics {
				c.Metrics = append(c.Metrics, Metric{Name: name})
			}
			control, err := DecodeMetricSets(v.Input.Control)
			if err != nil {
				t.Fatal(err)
			}
			experiment, err := DecodeMetricSets(v.Input.Experiment)
			if err != nil {
				t.Fatal(err)
			}
			pairs, err := Mix(c, control, experiment, ids())
			if v.Expected.Error != "" {
				if err == nil || err.Error() != v.Expected.Error {
					t.Fatalf("%v, want %s", err, v.Expected.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			byName := slices.IsSortedFunc(pairs, func(a, b MetricSetPair) int {
				return slices.Index(v.Input.Metrics, a.Name) - slices.Index(v.Input.Metrics, b.Name)
			})
			if !byName {
				t.Error("the pairs are not in the order of the config")
			}
			got := make([]any, 0, len(pairs))
			for i := range pairs {
				if *pairs[i].ID != strconv.Itoa(i+1) {
					t.Errorf("pair %d has the id %s", i, *pairs[i].ID)
				}
				pairs[i].ID = nil
				var pair any
				if err := json.Unmarshal(pairs[i].AppendJSON(nil), &pair); err != nil {
					t.Fatal(err)
				}
				got = append(got, pair)
			}
			// The vectors are sorted, by something else than Mix.
			sorted := func(pairs []any) []any {
				return slices.SortedFunc(slices.Values(pairs), func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			same(t, "pairs", sorted(got), sorted(v.Expected.Pairs))
		})
	}
}

func seriesOf(values []float64, tags ...string) MetricSet {
	s := MetricSet{Name: "m", Tags: map[string]string{}, StepMillis: 1000, EndTimeMillis: int64(len(values)) * 1000, Values: values}
	for i := 0; i < len(tags); i += 2 {
		s.Tags[tags[i]] = tags[i+1]
	}
	return s
}

// TestMixWithoutPartner: where one side has no tags, nothing of the other is
// lost, not even what has the same tags.
func TestMixWithoutPartner(t *testing.T) {
	one, two := seriesOf([]float64{1}, "a", "1"), seriesOf([]float64{2}, "a", "1")
	pairs, err := Mix(&Config{Metrics: []Metric{{Name: "m"}}}, []MetricSet{seriesOf([]float64{9, 9})}, []MetricSet{one, two}, ids())
	if err != nil || len(pairs) != 2 || pairs[0].Experiment[0] != 1 || pairs[1].Experiment[0] != 2 {
		t.Fatalf("%v (%v)", pairs, err)
	}
	for _, p := range pairs {
		if len(p.Control) != 2 || !math.IsNaN(p.Control[0]) || !math.IsNaN(p.Control[1]) {
			t.Errorf("control %v, want two NaN", p.Control)
		}
	}
}

func TestMixIsBounded(t *testing.T) {
	long := seriesOf(nil)
	long.EndTimeMillis, long.StepMillis = 1e15, 1
	_, err := Mix(&Config{Metrics: []Metric{{Name: "m"}}}, []MetricSet{long}, []MetricSet{seriesOf([]float64{1})}, ids())
	if err == nil || !strings.Contains(err.Error(), "larger step") {
		t.Errorf("got %v", err)
	}
}

// TestMixProperties: every series with data appears once, pairs come in the
// same order whatever that of the series, and sides never mix.
func TestMixProperties(t *testing.T) {
	c := &Config{Metrics: []Metric{{Name: "m"}}}
	rapid.Check(t, func(t *rapid.T) {
		side := func(name string, sign float64) []MetricSet {
			var sets []MetricSet
			for i, pod := range rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 5, rapid.ID).Draw(t, name) {
				sets = append(sets, seriesOf([]float64{sign * float64(i+1)}, "pod", strconv.Itoa(pod)))
			}
			return sets
		}
		control, experiment := side("control", -1), side("experiment", 1)
		pairs, err := Mix(c, control, experiment, ids())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[float64]int{}
		for _, p := range pairs {
			for _, v := range p.Control {
				seen[v]++
				if v > 0 {
					t.Fatal("an experiment's value in a control")
				}
			}
			for _, v := range p.Experiment {
				seen[v]++
				if v < 0 {
					t.Fatal("a control's value in an experiment")
				}
			}
		}
		for _, s := range slices.Concat(control, experiment) {
			if seen[s.Values[0]] != 1 {
				t.Fatalf("%v appears %d times", s.Values[0], seen[s.Values[0]])
			}
		}
		slices.Reverse(control)
		slices.Reverse(experiment)
		again, err := Mix(c, control, experiment, ids())
		if err != nil {
			t.Fatal(err)
		}
		if a, b := appendPairs(pairs), appendPairs(again); a != b {
			t.Fatalf("another order:\n%s\n%s", a, b)
		}
	})
}

func appendPairs(pairs []MetricSetPair) string {
	var b []byte
	for i := range pairs {
		b = append(pairs[i].AppendJSON(b), '\n')
	}
	return string(b)
}
