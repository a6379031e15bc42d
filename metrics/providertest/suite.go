package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Run puts the driver to every test of the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if (h.Wire == nil) == (h.Memory == nil) {
		t.Fatal("providertest: a harness has either Wire or Memory")
	}
	s := suite{h}
	t.Run("Answers", s.answers)
	t.Run("Histograms", s.histograms)
	t.Run("Contexts", s.contexts)
	t.Run("Injection", s.injection)
	if h.Wire != nil {
		t.Run("Failures", s.failures)
		t.Run("Limits", s.limits)
		t.Run("Credentials", s.credentials)
	}
}

type suite struct{ Harness }

func (s suite) needs(t *testing.T, f Feature) {
	t.Helper()
	if slices.Contains(s.Lacks, f) {
		t.Skipf("the backend has no %s", f)
	}
}

// source returns a source whose backend has this to say.
func (s suite) source(t *testing.T, a Answer) metrics.Source {
	t.Helper()
	if s.Memory != nil {
		return s.Memory(t, a)
	}
	return s.open(t, newBackend(t, write(http.StatusOK, s.Wire.Answer(a))), nil)
}

// ask queries over the suite's grid.
func (s suite) ask(t *testing.T, src metrics.Source) (metrics.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return src.Query(ctx, metrics.Query{Expr: s.Query, Grid: grid()})
}

// points puts values at the ends of the grid's intervals, leaving out the
// intervals in gaps.
func points(values []float64, gaps ...int) []metrics.Point {
	var out []metrics.Point
	for i, v := range values {
		if !slices.Contains(gaps, i) {
			out = append(out, metrics.Point{Time: grid().Time(i), Value: v})
		}
	}
	return out
}

// counting is 1, 2, ... 10.
func counting() []float64 {
	out := make([]float64, grid().N)
	for i := range out {
		out[i] = float64(i + 1)
	}
	return out
}

func (s suite) answers(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name   string
		needs  Feature
		values []metrics.Point
		want   []float64
	}{
		{"every interval has a value", "", points(counting()), counting()},
		{"a gap stays a gap", "", points(counting(), 3, 4), []float64{1, 2, 3, nan, nan, 6, 7, 8, 9, 10}},
		{"one point", "", points(counting(), 0, 1, 2, 3, 4, 6, 7, 8, 9), []float64{nan, nan, nan, nan, nan, 6, nan, nan, nan, nan}},
		{"first and last interval", "", points(counting(), 1, 2, 3, 4, 5, 6, 7, 8), []float64{1, nan, nan, nan, nan, nan, nan, nan, nan, 10}},
		{"NaN is no number", "", points([]float64{1, nan, 3}), []float64{1, nan, 3, nan, nan, nan, nan, nan, nan, nan}},
		{"infinity is no number", Infinity, points([]float64{1, math.Inf(1), math.Inf(-1), 4}), []float64{1, nan, nan, 4, nan, nan, nan, nan, nan, nan}},
		{"zero and negative", "", points([]float64{0, -1.5, 0}), []float64{0, -1.5, 0, nan, nan, nan, nan, nan, nan, nan}},
		{"very small and large", "", points([]float64{5e-324, 1.7976931348623157e308, 0.1}), []float64{5e-324, 1.7976931348623157e308, 0.1, nan, nan, nan, nan, nan, nan, nan}},
		{"out of order", Order, reversed(points(counting())), counting()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.needs != "" {
				s.needs(t, test.needs)
			}
			a := Answer{Grid: grid(), Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: test.values}}}
			result, err := s.ask(t, s.source(t, a))
			if err != nil {
				t.Fatal(err)
			}
			s.compare(t, result, map[string][]float64{"a": test.want})
		})
	}
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		result, err := s.ask(t, s.source(t, Answer{Grid: grid()}))
		if err != nil {
			t.Fatalf("no data is no error, got %v", err)
		}
		if len(result.Series) != 0 {
			t.Errorf("got %d series, want none", len(result.Series))
		}
	})
	t.Run("empty grid", func(t *testing.T) {
		t.Parallel()
		a := Answer{Grid: grid(), Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: points(counting())}}}
		result, err := s.source(t, a).Query(t.Context(), metrics.Query{Expr: s.Query, Grid: metrics.Grid{Start: grid().Start, Step: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range result.Series {
			if len(series.Points) > 0 {
				t.Errorf("a grid without intervals got %d points", len(series.Points))
			}
		}
	})
	t.Run("several series", func(t *testing.T) {
		t.Parallel()
		want := map[string][]float64{}
		a := Answer{Grid: grid()}
		for i, pod := range []string{"b", "a", "ü-\"quoted\"\\ \n<&>", "c"} {
			if i == 2 && slices.Contains(s.Lacks, AnyLabel) {
				continue
			}
			values := counting()
			for n := range values {
				values[n] += float64(100 * i)
			}
			want[pod] = values
			a.Series = append(a.Series, metrics.Series{Labels: metrics.Labels{"pod": pod, "app": "shop"}, Points: points(values)})
		}
		result, err := s.ask(t, s.source(t, a))
		if err != nil {
			t.Fatal(err)
		}
		s.compare(t, result, want)
		for _, series := range result.Series {
			if series.Labels["app"] != "shop" {
				t.Errorf("labels are %s, want app=shop among them", series.Labels)
			}
		}
	})
	t.Run("warnings", func(t *testing.T) {
		t.Parallel()
		s.needs(t, Warnings)
		result, err := s.ask(t, s.source(t, Answer{Grid: grid(), Warnings: []string{"the moon is full"}}))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, "the moon is full") }) {
			t.Errorf("warnings are %q, want the backend's among them", result.Warnings)
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		t.Parallel()
		a := Answer{Grid: grid(), Series: []metrics.Series{{Labels: metrics.Labels{"pod": "a"}, Points: points(counting())}}}
		src := s.source(t, a)
		failed := make(chan error, 20)
		for range cap(failed) {
			go func() {
				result, err := src.Query(t.Context(), metrics.Query{Expr: s.Query, Grid: grid()})
				if err == nil && len(result.Series) != 1 {
					err = fmt.Errorf("%d series, want 1", len(result.Series))
				}
				failed <- err
			}()
		}
		for range cap(failed) {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
	})
}

