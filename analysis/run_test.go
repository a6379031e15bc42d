package analysis_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// fakeSource answers by query text.
type fakeSource struct {
	mu      sync.Mutex
	asked   []string
	answers map[string]func(metrics.Grid) (metrics.Result, error)
}

func (f *fakeSource) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	f.mu.Lock()
	f.asked = append(f.asked, q.Expr)
	f.mu.Unlock()
	answer, ok := f.answers[q.Expr]
	if !ok {
		return metrics.Result{}, nil
	}
	return answer(q.Grid)
}

func (f *fakeSource) Close() error { return nil }

var fakeProvider = metrics.Provider{
	Name: "fake",
	Expand: func(q string, v map[string]string) (string, error) {
		return metrics.ExpandTemplate(q, v, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not used") },
}

func init() { metrics.Register(fakeProvider) }

func sources(f *fakeSource) *analysis.Sources {
	s := analysis.NewSources()
	s.Use("fake", fakeProvider, f)
	return s
}

// noisy answers with lognormal noise around level.
func noisy(level float64, seed uint64) func(metrics.Grid) (metrics.Result, error) {
	return func(g metrics.Grid) (metrics.Result, error) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s metrics.Series
		for i := range g.N {
			s.Points = append(s.Points, metrics.Point{Time: g.Time(i), Value: level * math.Exp(0.05*r.NormFloat64())})
		}
		return metrics.Result{Series: []metrics.Series{s}}, nil
	}
}

// fixed answers with these values, one an interval.
func fixed(values ...float64) func(metrics.Grid) (metrics.Result, error) {
	return func(g metrics.Grid) (metrics.Result, error) {
		var s metrics.Series
		for i, v := range values {
			s.Points = append(s.Points, metrics.Point{Time: g.Time(i), Value: v})
		}
		return metrics.Result{Series: []metrics.Series{s}}, nil
	}
}

func latency() analysis.Config {
	return analysis.Config{
		Name:     "test",
		Scopes:   analysis.Scopes{Baseline: map[string]string{"v": "1"}, Canary: map[string]string{"v": "2"}},
		Schedule: analysis.Schedule{Start: start, Duration: time.Hour, Interval: time.Minute},
		Metrics: []analysis.Metric{{
			Signal: judge.Signal{Name: "latency", Direction: judge.Increase, Unit: "s"},
			Source: "fake", Query: "latency ${v}",
		}},
	}
}

func run(t *testing.T, c analysis.Config, f *fakeSource) *analysis.Result {
	t.Helper()
	window, history, err := c.Schedule.Window(start.Add(24 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, err := analysis.Run(t.Context(), c, sources(f), window, history)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type answers = map[string]func(metrics.Grid) (metrics.Result, error)

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		canary float64
		want   judge.Verdict
	}{
		{"healthy", 1, judge.Pass},
		{"worse", 1.5, judge.Fail},
		{"better", 0.7, judge.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, latency(), &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2*c.canary, 2)}})
			if r.Verdict != c.want {
				t.Errorf("verdict %v, want %v: %s", r.Verdict, c.want, r.Summary)
			}
			if got := r.Findings[0].Evidence.CanaryQuery; got != "latency 2" {
				t.Errorf("evidence has the query %q", got)
			}
		})
	}
}

