package distribution_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
)

var (
	inf = math.Inf(1)
	nan = math.NaN()
)

func says(t *testing.T, name, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q does not say %q", name, text, w)
		}
	}
}

func near(a, b, within float64) bool {
	return a == b || math.Abs(a-b) <= within*max(math.Abs(a), math.Abs(b))
}

func equal(t *testing.T, name string, got judge.Histogram, bounds, counts []float64) {
	t.Helper()
	if !slices.EqualFunc(got.Bounds, bounds, func(a, b float64) bool { return near(a, b, 1e-12) }) || !slices.Equal(got.Counts, counts) {
		t.Errorf("%s: bounds %v, counts %v, want %v, %v", name, got.Bounds, got.Counts, bounds, counts)
	}
}

func refused(t *testing.T, name string, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	says(t, name, err.Error(), want...)
}

func TestClassic(t *testing.T) {
	for _, c := range []struct {
		name           string
		le, cumulative []float64
		bounds, counts []float64
		wrong          string
	}{
		{name: "plain", le: []float64{0.1, 0.5, inf}, cumulative: []float64{2, 5, 6}, bounds: []float64{0, 0.1, 0.5, inf}, counts: []float64{2, 3, 1}},
		{name: "negative values", le: []float64{-1, 1, inf}, cumulative: []float64{2, 5, 6}, bounds: []float64{-inf, -1, 1, inf}, counts: []float64{2, 3, 1}},
		{name: "only +Inf", le: []float64{inf}, cumulative: []float64{6}, bounds: []float64{0, inf}, counts: []float64{6}},
		{name: "extrapolated apart", le: []float64{0.1, 0.5, inf}, cumulative: []float64{11, 10.5, 12}, bounds: []float64{0, 0.1, 0.5, inf}, counts: []float64{11, 0, 1}},
		{name: "decreasing", le: []float64{0.1, 0.5, inf}, cumulative: []float64{11, 5, 12}, wrong: "11 observations up to 0.1, but 5 up to 0.5"},
		{name: "no +Inf", le: []float64{0.1, 0.5}, cumulative: []float64{1, 2}, wrong: `le="+Inf" is missing`},
		{name: "disorder", le: []float64{0.5, 0.1, inf}, cumulative: []float64{1, 2, 3}, wrong: "must ascend"},
		{name: "twice", le: []float64{0.1, 0.1, inf}, cumulative: []float64{1, 2, 3}, wrong: "must ascend"},
		{name: "NaN edge", le: []float64{nan, 0.1, inf}, cumulative: []float64{1, 2, 3}, wrong: "must ascend"},
		{name: "negative", le: []float64{0.1, inf}, cumulative: []float64{-1, 2}, wrong: "-1 observations"},
		{name: "NaN", le: []float64{0.1, inf}, cumulative: []float64{1, nan}, wrong: "NaN observations"},
		{name: "infinite", le: []float64{0.1, inf}, cumulative: []float64{1, inf}, wrong: "more than can be counted"},
		{name: "empty", wrong: "0 values of le for 0 counts"},
		{name: "unlike lengths", le: []float64{inf}, cumulative: []float64{1, 2}, wrong: "1 values of le for 2 counts"},
		{name: "too many", le: make([]float64, 1e6), cumulative: make([]float64, 1e6), wrong: "1000000 buckets are more"},
	} {
		h, err := distribution.Classic(c.le, c.cumulative)
		switch {
		case c.wrong != "":
			refused(t, c.name, err, c.wrong)
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		default:
			equal(t, c.name, h, c.bounds, c.counts)
		}
	}
}

