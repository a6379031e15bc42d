package prometheus

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/judged-dev/judged/metrics"
)

func TestHistogramOf(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	tiny := -math.SmallestNonzeroFloat64
	for _, c := range []struct {
		name    string
		buckets []model.HistogramBucket
		want    metrics.Histogram
	}{
		{"nothing", nil, metrics.Histogram{}},
		{
			"a gap is an empty bucket",
			[]model.HistogramBucket{{Lower: 0.5, Upper: 1, Count: 2}, {Lower: 2, Upper: 4, Count: 1.5}},
			metrics.Histogram{Bounds: []float64{0.5, 1, 2, 4}, Counts: []float64{2, 0, 1.5}},
		},
		{
			"the zero bucket of latencies begins at 0",
			[]model.HistogramBucket{{Boundaries: 3, Lower: -0.001, Upper: 0.001, Count: 2}, {Lower: 0.5, Upper: model.FloatString(inf), Count: 1}},
			metrics.Histogram{Bounds: []float64{0, 0.001, 0.5, inf}, Counts: []float64{2, 0, 1}},
		},
		{
			"the zero bucket among negative ones",
			[]model.HistogramBucket{{Boundaries: 1, Lower: -2, Upper: -1, Count: 1}, {Boundaries: 3, Lower: -0.5, Upper: 0.5, Count: 2}},
			metrics.Histogram{Bounds: []float64{-2, -1, -0.5, 0.5}, Counts: []float64{1, 0, 2}},
		},
		{
			"zeros and nothing else",
			[]model.HistogramBucket{{Boundaries: 3, Count: 4}, {Lower: 1, Upper: 2, Count: 1}},
			metrics.Histogram{Bounds: []float64{tiny, 0, 1, 2}, Counts: []float64{4, 0, 1}},
		},
		{
			"a zero bucket that reaches into the next",
			[]model.HistogramBucket{{Boundaries: 3, Lower: -0.75, Upper: 0.75, Count: 4}, {Lower: 0.5, Upper: 1, Count: 1}},
			metrics.Histogram{Bounds: []float64{0, 0.75, 1}, Counts: []float64{4, 1}},
		},
	} {
		h := &model.SampleHistogram{}
		for i := range c.buckets {
			h.Buckets = append(h.Buckets, &c.buckets[i])
		}
		got, err := histogramOf(h)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%s: got %v and %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestTooManyBuckets(t *testing.T) {
	t.Parallel()
	h := &model.SampleHistogram{}
	for i := range 2000 {
		h.Buckets = append(h.Buckets, &model.HistogramBucket{Lower: model.FloatString(i), Upper: model.FloatString(i + 1), Count: 1})
	}
	stream := &model.SampleStream{}
	for i := range 2100 {
		stream.Histograms = append(stream.Histograms, model.SampleHistogramPair{Timestamp: model.Time(i * 1000), Histogram: h})
	}
	err := newJoiner().add(model.Matrix{stream}, v1.Range{Start: time.UnixMilli(0), End: time.UnixMilli(2_099_000), Step: time.Second})
	if reason, _ := metrics.ReasonOf(err); reason != metrics.TooLarge || !strings.Contains(err.Error(), "buckets") {
		t.Errorf("4.2 million buckets: %.300v, want too large", err)
	}
}

// family is a native histogram of schema 0 as a scrape target sends it
// (io.prometheus.client.MetricFamily): zero observations in (-1e-128, 1e-128) and
// counts of the buckets (0.5, 1], (1, 2] and (4, 8].
func family(zero uint64, counts [3]uint64) []byte {
	message := func(to []byte, number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), body)
	}
	integer := func(to []byte, number protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.VarintType), v)
	}
	double := func(to []byte, number protowire.Number, v float64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(to, number, protowire.Fixed64Type), math.Float64bits(v))
	}
	span := func(offset int64, length uint64) []byte {
		return integer(integer(nil, 1, protowire.EncodeZigZag(offset)), 2, length)
	}
	var h []byte
	h = integer(h, 1, zero+counts[0]+counts[1]+counts[2])
	h = double(h, 2, 1)
	h = integer(h, 5, protowire.EncodeZigZag(0))
	h = double(h, 6, 1e-128)
	h = integer(h, 7, zero)
	h = message(h, 12, span(0, 2)) // index 0 is (0.5, 1]
	h = message(h, 12, span(1, 1))
	last := int64(0)
	for _, c := range counts {
		h = integer(h, 13, protowire.EncodeZigZag(int64(c)-last))
		last = int64(c)
	}
	const histogram = 4
	f := message(nil, 1, []byte("native_seconds"))
	f = integer(f, 3, histogram)
	f = message(f, 4, message(nil, 7, h))
	return protowire.AppendBytes(nil, f)
}

// A server with native histograms answers a range query with them.
func TestRealPrometheusNative(t *testing.T) {
	t.Parallel()
	var scrapes atomic.Uint64
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
		n := scrapes.Add(1)
		_, _ = w.Write(family(n, [3]uint64{10 * n, 20 * n, 40 * n}))
	}))
	t.Cleanup(target.Close)
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\n" +
		"scrape_configs: [{job_name: live, static_configs: [{targets: [" + strings.TrimPrefix(target.URL, "http://") + "]}]}]\n"
	src := open(t, startPrometheus(t, t.TempDir(), config, "--enable-feature=native-histograms"))
	var last string
	for range 100 {
		g := metrics.NewGrid(metrics.Window{Start: time.Now().Add(-10 * time.Second), End: time.Now()}, time.Second)
		result, err := src.Query(t.Context(), metrics.Query{Expr: "sum(increase(native_seconds[4s]))", Grid: g})
		if err != nil {
			t.Fatal(err)
		}
		last = fmt.Sprint(result.Series)
		if len(result.Series) == 1 && len(result.Series[0].Histograms) > 6 {
			// The last ones look back at four seconds of scrapes.
			got := result.Series[0].Histograms[len(result.Series[0].Histograms)-1].Histogram
			want := []float64{0, 1e-128, 0.5, 1, 2, 4, 8}
			if !slices.Equal(got.Bounds, want) {
				t.Fatalf("edges %v, want %v", got.Bounds, want)
			}
			// increase() extrapolates, all buckets alike.
			one := got.Counts[0]
			for i, times := range []float64{1, 0, 10, 20, 0, 40} {
				// The API writes 17 digits: rounding alone is left.
				if math.Abs(got.Counts[i]-times*one) > 1e-9*40*one {
					t.Errorf("counts %v, want them as 1 : 0 : 10 : 20 : 0 : 40", got.Counts)
				}
			}
			// One a second; a scrape may be late by one.
			if one < 3 || one > 5 {
				t.Errorf("%v zeros in 4 s", one)
			}
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("no native histograms in 20 s: %s", last)
}