// TestBadData holds every kind of bad data to the rule that it is never a
// pass and always says why.
func TestBadData(t *testing.T) {
	good := noisy(0.2, 1)
	n := 60
	constant := func(v float64, n int) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = v
		}
		return values
	}
	reordered := func(g metrics.Grid) (metrics.Result, error) {
		r, _ := good(g)
		p := r.Series[0].Points
		p[3], p[40] = p[40], p[3]
		return r, nil
	}
	for _, c := range []struct {
		name             string
		baseline, canary func(metrics.Grid) (metrics.Result, error)
		verdicts         []judge.Verdict
		reason           string
	}{
		{"no series in canary", good, nil, []judge.Verdict{judge.Fail}, "canary"},
		{"no series in baseline", nil, good, []judge.Verdict{judge.Inconclusive}, "baseline"},
		{"no series at all", nil, nil, []judge.Verdict{judge.Inconclusive}, "data"},
		{"all NaN", good, fixed(constant(math.NaN(), n)...), []judge.Verdict{judge.Fail}, "canary"},
		{"one point a side", fixed(1), fixed(1), []judge.Verdict{judge.Inconclusive}, ""},
		{"one point in the canary", good, fixed(1), []judge.Verdict{judge.Fail}, ""},
		{"infinite", good, fixed(constant(math.Inf(1), n)...), []judge.Verdict{judge.Fail}, "canary"},
		{"huge", fixed(constant(math.MaxFloat64, n)...), good, []judge.Verdict{judge.Pass, judge.Inconclusive, judge.Error}, ""},
		{"huge canary", good, fixed(constant(math.MaxFloat64, n)...), []judge.Verdict{judge.Fail, judge.Inconclusive, judge.Error}, ""},
		{"contradiction", good, func(g metrics.Grid) (metrics.Result, error) {
			r, _ := good(g)
			p := r.Series[0].Points
			r.Series[0].Points = append(r.Series[0].Points, metrics.Point{Time: p[7].Time, Value: 99})
			return r, nil
		}, []judge.Verdict{judge.Error}, "two values for"},
		{"several series", good, func(g metrics.Grid) (metrics.Result, error) {
			a, _ := good(g)
			b, _ := good(g)
			return metrics.Result{Series: append(a.Series, b.Series...)}, nil
		}, []judge.Verdict{judge.Error}, "2 series"},
		{"source fails", good, func(metrics.Grid) (metrics.Result, error) {
			return metrics.Result{}, &metrics.Error{Op: "query", Source: "fake", Reason: metrics.Unavailable, Err: errors.New("connection refused")}
		}, []judge.Verdict{judge.Error}, "connection refused"},
		{"out of order", good, reordered, []judge.Verdict{judge.Pass}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answers{}
			if c.baseline != nil {
				a["latency 1"] = c.baseline
			}
			if c.canary != nil {
				a["latency 2"] = c.canary
			}
			r := run(t, latency(), &fakeSource{answers: a})
			ok := false
			for _, v := range c.verdicts {
				ok = ok || r.Verdict == v
			}
			f := r.Findings[0]
			if !ok {
				t.Errorf("verdict %v, want one of %v: %s", r.Verdict, c.verdicts, f.Reason)
			}
			if f.Reason == "" || !strings.Contains(f.Reason, c.reason) {
				t.Errorf("reason %q, want it to mention %q", f.Reason, c.reason)
			}
		})
	}
}

