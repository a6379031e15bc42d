package analysis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/metrics"
)

var released = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// lines is a source of logs whose queries are the names of sides.
type lines struct {
	each map[string][]logs.Record
	err  error
}

func (l *lines) Close() error { return nil }

func (l *lines) Read(_ context.Context, q logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	if l.err != nil {
		return logs.Summary{}, l.err
	}
	for i := range l.each[q.Expr] {
		r := l.each[q.Expr][i]
		if r.Time.After(q.Window.Start) && !r.Time.After(q.Window.End) {
			if err := each(&r); err != nil {
				return logs.Summary{}, err
			}
		}
	}
	return logs.Summary{}, nil
}

var side = logs.Provider{Name: "lines", Expand: func(q string, v map[string]string) (string, error) {
	return strings.ReplaceAll(q, "${track}", v["track"]), nil
}}

// serve writes one line a request, every third of a second from before the release
// to minutes after it; bad adds an error to each tenth request of the canary.
func serve(track string, minutes int, bad bool) []logs.Record {
	var all []logs.Record
	for i := range (minutes + 10) * 180 {
		at := released.Add(-10*time.Minute + time.Duration(i)*time.Second/3)
		trace := []byte(fmt.Sprintf("%s-%d", track, i))
		all = append(all, logs.Record{
			Time: at, Level: logs.Info, Trace: trace, Instance: []byte(track + "-1"), Message: []byte(fmt.Sprintf("served request in %d ms", i%40)),
		})
		if bad && i%10 == 0 && at.After(released) {
			all = append(all, logs.Record{
				Time: at, Level: logs.Error, Trace: trace, Instance: []byte(track + "-1"), Message: []byte("order failed: user=bob password=hunter2 connection refused"),
			})
		}
	}
	return all
}

func sourcesOf(l *lines) *analysis.Sources {
	sources := analysis.NewSources()
	sources.UseLogs("shop", side, mine.Reading(l, analysis.MineOptions()))
	return sources
}

func logConfig() analysis.Config {
	return analysis.Config{
		Name:     "shop",
		Scopes:   analysis.Scopes{Baseline: map[string]string{"track": "stable"}, Canary: map[string]string{"track": "canary"}},
		Schedule: analysis.Schedule{Start: released, Duration: 10 * time.Minute},
		Logs:     []analysis.Log{{Source: "shop", Query: "${track}"}},
	}
}

