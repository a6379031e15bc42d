package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
)

// oddities answers with what an analysis has to put in order: points out of
// order and twice, NaN, missing events, classic and native histograms.
type oddities struct {
	mu      sync.Mutex
	answers map[string]metrics.Result
}

func (o *oddities) Close() error { return nil }

func (o *oddities) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	var kind, version string
	if _, err := fmt.Sscanf(q.Expr, `%s {version="%2s"}`, &kind, &version); err != nil {
		return metrics.Result{}, err
	}
	r := metrics.Result{Warnings: make([]string, 1, 8)}
	r.Warnings[0] = "of the backend"
	series := func(labels metrics.Labels, value func(i int) float64) {
		s := metrics.Series{Labels: labels, Points: make([]metrics.Point, 0, 4*q.Grid.N)}
		for i := q.Grid.N - 1; i >= 0; i-- {
			s.Points = append(s.Points, metrics.Point{Time: q.Grid.Time(i), Value: value(i)}, metrics.Point{Time: q.Grid.Time(i), Value: value(i)})
		}
		r.Series = append(r.Series, s)
	}
	wave := func(i int) float64 { return 10 + float64(i*7%5) }
	switch kind {
	case "gauge", "total":
		series(metrics.Labels{}, wave)
	case "events":
		series(metrics.Labels{}, func(i int) float64 {
			if i%2 == 0 {
				return math.NaN()
			}
			return 1
		})
	case "pods":
		for _, pod := range []string{"a", "b", "c"} {
			series(metrics.Labels{"pod": pod}, wave)
		}
	case "classic":
		for i, le := range []string{"1", "1.0", "10", "+Inf"} {
			series(metrics.Labels{"le": le}, func(j int) float64 { return wave(j) * float64(max(1, 2*i)) })
		}
	case "native":
		s := metrics.Series{}
		for i := range 2 * q.Grid.N { // two an interval, which are merged
			at := q.Grid.Start.Add(time.Duration(i+1) * q.Grid.Step / 2)
			s.Histograms = append(s.Histograms, metrics.HistogramPoint{Time: at, Histogram: metrics.Histogram{Bounds: []float64{0, 1, 10}, Counts: []float64{wave(i), 3}}})
		}
		r.Series = append(r.Series, s)
	default:
		return r, errors.New("unknown query " + q.Expr)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers[fmt.Sprint(q)] = r
	return r, nil
}

// Answers are shared between analyses, so that none may change them. The race
// detector sees a change too, if it comes from two of them at the same time.
func TestAnalysesDoNotChangeTheirAnswers(t *testing.T) {
	t.Parallel()
	src := &oddities{answers: map[string]metrics.Result{}}
	shared := fetch.Share(src, fetch.Options{Name: "odd"})
	sources := analysis.NewSources()
	sources.Use("odd", metrics.Provider{Name: "prometheus", Expand: promql.Expand}, shared)
	defer sources.Close()
	metric := func(name string, kind judge.Kind, total, pods string) analysis.Metric {
		m := analysis.Metric{
			Signal: judge.Signal{Name: name, Kind: kind, Direction: judge.Increase}, Source: "odd", Query: name + ` {version="${version}"}`, Pods: pods,
		}
		if total != "" {
			m.Total = total + ` {version="${version}"}`
		}
		return m
	}
	end := start.Add(30 * time.Minute)
	config := analysis.Config{
		Name:     "shared",
		Scopes:   analysis.Scopes{Baseline: map[string]string{"version": "v1"}, Canary: map[string]string{"version": "v2"}},
		Schedule: analysis.Schedule{Start: start, Duration: 30 * time.Minute, Interval: time.Minute, History: 2 * time.Hour},
		Metrics: []analysis.Metric{
			metric("gauge", judge.Gauge, "", ""), metric("events", judge.Ratio, "total", ""), metric("pods", judge.Gauge, "", "pod"),
			metric("classic", judge.Distribution, "", ""), metric("native", judge.Distribution, "", ""),
		},
	}
	run := func() *analysis.Result {
		r, err := analysis.Run(t.Context(), config, sources, metrics.Window{Start: start, End: end}, metrics.Window{Start: start.Add(-2 * time.Hour), End: start})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := run()
	for _, f := range first.Findings {
		if f.Verdict == judge.Error {
			t.Errorf("%s could not be judged: %s", f.Signal.Name, f.Reason)
		}
	}
	before := fmt.Sprint(src.answers)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if r := run(); fmt.Sprintf("%+v", r.Judgment) != fmt.Sprintf("%+v", first.Judgment) {
				t.Error("the same answers gave another judgment")
			}
		})
	}
	all.Wait()
	if after := fmt.Sprint(src.answers); after != before {
		t.Error("an analysis changed an answer")
	}
	if st := shared.Stats(); len(src.answers) != 24 || st.Cached != 4*24 {
		t.Errorf("%d questions, stats %+v: want 24, asked once each", len(src.answers), st)
	}
}