func TestNative(t *testing.T) {
	// Schema 1: powers of the root of 2. Buckets 0, 1 and 4 on the positive side.
	root2 := math.Sqrt2
	h, err := distribution.Native{
		Schema: 1, ZeroThreshold: 0.001, ZeroCount: 2,
		PositiveSpans: []distribution.Span{{Offset: 0, Length: 2}, {Offset: 2, Length: 1}},
		Positive:      distribution.Counts([]int64{3, -1, 2}),
		NegativeSpans: []distribution.Span{{Offset: 2, Length: 1}},
		Negative:      []float64{7},
	}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "spans", h,
		[]float64{-2, -root2, -0.001, 0.001, 1 / root2, 1, root2, 2 * root2, 4},
		[]float64{7, 0, 2, 0, 3, 2, 0, 4})

	// A zero bucket alone knows nothing below 0; without a threshold it is 0.
	h, err = distribution.Native{ZeroThreshold: 0.5, ZeroCount: 2, PositiveSpans: []distribution.Span{{-3, 2}}, Positive: []float64{0, 4}}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "a zero bucket that takes in a regular one", h, []float64{0, 0.5}, []float64{6})
	h, err = distribution.Native{ZeroCount: 2, PositiveSpans: []distribution.Span{{1, 1}}, Positive: []float64{4}}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "no zero threshold", h, []float64{-math.SmallestNonzeroFloat64, 0, 1, 2}, []float64{2, 0, 4})

	// The largest numbers, and what is infinite.
	h, err = distribution.Native{PositiveSpans: []distribution.Span{{1024, 2}}, Positive: []float64{3, 4}}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "infinite", h, []float64{0x1p1023, math.MaxFloat64, inf}, []float64{3, 4})

	h, err = distribution.Native{
		Schema: distribution.CustomBuckets, CustomBounds: []float64{0.1, 1},
		PositiveSpans: []distribution.Span{{0, 1}, {1, 1}}, Positive: []float64{5, 2},
	}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "custom buckets", h, []float64{0, 0.1, 1, inf}, []float64{5, 0, 2})

	for _, c := range []struct {
		name  string
		n     distribution.Native
		wrong string
	}{
		{"schema", distribution.Native{Schema: 9}, "between -4 and 8"},
		{"fewer counts", distribution.Native{PositiveSpans: []distribution.Span{{0, 3}}, Positive: []float64{1}}, "1 counts are fewer"},
		{"more counts", distribution.Native{PositiveSpans: []distribution.Span{{0, 1}}, Positive: []float64{1, 2}}, "2 counts for spans of 1 buckets"},
		{"backwards", distribution.Native{PositiveSpans: []distribution.Span{{0, 1}, {-1, 1}}, Positive: []float64{1, 2}}, "span 1 has offset -1"},
		{"negative length", distribution.Native{NegativeSpans: []distribution.Span{{0, -1}}}, "negative observations: span 0"},
		{"out of range", distribution.Native{PositiveSpans: []distribution.Span{{1026, 1}}, Positive: []float64{1}}, "bucket 1026 is out of the range"},
		{"huge spans", distribution.Native{PositiveSpans: []distribution.Span{{0, math.MaxInt}}}, "0 counts are fewer"},
		{"huge gaps", distribution.Native{PositiveSpans: []distribution.Span{{1 << 40, 0}, {1 << 40, 1}}, Positive: []float64{1}}, "out of the range"},
		{"negative count", distribution.Native{ZeroCount: -1}, "around zero: the bucket"},
		{"NaN count", distribution.Native{NegativeSpans: []distribution.Span{{0, 1}}, Negative: []float64{nan}}, "NaN observations"},
		{"zero threshold", distribution.Native{ZeroThreshold: nan}, "zero threshold"},
		{"custom bucket", distribution.Native{Schema: distribution.CustomBuckets, PositiveSpans: []distribution.Span{{1, 1}}, Positive: []float64{1}}, "bucket 1 of 1"},
	} {
		_, err := c.n.Histogram()
		refused(t, c.name, err, c.wrong)
	}
}