func runLogs(t *testing.T, c analysis.Config, l *lines) *analysis.Result {
	t.Helper()
	window, history, err := c.Schedule.Window(released.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, err := analysis.Run(t.Context(), c, sourcesOf(l), window, history)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLogsAreASignal(t *testing.T) {
	healthy := &lines{each: map[string][]logs.Record{"stable": serve("stable", 10, false), "canary": serve("canary", 10, false)}}
	if r := runLogs(t, logConfig(), healthy); r.Verdict != judge.Pass || len(r.Findings) != 1 || r.Findings[0].Signal.Name != "logs" {
		t.Errorf("healthy: %v: %s", r.Verdict, r.Summary)
	}
	sick := &lines{each: map[string][]logs.Record{"stable": serve("stable", 10, false), "canary": serve("canary", 10, true)}}
	r := runLogs(t, logConfig(), sick)
	if r.Verdict != judge.Fail || !strings.Contains(r.Summary, "order failed") {
		t.Fatalf("%v: %s", r.Verdict, r.Summary)
	}
	f := r.Findings[0]
	if f.Evidence.CanaryQuery != "canary" || f.Evidence.BaselineQuery != "stable" || len(f.Changes) != 1 || f.Changes[0].Kind != judge.New {
		t.Errorf("finding %+v", f)
	}
	for _, e := range f.Changes[0].Excerpts {
		if strings.Contains(e.Text, "hunter2") {
			t.Errorf("a secret is shown: %s", e.Text)
		}
	}

	c := logConfig()
	c.Logs[0].Severity.Pins = []compare.Pin{{Template: f.Changes[0].ID, As: judge.Ignored, By: "ann"}}
	if r := runLogs(t, c, sick); r.Verdict != judge.Pass || !strings.Contains(r.Findings[0].Changes[0].Why, "ann") {
		t.Errorf("pinned: %v: %s", r.Verdict, r.Summary)
	}
}

func TestLogsShareTheErrorWithMetrics(t *testing.T) {
	c := logConfig()
	c.Metrics = []analysis.Metric{{Signal: judge.Signal{Name: "latency"}, Source: "nowhere", Query: "x"}}
	sick := &lines{each: map[string][]logs.Record{"stable": serve("stable", 10, false), "canary": serve("canary", 10, true)}}
	r := runLogs(t, c, sick)
	if r.Verdict != judge.Fail || len(r.Findings) != 2 {
		t.Fatalf("%v: %s", r.Verdict, r.Summary)
	}
	if level := r.Findings[0].Effect.Level; level < 0.974 || level > 0.976 { // 1 - .05/2
		t.Errorf("two signals: level %v", level)
	}
}

func TestLogsOfBeforeAreNotNew(t *testing.T) {
	l := &lines{each: map[string][]logs.Record{"stable": serve("stable", 10, false), "canary": serve("canary", 10, true)}}
	l.each["stable"] = append(l.each["stable"], logs.Record{
		Time: released.Add(-time.Minute), Level: logs.Error, Trace: []byte("old"), Message: []byte("order failed: user=eve password=x connection refused"),
	})
	c := logConfig()
	c.Schedule.History = 5 * time.Minute
	r := runLogs(t, c, l)
	if r.Verdict != judge.Fail || r.Findings[0].Changes[0].Kind != judge.Up {
		t.Errorf("%v: %s", r.Verdict, r.Summary)
	}
}

func TestLogsAgainstTheirOwnPast(t *testing.T) {
	c := logConfig()
	c.Scopes.Baseline = nil
	l := &lines{each: map[string][]logs.Record{"canary": serve("canary", 10, true)}}
	window, _, err := c.Schedule.Window(released.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := analysis.Run(t.Context(), c, sourcesOf(l), window, metrics.Window{}); err != nil || r.Verdict != judge.Error || !strings.Contains(r.Summary, "history") {
		t.Errorf("without history: %v, %v", r, err)
	}
	c.Schedule.History = 10 * time.Minute
	if r := runLogs(t, c, l); r.Verdict != judge.Fail || r.Findings[0].Changes[0].Kind != judge.New {
		t.Errorf("%v: %s", r.Verdict, r.Summary)
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	cause := &metrics.Error{Op: "read", Source: "shop", Reason: metrics.Unavailable, Err: errors.New("connection refused")}
	r := runLogs(t, logConfig(), &lines{err: cause})
	if r.Verdict != judge.Error || len(r.Failures) != 1 || r.Failures[0] != metrics.Unavailable {
		t.Errorf("%v: %s, failures %v", r.Verdict, r.Summary, r.Failures)
	}
	c := logConfig()
	c.Logs[0].Query = "all"
	if r := runLogs(t, c, &lines{}); r.Verdict != judge.Error || !strings.Contains(r.Summary, "the same query") {
		t.Errorf("%v: %s", r.Verdict, r.Summary)
	}
	if r := runLogs(t, logConfig(), &lines{}); r.Verdict != judge.Inconclusive {
		t.Errorf("no lines at all: %v: %s", r.Verdict, r.Summary)
	}
}

func TestLooksAtLogs(t *testing.T) {
	c := logConfig()
	c.Schedule.LookEvery = time.Minute
	l := &lines{each: map[string][]logs.Record{"stable": serve("stable", 10, false), "canary": serve("canary", 10, true)}}
	c, err := c.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	line, err := c.Schedule.Timeline(released)
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= line.Looks(); k++ {
		plan, err := line.Plan(c, sourcesOf(l), k)
		if err != nil {
			t.Fatal(err)
		}
		r, err := plan.Run(t.Context(), sourcesOf(l))
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == judge.Fail {
			// 18 requests a minute have the error, none of the baseline's 180.
			if k > 3 {
				t.Errorf("found at look %d", k)
			}
			return
		}
	}
	t.Error("not found")
}

func TestLogConfigMistakes(t *testing.T) {
	c := logConfig()
	c.Logs = []analysis.Log{{}, {Source: "s", Query: "q", Ratio: 0.5, Share: 2, Redact: []string{"("}}}
	_, err := c.WithDefaults()
	if _, ok := errors.AsType[*analysis.ConfigError](err); !ok {
		t.Fatal(err)
	}
	for _, want := range []string{"no source", "no query", "two signals are called", "ratio of 0.5", "between 0 and 1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}
