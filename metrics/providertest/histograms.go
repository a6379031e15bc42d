package providertest

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

// histograms checks both forms in which backends answer with histograms.
func (s suite) histograms(t *testing.T) {
	t.Run("buckets", func(t *testing.T) {
		t.Parallel()
		s.needs(t, AnyLabel)
		a := Answer{Grid: grid()}
		want := map[string]float64{"0.1": 90, "2.5e-05": 3, "+Inf": 100}
		for le, count := range want {
			a.Series = append(a.Series, metrics.Series{Labels: metrics.Labels{"le": le}, Points: points([]float64{count, 2 * count})})
		}
		result, err := s.ask(t, s.source(t, a))
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Series) != len(want) {
			t.Fatalf("%d series, want one for each of %d buckets", len(result.Series), len(want))
		}
		for _, series := range result.Series {
			count, ok := want[series.Labels["le"]]
			if !ok || len(series.Points) != 2 || series.Points[0].Value != count || series.Points[1].Value != 2*count {
				t.Errorf("the bucket %s has %v", series.Labels, series.Points)
			}
		}
	})
	t.Run("native", func(t *testing.T) {
		t.Parallel()
		s.needs(t, Histograms)
		// A gap of the buckets, one without an end, and intervals without data.
		inf := math.Inf(1)
		first := metrics.Histogram{Bounds: []float64{0, 0.5, 1, 2, inf}, Counts: []float64{3, 7.5, 0, 1}}
		second := metrics.Histogram{Bounds: []float64{-2, -1, 1}, Counts: []float64{4, 2}}
		a := Answer{Grid: grid(), Series: []metrics.Series{{
			Labels: metrics.Labels{"pod": "a"},
			Histograms: []metrics.HistogramPoint{
				{Time: grid().Time(0), Histogram: first}, {Time: grid().Time(1)}, {Time: grid().Time(4), Histogram: second},
			},
		}}}
		result, err := s.ask(t, s.source(t, a))
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Series) != 1 || len(result.Series[0].Points) != 0 {
			t.Fatalf("got %v, want one series of histograms", result.Series)
		}
		aligned, err := metrics.AlignHistograms(result.Series[0].Histograms, grid())
		if err != nil || aligned.Outside > 0 {
			t.Fatalf("%v, %d histograms outside the grid", err, aligned.Outside)
		}
		for i, in := range aligned.Intervals {
			want, some := map[int]metrics.Histogram{0: first, 1: {}, 4: second}[i]
			if len(in) > 0 != some || some && !in[0].Histogram.Equal(want) {
				t.Errorf("interval %d has %v, want %v", i, in, want)
			}
		}
	})
}