func reversed(p []metrics.Point) []metrics.Point {
	slices.Reverse(p)
	return p
}

// compare aligns every series and compares it with the one wanted for its
// label pod.
func (s suite) compare(t *testing.T, got metrics.Result, want map[string][]float64) {
	t.Helper()
	if got.Step != 0 {
		t.Errorf("the result's step is %s, want 0: as asked for", got.Step)
	}
	found := map[string][]float64{}
	for _, series := range got.Series {
		aligned, err := metrics.Align(series.Points, grid(), metrics.Mean)
		if err != nil {
			t.Fatalf("series %s: %v", series.Labels, err)
		}
		if aligned.Outside > 0 {
			t.Errorf("series %s has %d points outside the grid", series.Labels, aligned.Outside)
		}
		found[series.Labels["pod"]] = aligned.Values
	}
	if !slices.Equal(slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want))) {
		t.Fatalf("got series for the pods %q, want %q", slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want)))
	}
	for pod, values := range want {
		same := slices.EqualFunc(found[pod], values, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
		if !same {
			t.Errorf("pod %q:\n got %v\nwant %v", pod, found[pod], values)
		}
	}
}

func (s suite) contexts(t *testing.T) {
	// hanging is a source whose backend answers only when the test is over.
	hanging := func(t *testing.T) metrics.Source {
		t.Helper()
		if s.Memory != nil {
			return s.Memory(t, Answer{Grid: grid()})
		}
		return s.open(t, newBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), nil)
	}
	ask := func(t *testing.T, ctx context.Context) error {
		t.Helper()
		began := time.Now()
		_, err := hanging(t).Query(ctx, metrics.Query{Expr: s.Query, Grid: grid()})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("returned %s after the context had ended, want promptly", took)
		}
		return err
	}
	t.Run("canceled before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := ask(t, ctx)
		s.wantError(t, err, metrics.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
	})
	t.Run("deadline before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		err := ask(t, ctx)
		s.wantError(t, err, metrics.Unavailable)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is not context.DeadlineExceeded", err)
		}
	})
	if s.Memory != nil {
		return
	}
	t.Run("canceled meanwhile", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		s.wantError(t, ask(t, ctx), metrics.Canceled)
	})
	t.Run("deadline meanwhile", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s.wantError(t, ask(t, ctx), metrics.Unavailable)
	})
}

// wantError checks that err is a *metrics.Error of that reason which names
// the source, says all of contains, and tells no secret.
func (s suite) wantError(t *testing.T, err error, reason metrics.Reason, contains ...string) {
	t.Helper()
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok {
		t.Fatalf("got error %v, want a *metrics.Error", err)
	}
	if e.Reason != reason {
		t.Errorf("the reason is %q, want %q: %v", e.Reason, reason, err)
	}
	if e.Source != sourceName && s.Wire != nil {
		t.Errorf("the error is of source %q, want %q", e.Source, sourceName)
	}
	if e.Query != s.Query && s.Wire != nil {
		t.Errorf("the error is about the query %q, want %q", e.Query, s.Query)
	}
	for _, text := range contains {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q: %v", text, err)
		}
	}
	wantNoSecrets(t, err)
}
