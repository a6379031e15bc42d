package kayenta

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/judged-dev/judged/metrics"
)

var midnight = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// points returns values at seconds after midnight.
func points(secondsAndValues ...float64) []metrics.Point {
	var out []metrics.Point
	for i := 0; i < len(secondsAndValues); i += 2 {
		out = append(out, metrics.Point{Time: midnight.Add(time.Duration(secondsAndValues[i] * float64(time.Second))), Value: secondsAndValues[i+1]})
	}
	return out
}

func setsJSON(sets []MetricSet) string {
	var b []byte
	for i := range sets {
		b = append(sets[i].AppendJSON(b), '\n')
	}
	return string(b)
}

func TestMetricSets(t *testing.T) {
	scope := &Scope{Start: midnight, End: midnight.Add(3 * time.Minute), Step: 60}
	const times = `"startTimeMillis":1704067200000,"startTimeIso":"2024-01-01T00:00:00Z",`
	for name, c := range map[string]struct {
		store  string
		answer metrics.Result
		want   string
	}{
		"Prometheus: labels are tags": {
			prometheusStore,
			metrics.Result{Series: []metrics.Series{{Labels: metrics.Labels{"__name__": "up", "pod": "a"}, Points: points(0, 1, 60, math.NaN(), 120, math.Inf(1))}}},
			`{"name":"m","tags":{"pod":"a"},` + times + `"endTimeMillis":1704067380000,"endTimeIso":"2024-01-01T00:03:00Z","stepMillis":60000,"values":[1.0,"NaN","Infinity"],"attributes":{"query":"q"}}`,
		},
		"Prometheus: a gap makes the series shorter": {
			prometheusStore,
			metrics.Result{Series: []metrics.Series{{Points: points(0, 1, 60, 2, 180, 4)}}},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067380000,"endTimeIso":"2024-01-01T00:03:00Z","stepMillis":60000,"values":[1.0,2.0,4.0],"attributes":{"query":"q"}}`,
		},
		"Prometheus: whole seconds": {
			prometheusStore,
			metrics.Result{Series: []metrics.Series{{Points: points(0, 1, 1.5, 2)}}},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067202000,"endTimeIso":"2024-01-01T00:00:02Z","stepMillis":1000,"values":[1.0,2.0],"attributes":{"query":"q"}}`,
		},
		"Prometheus: one value has no step": {
			prometheusStore,
			metrics.Result{Series: []metrics.Series{{Points: points(0.5, 1)}, {Labels: metrics.Labels{"pod": "without values"}}}},
			`{"name":"m","tags":{},"startTimeMillis":1704067200500,"startTimeIso":"2024-01-01T00:00:00.500Z","endTimeMillis":1704067200500,"endTimeIso":"2024-01-01T00:00:00.500Z","stepMillis":0,"values":[1.0],"attributes":{"query":"q"}}`,
		},
		"Prometheus: no series": {
			prometheusStore,
			metrics.Result{},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067380000,"endTimeIso":"2024-01-01T00:03:00Z","stepMillis":60000,"values":[],"attributes":{"query":"q"}}`,
		},
		"Datadog: a grid with NaN in gaps, no tags": {
			datadogStore,
			metrics.Result{Step: 20 * time.Second, Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: points(20, 1, 40, 2, 100, 5)}}},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067300000,"endTimeIso":"2024-01-01T00:01:40Z","stepMillis":20000,"values":[1.0,2.0,"NaN","NaN",5.0],"attributes":{"query":"q"}}`,
		},
		"Datadog: a step that is not known": {
			datadogStore,
			metrics.Result{Series: []metrics.Series{{Points: points(20, 1, 60, 3, 80, 4)}}},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067280000,"endTimeIso":"2024-01-01T00:01:20Z","stepMillis":20000,"values":[1.0,"NaN",3.0,4.0],"attributes":{"query":"q"}}`,
		},
		"Datadog: no series": {
			datadogStore,
			metrics.Result{},
			`{"name":"m","tags":{},` + times + `"endTimeMillis":1704067380000,"endTimeIso":"2024-01-01T00:03:00Z","stepMillis":1000,"values":[],"attributes":{"query":"q"}}`,
		},
	} {
		sets, err := MetricSets("m", c.store, "q", scope, c.answer)
		if got := strings.TrimSpace(setsJSON(sets)); err != nil || got != c.want {
			t.Errorf("%s (%v)\ngot  %s\nwant %s", name, err, got, c.want)
		}
	}
}

func TestMetricSetsRefuse(t *testing.T) {
	for want, c := range map[string]struct {
		store  string
		series metrics.Series
	}{
		"native histograms":    {prometheusStore, metrics.Series{Histograms: make([]metrics.HistogramPoint, 1)}},
		"order of their":       {prometheusStore, metrics.Series{Points: points(60, 1, 0, 2)}},
		"fit into one":         {datadogStore, metrics.Series{Points: points(0, 1, 0.001, 2, 1e7, 3)}},
		`{pod="a"} are not in`: {datadogStore, metrics.Series{Labels: metrics.Labels{"pod": "a"}, Points: points(60, 1, 60, 2)}},
	} {
		if sets, err := MetricSets("m", c.store, "q", &Scope{}, metrics.Result{Series: []metrics.Series{c.series}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d sets (%v), want an error with %q", len(sets), err, want)
		}
	}
}

func TestMetricSetsFromOthers(t *testing.T) {
	sets, err := DecodeMetricSets([]byte(`[{"name":5,"tags":{"a":1,"b":null},"startTimeMillis":"1704067200000","stepMillis":60000.0,"values":[1,"2.5","NaN","-Infinity"],"x":{}},
		{"name":"n","tags":null,"values":null,"attributes":null}]`))
	want := `{"name":"5","tags":{"a":"1"},"startTimeMillis":1704067200000,"startTimeIso":"2024-01-01T00:00:00Z","endTimeMillis":0,"endTimeIso":"1970-01-01T00:00:00Z","stepMillis":60000,"values":[1.0,2.5,"NaN","-Infinity"],"attributes":{}}
{"name":"n","tags":{},"startTimeMillis":0,"startTimeIso":"1970-01-01T00:00:00Z","endTimeMillis":0,"endTimeIso":"1970-01-01T00:00:00Z","stepMillis":0,"values":[],"attributes":{}}
`
	if got := setsJSON(sets); err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	for text, want := range map[string]string{
		`{}`:                                     "an object, want a list",
		`[{}]`:                                   "[0].name is missing",
		`[{"name":"m","stepMillis":-1}]`:         "stepMillis is -1",
		`[{"name":"m","values":[null]}]`:         "values[0] is null",
		`[{"name":"m","startTimeMillis":1e300}]`: "[0].startTimeMillis is 1e+300",
		`[] x`:                                   "where the end should be",
		"[\xff]":                                 "not UTF-8",
	} {
		if _, err := DecodeMetricSets([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Malformed) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

func TestPairsFromOthers(t *testing.T) {
	const text = `[{"name":"m","id":"1","tags":{"a":"b"},"values":{"control":[1.0,"NaN"],"experiment":["Infinity"]},` +
		`"scopes":{"control":{"startTimeIso":"2024-01-01T00:00:00Z","startTimeMillis":1704067200000,"stepMillis":60000},"experiment":{"startTimeIso":"1970-01-01T00:00:00Z","startTimeMillis":0,"stepMillis":0}},` +
		`"attributes":{"control":{"query":"q"},"experiment":{}}},{"name":"n","values":{"control":[],"experiment":[]}}]`
	pairs, err := DecodeMetricSetPairs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal([]*MetricSetPair{&pairs[0], &pairs[1]})
	if err != nil || string(got) != text {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, text)
	}
	if _, err := DecodeMetricSetPairs([]byte(`[{"name":"m","values":{"control":[]}}]`)); err == nil || !strings.Contains(err.Error(), "[0].values.experiment is missing") {
		t.Errorf("half a pair: %v", err)
	}
}

// TestMetricSetsRoundTrip: what is written is read as what it was.
func TestMetricSetsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}))
		millis := rapid.Int64Range(-253402300799999, 253402300799999)
		tags := rapid.MapOf(rapid.String(), rapid.String())
		valid := func(tags map[string]string) map[string]string {
			out := map[string]string{}
			for name, value := range tags {
				out[strings.ToValidUTF8(name, "?")] = strings.ToValidUTF8(value, "?")
			}
			return out
		}
		set := MetricSet{
			Name: "m" + strings.ToValidUTF8(rapid.String().Draw(t, "name"), "?"), Tags: valid(tags.Draw(t, "tags")),
			StartTimeMillis: millis.Draw(t, "start"), EndTimeMillis: millis.Draw(t, "end"), StepMillis: rapid.Int64Range(0, 1e12).Draw(t, "step"),
			Values: rapid.SliceOf(number).Draw(t, "values"), Attributes: valid(tags.Draw(t, "attributes")),
		}
		data, err := json.Marshal([]*MetricSet{&set})
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeMetricSets(data)
		if err != nil {
			t.Fatal(err)
		}
		bits := func(values []float64) []uint64 {
			out := make([]uint64, len(values))
			for i, v := range values {
				out[i] = math.Float64bits(v)
			}
			return out
		}
		if !slices.Equal(bits(again[0].Values), bits(set.Values)) {
			t.Fatalf("%v became %v", set.Values, again[0].Values)
		}
		again[0].Values = set.Values
		if !reflect.DeepEqual(again[0], set) {
			t.Fatalf("%+v became %+v", set, again[0])
		}
	})
}

// FuzzMetricSets reads lists of both kinds: what is accepted can be written,
// and is then read as the same.
func FuzzMetricSets(f *testing.F) {
	f.Add([]byte(`[{"name":"m","tags":{"a":"b"},"startTimeMillis":1,"stepMillis":"2","values":[1,"NaN"],"attributes":{"query":"q"}}]`))
	f.Add([]byte(`[{"name":"m","id":"1","values":{"control":[1],"experiment":[]},"scopes":{"control":{"stepMillis":1}},"attributes":{"control":null}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if sets, err := DecodeMetricSets(data); err == nil {
			text := setsJSON(sets)
			again, err := DecodeMetricSets([]byte("[" + strings.TrimSuffix(strings.ReplaceAll(text, "}\n{", "},{"), "\n") + "]"))
			if err != nil || setsJSON(again) != text {
				t.Fatalf("%s became %s (%v)", text, setsJSON(again), err)
			}
		}
		if pairs, err := DecodeMetricSetPairs(data); err == nil {
			text := appendPairs(pairs)
			again, err := DecodeMetricSetPairs([]byte("[" + strings.TrimSuffix(strings.ReplaceAll(text, "}\n{", "},{"), "\n") + "]"))
			if err != nil || appendPairs(again) != text {
				t.Fatalf("%s became %s (%v)", text, appendPairs(again), err)
			}
		}
	})
}