// Points that come out of order or twice give the same finding as clean ones,
// with a warning.
func TestOrderDoesNotMatter(t *testing.T) {
	clean := run(t, latency(), &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2)}})
	messy := run(t, latency(), &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": func(g metrics.Grid) (metrics.Result, error) {
		r, _ := noisy(0.2, 2)(g)
		p := append([]metrics.Point{r.Series[0].Points[9]}, r.Series[0].Points...)
		r.Series[0].Points = p
		return r, nil
	}}})
	if clean.Findings[0].Effect != messy.Findings[0].Effect {
		t.Errorf("effects differ: %v and %v", clean.Findings[0].Effect, messy.Findings[0].Effect)
	}
	if w := strings.Join(messy.Findings[0].Warnings, "; "); !strings.Contains(w, "out of order") || !strings.Contains(w, "twice") {
		t.Errorf("warnings = %q", w)
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		spec func(*analysis.Config)
		want string
	}{
		{"no metrics", func(c *analysis.Config) { c.Metrics = nil }, "no metric"},
		{"duplicate", func(c *analysis.Config) { c.Metrics = append(c.Metrics, c.Metrics[0]) }, "two metrics"},
		{"no name", func(c *analysis.Config) { c.Metrics[0].Name = "" }, "no name"},
		{"unknown judge", func(c *analysis.Config) { c.Metrics[0].Judge = "oracle" }, `no judge "oracle"`},
		{"ratio without total", func(c *analysis.Config) { c.Metrics[0].Kind = judge.Ratio }, "total"},
		{"negative margin", func(c *analysis.Config) { c.Metrics[0].HasMargin = true; c.Metrics[0].Margin.Relative = -1 }, "negative"},
		{"tolerance under margin", func(c *analysis.Config) {
			c.Metrics[0].HasMargin, c.Metrics[0].HasTolerance = true, true
			c.Metrics[0].Margin.Relative, c.Metrics[0].Tolerance.Relative = 0.5, 0.1
		}, "smaller than its margin"},
		{"too many intervals", func(c *analysis.Config) { c.Schedule.Duration = 100 * 24 * time.Hour }, "intervals"},
		{"alpha", func(c *analysis.Config) { c.Alpha = 1.5 }, "probability"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := latency()
			c.spec(&cfg)
			_, err := analysis.NewPlan(cfg, sources(&fakeSource{}), metrics.Window{Start: start, End: start.Add(time.Hour)}, metrics.Window{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}

// A metric that cannot be asked does not take the others with it, and its
// error is the verdict only if nothing failed.
func TestBrokenMetricsStayAlone(t *testing.T) {
	c := latency()
	c.Metrics = append(c.Metrics,
		analysis.Metric{Signal: judge.Signal{Name: "elsewhere"}, Source: "nowhere", Query: "q"},
		analysis.Metric{Signal: judge.Signal{Name: "variable"}, Source: "fake", Query: "q ${missing}"})
	bad := &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.4, 2)}}
	if r := run(t, c, bad); r.Verdict != judge.Fail {
		t.Errorf("verdict %v, want FAIL: a found regression stands: %s", r.Verdict, r.Summary)
	}
	fine := &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2)}}
	r := run(t, c, fine)
	if r.Verdict != judge.Error {
		t.Errorf("verdict %v, want ERROR: %s", r.Verdict, r.Summary)
	}
	text := strings.Join(r.Reasons, "\n")
	for _, want := range []string{`unknown source "nowhere"`, "configured sources: fake", `no variable "missing"`} {
		if !strings.Contains(text, want) {
			t.Errorf("reasons lack %q:\n%s", want, text)
		}
	}
}

func TestSameQueryOnBothSidesIsNoPass(t *testing.T) {
	c := latency()
	c.Metrics[0].Query = "latency 1"
	r := run(t, c, &fakeSource{answers: answers{"latency 1": noisy(0.2, 1)}})
	if r.Verdict != judge.Error || !strings.Contains(r.Findings[0].Reason, "same query") {
		t.Errorf("a thing compared with itself: %v, %s", r.Verdict, r.Findings[0].Reason)
	}
}

func TestKayentasJudgeMakesNoPromise(t *testing.T) {
	c := latency()
	c.Metrics[0].Judge = "mannwhitney"
	r := run(t, c, &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.4, 2)}})
	if r.Verdict != judge.Fail || r.Alpha != 0 {
		t.Errorf("%v at alpha %v, want FAIL without a promise", r.Verdict, r.Alpha)
	}
}

