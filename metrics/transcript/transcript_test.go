package transcript_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// backend answers with value(series, moment) on the grid, and remembers what it
// was asked.
type backend struct {
	mu     sync.Mutex
	asked  []metrics.Query
	answer func(metrics.Query) (metrics.Result, error)
}

func (*backend) Close() error { return nil }

func (b *backend) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, q)
	return b.answer(q)
}

func wave(q metrics.Query) (metrics.Result, error) {
	var r metrics.Result
	for _, pod := range []string{"a", "b"} {
		s := metrics.Series{Labels: metrics.Labels{"pod": pod}}
		for i := range q.Grid.N {
			at := q.Grid.Time(i)
			if v, ok := waveAt(pod, at); ok {
				s.Points = append(s.Points, metrics.Point{Time: at, Value: v})
			}
		}
		if len(s.Points) > 0 {
			r.Series = append(r.Series, s)
		}
	}
	return r, nil
}

// waveAt has gaps, and a pod that appears late.
func waveAt(pod string, at time.Time) (float64, bool) {
	minute := at.Sub(start).Minutes()
	if math.Mod(minute, 7) == 3 || pod == "b" && minute < 12 {
		return 0, false
	}
	return 100 + 10*math.Sin(minute/9), true
}

func grid(minutes int) metrics.Grid { return metrics.Grid{Start: start, Step: time.Minute, N: minutes} }

var equalSeries = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b metrics.Series) bool { return a.Labels.String() < b.Labels.String() })}

func TestLooksAskOnlyForNews(t *testing.T) {
	b := &backend{answer: wave}
	var chunks [][]byte
	for n := 1; n <= 40; n++ {
		// Each look is taken by another process.
		tr := transcript.New()
		for _, c := range chunks {
			if err := tr.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		q := metrics.Query{Expr: "wave", Grid: grid(n)}
		got, err := tr.Through("prod", b).Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := wave(q)
		if diff := cmp.Diff(want, got, equalSeries); diff != "" {
			t.Fatalf("look %d (-asked whole +through the transcript):\n%s", n, diff)
		}
		chunks = append(chunks, tr.Flush())
	}
	for i, q := range b.asked {
		if i > 3 && q.Grid.N != 4 { // the new interval and the three before it
			t.Errorf("look %d asked for %d intervals", i+1, q.Grid.N)
		}
	}
	total := 0
	for _, c := range chunks[1:] {
		total += len(c)
	}
	t.Logf("%.0f bytes a look for two series", float64(total)/float64(len(chunks)-1))
	replayed := transcript.New()
	for _, c := range chunks {
		if err := replayed.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	q := metrics.Query{Expr: "wave", Grid: grid(40)}
	got, err := replayed.Recorded("prod").Query(t.Context(), q)
	want, _ := wave(q)
	if diff := cmp.Diff(want, got, equalSeries); err != nil || diff != "" {
		t.Errorf("replayed: %v\n%s", err, diff)
	}
	if got := replayed.Sources(); !slices.Equal(got, []string{"prod"}) {
		t.Errorf("sources %q", got)
	}
	for name, q := range map[string]metrics.Query{
		"another query":    {Expr: "other", Grid: grid(40)},
		"another step":     {Expr: "wave", Grid: metrics.Grid{Start: start, Step: 30 * time.Second, N: 10}},
		"a later time":     {Expr: "wave", Grid: grid(41)},
		"an earlier start": {Expr: "wave", Grid: metrics.Grid{Start: start.Add(-time.Minute), Step: time.Minute, N: 10}},
		"no interval":      {Expr: "wave", Grid: grid(0)},
	} {
		if _, err := replayed.Recorded("prod").Query(t.Context(), q); err == nil {
			t.Errorf("%s was answered", name)
		}
	}
}

func TestLatePointsAndCorrections(t *testing.T) {
	value := map[int]float64{1: 10, 2: 20, 3: 30}
	b := &backend{answer: func(q metrics.Query) (metrics.Result, error) {
		s := metrics.Series{}
		for i := range q.Grid.N {
			at := q.Grid.Time(i)
			if v, ok := value[int(at.Sub(start)/time.Minute)]; ok {
				s.Points = append(s.Points, metrics.Point{Time: at, Value: v})
			}
		}
		return metrics.Result{Series: []metrics.Series{s}}, nil
	}}
	tr := transcript.New()
	var chunks [][]byte
	look := func(n int) []float64 {
		t.Helper()
		r, err := tr.Through("prod", b).Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(n)})
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, tr.Flush())
		a, err := metrics.Align(r.Series[0].Points, grid(n), metrics.Mean)
		if err != nil {
			t.Fatal(err)
		}
		return a.Values
	}
	look(3)
	value[3], value[4] = 33, 40 // 3 was read too early
	if got, want := look(4), []float64{10, 20, 33, 40}; !slices.Equal(got, want) {
		t.Errorf("look 4 saw %v, want %v", got, want)
	}
	delete(value, 4) // the backend changed its mind
	value[5], value[6], value[1] = 50, 60, 11
	got := look(6)
	if want := []float64{10, 20, 33, math.NaN(), 50, 60}; !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
		t.Errorf("look 6 saw %v, want %v: minute 1 is settled, minute 4 is not", got, want)
	}
	again := transcript.New()
	for _, c := range chunks {
		if err := again.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	r, err := again.Recorded("prod").Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(6)})
	if err != nil || len(r.Series[0].Points) != 5 {
		t.Errorf("replayed %v, %v", r, err)
	}
}

