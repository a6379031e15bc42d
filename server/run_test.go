package server

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type testLog struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	logger *slog.Logger
}

func newTestLog() *testLog {
	l := &testLog{}
	l.logger = slog.New(slog.NewTextHandler(l, nil))
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// steady answers every query with a steady level, after a second.
type steady struct{}

func (steady) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return metrics.Result{}, ctx.Err()
	}
	var points []metrics.Point
	for i := range q.Grid.N {
		points = append(points, metrics.Point{Time: q.Grid.Time(i), Value: 100 + float64(i%7)})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

func (steady) Close() error { return nil }

// newLife returns the parts of a server without its HTTP, for a bubble in
// which time is not real.
func newLife(t *testing.T, l Limits) *analysisService {
	t.Helper()
	sources := analysis.NewSources()
	sources.Use("shop", metrics.Provider{Name: "server-test"}, steady{})
	o, err := Options{Sources: sources, Limits: l}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	memory := newAnalysisMemory(o.Limits, o.Now)
	telemetry, err := newTelemetry("test", memory.live)
	if err != nil {
		t.Fatal(err)
	}
	return &analysisService{memory: memory, configs: newConfigMemory(o.Limits, o.Now), runner: newRunner(o, memory, telemetry), sources: sources, now: o.Now}
}

func released(name string, ago time.Duration) *judgedv1.StartAnalysisRequest {
	return &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Inline{Inline: &judgedv1.CanaryConfig{
		Name:     name,
		Schedule: &judgedv1.Schedule{Start: timestamppb.New(time.Now().Add(-ago)), Warmup: durationpb.New(5 * time.Minute), Duration: durationpb.New(time.Hour)},
		Metrics:  []*judgedv1.Metric{{Name: "m", Source: "shop", Query: "q ${v}"}},
		Scopes: &judgedv1.Scopes{
			Baseline: &judgedv1.Scope{Variables: map[string]string{"v": "1"}},
			Canary:   &judgedv1.Scope{Variables: map[string]string{"v": "2"}},
		},
	}}}
}

// An analysis of a release that has just begun waits its whole schedule and
// then judges it, whole.
func TestLifeOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLife(t, Limits{})
		begin := time.Now()
		a, err := s.start(released("now", 0), digest{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.memory.find(a.GetId())
		if err != nil {
			t.Fatal(err)
		}
		for {
			state, changed := s.memory.look(r)
			if ended(state) {
				break
			}
			<-changed
		}
		state, _ := s.memory.look(r)
		if took := time.Since(begin); took != 65*time.Minute+time.Second {
			t.Errorf("it took %v, want the warm-up, the hour and the query's second", took)
		}
		f := state.GetJudgment().GetFindings()[0]
		if state.GetState() != judgedv1.AnalysisState_COMPLETED || f.GetCanary().GetCount() != 60 {
			t.Errorf("%v with %d intervals", state.GetState(), f.GetCanary().GetCount())
		}
		if got := state.GetWindow().GetStart().AsTime(); !got.Equal(begin.Add(5 * time.Minute)) {
			t.Errorf("the window starts at %v, want the end of the warm-up", got)
		}
		s.runner.close()
	})
}

// No more looks at a time than workers; waiting analyses hold none.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLife(t, Limits{Workers: 2})
		if _, err := s.start(released("future", 0), digest{}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for n := range 6 {
			if _, err := s.start(released("past", 2*time.Hour), digest{byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
		for {
			synctest.Wait()
			pending, running := s.memory.live()
			if running > 2 {
				t.Fatalf("%d run", running)
			}
			if pending == 1 && running == 0 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("six looks of a second by two workers took %v", took)
		}
		s.runner.close()
		if pending, running := s.memory.live(); pending+running != 0 {
			t.Errorf("%d pending and %d running are left after the close", pending, running)
		}
		if _, err := s.start(released("late", 0), digest{}); err == nil {
			t.Error("started after the close")
		}
	})
}

// Without a start the window ends now, and nothing waits.
func TestScheduleWithoutStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLife(t, Limits{})
		r := released("c", 0)
		r.GetInline().Schedule.Start = nil
		begin := time.Now()
		a, err := s.start(r, digest{})
		if err != nil {
			t.Fatal(err)
		}
		if end := a.GetWindow().GetEnd().AsTime(); end.After(begin) || begin.Sub(end) > time.Second {
			t.Errorf("the window ends at %v, want now (%v)", end, begin)
		}
		s.runner.tasks.Wait()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