// OpenTelemetry's bucket i is Prometheus' bucket i+1.
func TestExponential(t *testing.T) {
	for _, scale := range []int{-4, -1, 0, 1, 3, 8} {
		e, err := distribution.Exponential{
			Scale: scale, ZeroCount: 1,
			Positive: distribution.Buckets{Offset: -3, Counts: []float64{1, 0, 2, 5}},
			Negative: distribution.Buckets{Offset: 2, Counts: []float64{4, 3}},
		}.Histogram()
		if err != nil {
			t.Fatal(err)
		}
		n, err := distribution.Native{
			Schema: scale, ZeroCount: 1,
			PositiveSpans: []distribution.Span{{-2, 4}}, Positive: []float64{1, 0, 2, 5},
			NegativeSpans: []distribution.Span{{3, 2}}, Negative: []float64{4, 3},
		}.Histogram()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.Bounds, n.Bounds) || !slices.Equal(e.Counts, n.Counts) {
			t.Errorf("scale %d: %v %v, want %v %v", scale, e.Bounds, e.Counts, n.Bounds, n.Counts)
		}
	}
	_, err := distribution.Exponential{Scale: 21}.Histogram()
	refused(t, "scale", err, "between -10 and 20")
	_, err = distribution.Exponential{Scale: 20, Positive: distribution.Buckets{Offset: math.MinInt + 2, Counts: []float64{1}}}.Histogram()
	refused(t, "offset", err, "out of the range")
	_, err = distribution.Exponential{Positive: distribution.Buckets{Counts: make([]float64, 1e6)}}.Histogram()
	refused(t, "too many", err, "1000000 buckets")
}

// An edge that two schemas share is the same number in both, so that their
// histograms have edges in common.
func TestSharedEdges(t *testing.T) {
	ones := func(scale, offset, n int) judge.Histogram {
		b := distribution.Buckets{Offset: offset, Counts: make([]float64, n)}
		for i := range b.Counts {
			b.Counts[i] = 1
		}
		h, err := distribution.Exponential{Scale: scale, Positive: b}.Histogram()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for scale := -5; scale < 20; scale++ {
		coarse, fine := ones(scale, -20, 40), ones(scale+1, -40, 80)
		for i, b := range coarse.Bounds {
			if fine.Bounds[2*i] != b {
				t.Errorf("scale %d, edge %d: %v, in the next scale %v", scale, i, b, fine.Bounds[2*i])
			}
		}
	}
}

func TestDDSketch(t *testing.T) {
	// Accuracy 1/3, so that gamma is 2.
	h, err := distribution.DDSketch{Gamma: 2, Offset: 0.5, ZeroCount: 1, Positive: map[int]float64{0: 2, 3: 5}, Negative: map[int]float64{1: 4}}.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	e := func(i float64) float64 { return math.Exp2(i - 0.5) }
	equal(t, "bins", h, []float64{-e(2), -e(1), -math.SmallestNonzeroFloat64, 0, e(0), e(1), e(3), e(4)}, []float64{4, 0, 1, 0, 2, 0, 5})
	for _, c := range []struct {
		name  string
		d     distribution.DDSketch
		wrong string
	}{
		{"gamma", distribution.DDSketch{Gamma: 1}, "gamma must be above 1"},
		{"offset", distribution.DDSketch{Gamma: 2, Offset: inf}, "the offset finite"},
		{"range", distribution.DDSketch{Gamma: 2, Positive: map[int]float64{math.MinInt: 1}}, "out of the range"},
		{"count", distribution.DDSketch{Gamma: 2, Positive: map[int]float64{1: -1}}, "-1 observations"},
	} {
		_, err := c.d.Histogram()
		refused(t, c.name, err, c.wrong)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		h     judge.Histogram
		wrong string
	}{
		{"no data", judge.Histogram{}, ""},
		{"one bound", judge.Histogram{Bounds: []float64{1}}, ""},
		{"fine", judge.Histogram{Bounds: []float64{-inf, 0, inf}, Counts: []float64{1, 2.5}}, ""},
		{"bounds", judge.Histogram{Bounds: []float64{1, 2}, Counts: []float64{1, 2}}, "2 bounds for 2 buckets"},
		{"bounds without counts", judge.Histogram{Bounds: []float64{1, 2}}, "2 bounds for 0 buckets"},
		{"first is NaN", judge.Histogram{Bounds: []float64{nan, 2}, Counts: []float64{1}}, "bound 0 is NaN"},
		{"disorder", judge.Histogram{Bounds: []float64{2, 1}, Counts: []float64{1}}, "1 follows 2"},
		{"negative", judge.Histogram{Bounds: []float64{1, 2}, Counts: []float64{-1}}, "cannot be negative"},
		{"sum", judge.Histogram{Bounds: []float64{1, 2, 3}, Counts: []float64{0x1p53, 0x1p53}}, "more than can be counted"},
	} {
		err := distribution.Check(c.h)
		if c.wrong != "" {
			refused(t, c.name, err, c.wrong)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