func TestPanickingSourceIsAnError(t *testing.T) {
	r := run(t, latency(), &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": func(metrics.Grid) (metrics.Result, error) { panic("oops") }}})
	if r.Verdict != judge.Error || !strings.Contains(r.Findings[0].Reason, "oops") {
		t.Errorf("%v, %s", r.Verdict, r.Findings[0].Reason)
	}
}

// Prometheus has no series for an error that never happened; where requests
// are known, that is zero errors and not missing data.
func TestAbsentErrorsAreZero(t *testing.T) {
	c := latency()
	c.Metrics = []analysis.Metric{{
		Signal: judge.Signal{Name: "errors", Kind: judge.Ratio, Direction: judge.Increase},
		Source: "fake", Query: "errors ${v}", Total: "requests ${v}",
	}}
	requests := fixed(func() (v []float64) {
		for range 60 {
			v = append(v, 1000)
		}
		return v
	}()...)
	r := run(t, c, &fakeSource{answers: answers{"requests 1": requests, "requests 2": requests}})
	if r.Verdict != judge.Pass {
		t.Errorf("no errors among 60000 requests a side: %v, %s", r.Verdict, r.Findings[0].Reason)
	}
	r = run(t, c, &fakeSource{answers: answers{"requests 1": requests}})
	if r.Verdict == judge.Pass {
		t.Errorf("a canary without requests passed: %s", r.Findings[0].Reason)
	}
}

func TestCoarserAnswersCoarsenTheGrid(t *testing.T) {
	coarse := func(level float64, seed uint64) func(metrics.Grid) (metrics.Result, error) {
		return func(g metrics.Grid) (metrics.Result, error) {
			g = metrics.NewGrid(g.Window(), 5*time.Minute)
			r, err := noisy(level, seed)(g)
			r.Step = 5 * time.Minute
			return r, err
		}
	}
	r := run(t, latency(), &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": coarse(0.2, 2)}})
	if n := len(r.Samples["latency"].Canary.Values); n != 12 {
		t.Errorf("%d intervals, want 12 of five minutes", n)
	}
	if m := r.Findings[0].Canary.Missing; m != 0 {
		t.Errorf("%d intervals missing, want none", m)
	}
	if w := strings.Join(r.Findings[0].Warnings, " "); !strings.Contains(w, "5m0s") {
		t.Errorf("warnings = %q", w)
	}
}

func TestIdenticalQueriesAreAskedOnce(t *testing.T) {
	c := latency()
	for i := range 10 {
		m := c.Metrics[0]
		m.Name = fmt.Sprint("copy ", i)
		c.Metrics = append(c.Metrics, m)
	}
	f := &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2)}}
	run(t, c, f)
	if len(f.asked) != 2 {
		t.Errorf("asked %d queries, want 2: %v", len(f.asked), f.asked)
	}
}

func TestHistoryIsAskedBeforeTheRelease(t *testing.T) {
	c := latency()
	c.Schedule.History = 30 * time.Minute
	c.Schedule.Warmup = 5 * time.Minute
	f := &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.2, 2)}}
	r := run(t, c, f)
	h := r.Samples["latency"].History
	if h == nil || len(h.Baseline.Values) != 30 {
		t.Fatalf("history = %+v, want 30 intervals", h)
	}
	if !r.History.End.Equal(start) || !r.Window.Start.Equal(start.Add(5*time.Minute)) {
		t.Errorf("history %v, window %v", r.History, r.Window)
	}
}

func TestSameInputSameResult(t *testing.T) {
	f := &fakeSource{answers: answers{"latency 1": noisy(0.2, 1), "latency 2": noisy(0.21, 2)}}
	first, second := run(t, latency(), f), run(t, latency(), f)
	if first.Summary != second.Summary || first.Findings[0].Effect != second.Findings[0].Effect {
		t.Errorf("two runs differ:\n%s\n%s", first.Summary, second.Summary)
	}
}

func TestCanceledRunIsNoVerdict(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := analysis.Run(ctx, latency(), sources(&fakeSource{}), metrics.Window{Start: start, End: start.Add(time.Hour)}, metrics.Window{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestWindow(t *testing.T) {
	now := start.Add(20 * time.Minute)
	w, h, err := analysis.Schedule{Start: start, Warmup: 5 * time.Minute, Duration: time.Hour, History: 10 * time.Minute}.Window(now)
	if err != nil || !w.End.Equal(now) || w.Duration() != 15*time.Minute || h.Duration() != 10*time.Minute {
		t.Errorf("window %v, history %v, err %v: a window ends at the present", w, h, err)
	}
	if _, _, err := (analysis.Schedule{Start: now.Add(time.Minute)}).Window(now); err == nil {
		t.Error("a window in the future was accepted")
	}
}