func TestPartialAnswersAreNotKept(t *testing.T) {
	partial := true
	b := &backend{}
	b.answer = func(q metrics.Query) (metrics.Result, error) {
		r, _ := wave(q)
		if partial {
			r.Series, r.Partial, r.Warnings = r.Series[:1], true, []string{"one store did not answer"}
		}
		return r, nil
	}
	tr := transcript.New()
	s := tr.Through("prod", b)
	r, err := s.Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(20)})
	if err != nil || len(r.Series) != 1 || !slices.Equal(r.Warnings, []string{"one store did not answer"}) {
		t.Errorf("the partial answer: %v, %v", r, err)
	}
	if c := tr.Flush(); c != nil {
		t.Errorf("a partial answer was kept in %d bytes", len(c))
	}
	partial = false
	r, err = s.Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(21)})
	if err != nil || len(r.Series) != 2 || len(r.Warnings) > 0 || b.asked[1].Grid.N != 21 {
		t.Errorf("after it: %v, %v, asked for %d", r, err, b.asked[1].Grid.N)
	}
	partial = true
	r, err = s.Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(22)})
	if err != nil || len(r.Warnings) != 1 {
		t.Errorf("partial news: %v, %v", r, err)
	}
}

func TestErrorsAreAskedAgain(t *testing.T) {
	down := errors.New("down")
	b := &backend{answer: func(metrics.Query) (metrics.Result, error) { return metrics.Result{}, down }}
	tr := transcript.New()
	s := tr.Through("prod", b)
	if _, err := s.Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(5)}); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	b.answer = wave
	if r, err := s.Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(6)}); err != nil || b.asked[1].Grid.N != 6 || len(r.Series) == 0 {
		t.Errorf("after the outage: %v, %v", r, err)
	}
}

// Whatever a backend answers over a life of looks, chunks give the same answers
// back.
func TestChunksHoldEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1, -1, math.NaN(), math.Inf(1), math.MaxFloat64, 5e-324}))
		b := &backend{answer: func(q metrics.Query) (metrics.Result, error) {
			var r metrics.Result
			for i := range rapid.IntRange(0, 3).Draw(t, "series") {
				s := metrics.Series{Labels: metrics.Labels{"i": fmt.Sprint(i)}}
				for at := q.Grid.Start.Add(1); !at.After(q.Grid.Window().End); at = at.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "gap")) * time.Second) {
					if rapid.Bool().Draw(t, "histogram") {
						s.Histograms = append(s.Histograms, metrics.HistogramPoint{Time: at, Histogram: metrics.Histogram{Bounds: []float64{math.Inf(-1), 1, 2}, Counts: []float64{rapid.Float64Range(0, 1e9).Draw(t, "count"), 3}}})
					} else {
						s.Points = append(s.Points, metrics.Point{Time: at, Value: value.Draw(t, "value")})
					}
				}
				r.Series = append(r.Series, s)
			}
			return r, nil
		}}
		live, again := transcript.New(), transcript.New()
		n := 0
		for range rapid.IntRange(1, 6).Draw(t, "looks") {
			n += rapid.IntRange(1, 5).Draw(t, "minutes")
			q := metrics.Query{Expr: "x", Grid: grid(n)}
			want, err := live.Through("prod", b).Query(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Apply(live.Flush()); err != nil {
				t.Fatal(err)
			}
			got, err := again.Recorded("prod").Query(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equalSeries); diff != "" {
				t.Fatalf("look at %d minutes:\n%s", n, diff)
			}
		}
	})
}

func FuzzApply(f *testing.F) {
	tr := transcript.New()
	s := tr.Through("prod", &backend{answer: wave})
	for _, n := range []int{3, 30} {
		if _, err := s.Query(context.Background(), metrics.Query{Expr: "x", Grid: grid(n)}); err != nil {
			f.Fatal(err)
		}
		f.Add(tr.Flush())
	}
	f.Fuzz(func(t *testing.T, chunk []byte) {
		tr := transcript.New()
		if tr.Apply(chunk) != nil {
			return
		}
		tr.Sources()
		if _, err := tr.Recorded("prod").Query(t.Context(), metrics.Query{Expr: "x", Grid: grid(3)}); err != nil {
			return
		}
	})
}

func BenchmarkLook(b *testing.B) {
	// A look at minute 60 of 40 queries by a process that knows nothing yet.
	source := &backend{answer: wave}
	tr := transcript.New()
	var chunks [][]byte
	for n := 1; n < 60; n++ {
		for i := range 40 {
			_, _ = tr.Through("prod", source).Query(b.Context(), metrics.Query{Expr: fmt.Sprint("query ", i), Grid: grid(n)})
		}
		chunks = append(chunks, tr.Flush())
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(chunks[50])), "B/chunk")
	for b.Loop() {
		tr := transcript.New()
		for _, c := range chunks {
			if err := tr.Apply(c); err != nil {
				b.Fatal(err)
			}
		}
		for i := range 40 {
			_, _ = tr.Through("prod", source).Query(b.Context(), metrics.Query{Expr: fmt.Sprint("query ", i), Grid: grid(60)})
		}
		tr.Flush()
	}
}
