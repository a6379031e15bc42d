package server_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// release is when the releases of these tests happen. It is past, so that every
// look is due at once: the database's clock decides on that. The server's own
// clock, which a test sets, says that the analysis is live.
var release = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a server's clock.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock(at time.Time) *clock { return &clock{at: at} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// valueAt is what the query's series has at a moment, whoever asks for it and
// when: 100, or 300 after the release if the query says slow, with a noise of 2 %.
func valueAt(expr string, at time.Time) float64 {
	level := 100.0
	if strings.Contains(expr, "slow") && at.After(release) {
		level = 300
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(expr))
	random := rand.New(rand.NewPCG(h.Sum64(), uint64(at.Unix())))
	return level * (1 + 0.02*random.NormFloat64())
}

func series(q metrics.Query, keep func(time.Time) bool) metrics.Result {
	var points []metrics.Point
	for n := range q.Grid.N {
		if at := q.Grid.Time(n); keep == nil || keep(at) {
			points = append(points, metrics.Point{Time: at, Value: valueAt(q.Expr, at)})
		}
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}
}

// shop is a source that remembers what it was asked.
type shop struct {
	// answer says what it answers; nil: everything.
	answer func(q metrics.Query) (metrics.Result, error)

	mu    sync.Mutex
	asked []metrics.Query
}

func (s *shop) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.answer == nil {
		return series(q, nil), nil
	}
	return s.answer(q)
}

func (*shop) Close() error { return nil }

// of returns what was asked with an expression, in order.
func (s *shop) of(expr string) []metrics.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	var of []metrics.Query
	for _, q := range s.asked {
		if q.Expr == expr {
			of = append(of, q)
		}
	}
	return of
}

func (s *shop) sources() *analysis.Sources { return sourcesOf(map[string]metrics.Source{"shop": s}) }

// ticking is a server whose clock stands at the release and which takes one look
// after the other.
func ticking(t *testing.T, s *shop, o server.Options) (*instance, *clock) {
	t.Helper()
	c := newClock(release)
	o.Now, o.Sources, o.Limits.Looks = c.now, s.sources(), 1
	return start(t, o), c
}

// liveConfig is shopConfig over ten minutes, with a canary of a version.
func liveConfig(version string, change func(*judgedv1.CanaryConfig)) *judgedv1.CanaryConfig {
	c := shopConfig("checkout")
	c.Scopes.Canary.Variables["version"] = version
	c.Schedule = &judgedv1.Schedule{
		Start: timestamppb.New(release), Duration: durationpb.New(10 * time.Minute), Interval: durationpb.New(time.Minute),
	}
	if change != nil {
		change(c)
	}
	return c
}

func (i *instance) looks(t testing.TB, id string) []*judgedv1.TakenLook {
	t.Helper()
	response, err := i.analyses.ListLooks(t.Context(), connect.NewRequest(&judgedv1.ListLooksRequest{Id: id}))
	if err != nil {
		t.Fatal(err)
	}
	return response.Msg.GetLooks()
}

func (i *instance) get(t testing.TB, id string) *judgedv1.Analysis {
	t.Helper()
	response, err := i.analyses.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id}))
	if err != nil {
		t.Fatal(err)
	}
	return response.Msg.GetAnalysis()
}

// last waits for the end and returns the last state.
func (i *instance) last(t testing.TB, id string) *judgedv1.Analysis {
	t.Helper()
	states := i.wait(t, id, 0)
	return states[len(states)-1]
}

// offline takes look k of a live analysis as the command line would.
func offline(t testing.TB, a *judgedv1.Analysis, sources *analysis.Sources, k int) *judgedv1.Judgment {
	t.Helper()
	c := wire.Config(a.GetConfig())
	line, err := c.Schedule.Timeline(c.Schedule.Start)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := line.Plan(c, sources, k)
	if err != nil {
		t.Fatal(err)
	}
	result, err := plan.Run(t.Context(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return wire.ResultProto(result, "test")
}

// Each look judges what the timeline says, and finds what the same data give
// offline; the analysis ends where it should.
func TestLooks(t *testing.T) {
	t.Parallel()
	tolerance := 0.1
	within := func(c *judgedv1.CanaryConfig) {
		c.Metrics[0].Tolerance, c.Schedule.Duration = &judgedv1.Margin{Relative: &tolerance}, durationpb.New(20*time.Minute)
	}
	for name, c := range map[string]struct {
		canary  string
		change  func(*judgedv1.CanaryConfig)
		verdict judgedv1.Verdict
		planned int32
		early   bool
	}{
		"early FAIL": {"v2-slow", nil, judgedv1.Verdict_FAIL, 10, true},
		"early PASS": {"v2", within, judgedv1.Verdict_PASS, 20, true},
		"on FAIL, good": {"v2", func(c *judgedv1.CanaryConfig) {
			within(c)
			c.Schedule.Stop = judgedv1.Stop_ON_FAIL
		}, judgedv1.Verdict_PASS, 20, false},
		"on FAIL, bad": {"v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_ON_FAIL }, judgedv1.Verdict_FAIL, 10, true},
		"at the end":   {"v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }, judgedv1.Verdict_FAIL, 10, false},
		"sliding": {"v2-slow", func(c *judgedv1.CanaryConfig) {
			c.Schedule.Stop, c.Schedule.Sliding = judgedv1.Stop_AT_END, durationpb.New(10*time.Minute)
			c.Schedule.Duration = durationpb.New(14 * time.Minute)
		}, judgedv1.Verdict_FAIL, 14, false},
		"warm-up, grace and history": {"v2-slow", func(c *judgedv1.CanaryConfig) {
			c.Schedule.Stop, c.Schedule.Warmup, c.Schedule.Grace = judgedv1.Stop_AT_END, durationpb.New(5*time.Minute), durationpb.New(45*time.Second)
			c.Schedule.History = durationpb.New(time.Hour)
		}, judgedv1.Verdict_FAIL, 10, false},
		"a look every four minutes": {"v2-slow", func(c *judgedv1.CanaryConfig) {
			c.Schedule.Stop, c.Schedule.LookEvery = judgedv1.Stop_AT_END, durationpb.New(4*time.Minute)
		}, judgedv1.Verdict_FAIL, 3, false},
		"one look": {"v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.LookEvery = durationpb.New(10 * time.Minute) }, judgedv1.Verdict_FAIL, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shop{}
			i, _ := ticking(t, s, server.Options{Replica: "a"})
			begun := i.begin(t, inline(liveConfig(c.canary, c.change)))
			if begun.GetPlannedLooks() != c.planned {
				t.Errorf("%d looks are planned, want %d", begun.GetPlannedLooks(), c.planned)
			}
			states := i.wait(t, begun.GetId(), 0)
			a := states[len(states)-1]
			config := wire.Config(a.GetConfig())
			line, err := config.Schedule.Timeline(release)
			if err != nil {
				t.Fatal(err)
			}
			if !begun.GetNextLookTime().AsTime().Equal(line.Due(1)) || !begun.GetExpireTime().AsTime().Equal(line.Due(line.Looks()).Add(time.Hour)) {
				t.Errorf("the first look is due at %v, the analysis expires at %v", begun.GetNextLookTime().AsTime(), begun.GetExpireTime().AsTime())
			}
			taken := i.looks(t, a.GetId())
			if a.GetState() != judgedv1.AnalysisState_COMPLETED || a.GetJudgment().GetVerdict() != c.verdict || a.GetNextLookTime() != nil || a.GetEndTime() == nil {
				t.Errorf("it ended as %v with %v: %s", a.GetState(), a.GetJudgment().GetVerdict(), a.GetJudgment().GetSummary())
			}
			if early := a.GetLooks() < c.planned; early != c.early || len(taken) != int(a.GetLooks()) || a.GetVersion() != int64(a.GetLooks())+1 {
				t.Errorf("%d looks of %d, %d of them listed, at version %d", a.GetLooks(), c.planned, len(taken), a.GetVersion())
			}
			for n, look := range taken {
				k := n + 1
				want := offline(t, a, s.sources(), k)
				switch {
				case int(look.GetNumber()) != k || look.GetReplica() != "a":
					t.Errorf("look %d is called %d, of replica %q", k, look.GetNumber(), look.GetReplica())
				case !proto.Equal(look.GetWindow(), wire.WindowProto(line.Seen(k))):
					t.Errorf("look %d judged %v, want %v", k, wire.Window(look.GetWindow()), line.Seen(k))
				case !look.GetDueTime().AsTime().Equal(line.Due(k)):
					t.Errorf("look %d was due at %v, want %v", k, look.GetDueTime().AsTime(), line.Due(k))
				case look.GetVerdict() != want.GetVerdict() || look.GetSummary() != want.GetSummary() || look.GetScore() != want.GetScore():
					t.Errorf("look %d says %q, offline %q", k, look.GetSummary(), want.GetSummary())
				case len(look.GetGlimpses()) != 1 || look.GetGlimpses()[0].GetEstimate() != want.GetFindings()[0].GetEffect().GetEstimate():
					t.Errorf("look %d glimpses %v, offline %v", k, look.GetGlimpses(), want.GetFindings()[0].GetEffect())
				case line.Ends(k, wire.Verdict(look.GetVerdict())) != (k == len(taken)):
					t.Errorf("look %d of %d says %v", k, len(taken), look.GetVerdict())
				}
			}
			if want := offline(t, a, s.sources(), len(taken)); !proto.Equal(a.GetJudgment(), want) {
				t.Errorf("the judgment is\n%v\noffline it is\n%v", a.GetJudgment(), want)
			}
			if g := taken[len(taken)-1].GetGlimpses()[0]; c.verdict == judgedv1.Verdict_PASS && (g.GetLow() <= -100*tolerance || g.GetHigh() >= 100*tolerance) {
				t.Errorf("it passed with %v to %v, which is not inside of %v", g.GetLow(), g.GetHigh(), 100*tolerance)
			}
		})
	}
}

// A look asks for the new interval and the three before it, which may have been
// read too early, and for the history once.
func TestOnlyNewPointsAreAsked(t *testing.T) {
	t.Parallel()
	s := &shop{}
	i, _ := ticking(t, s, server.Options{})
	c := liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) {
		c.Schedule.Stop, c.Schedule.Duration, c.Schedule.History = judgedv1.Stop_AT_END, durationpb.New(12*time.Minute), durationpb.New(2*time.Hour)
		c.Schedule.Warmup = durationpb.New(5 * time.Minute) // without it the window would go on where the history ends
	})
	a := i.last(t, i.begin(t, inline(c)).GetId())
	if a.GetLooks() != 12 {
		t.Fatalf("%d looks", a.GetLooks())
	}
	for _, expr := range []string{"latency of v1", "latency of v2-slow"} {
		look, histories := 0, 0
		for _, q := range s.of(expr) {
			if w := q.Grid.Window(); w.End.Equal(release) {
				histories++
				continue
			}
			look++
			if want := min(look, 4); q.Grid.N != want || minutes(q) != 5+look {
				t.Errorf("look %d asked %q for %d intervals until %v, want %d", look, expr, q.Grid.N, q.Grid.Window().End, want)
			}
		}
		if look != 12 || histories != 1 {
			t.Errorf("%q was asked at %d looks, its history %d times", expr, look, histories)
		}
	}
	// What it saw is all there, and judges the same without the source.
	recording, err := i.analyses.GetRecording(t.Context(), connect.NewRequest(&judgedv1.GetRecordingRequest{Id: a.GetId()}))
	if err != nil {
		t.Fatal(err)
	}
	heard := transcript.New()
	for _, look := range recording.Msg.GetLooks() {
		if err := heard.Apply(look.GetPoints()); err != nil {
			t.Fatal(err)
		}
	}
	if want := offline(t, a, sourcesOf(map[string]metrics.Source{"shop": heard.Recorded("shop")}), 12); !proto.Equal(a.GetJudgment(), want) {
		t.Errorf("from the recording:\n%v\nit was\n%v", want, a.GetJudgment())
	}
}

// Points that come two minutes late are judged by the looks after that.
func TestLatePoints(t *testing.T) {
	t.Parallel()
	late := func(q metrics.Query) (metrics.Result, error) {
		known := q.Grid.Window().End.Add(-2 * time.Minute)
		return series(q, func(at time.Time) bool { return !at.After(known) }), nil
	}
	s := &shop{answer: late}
	i, _ := ticking(t, s, server.Options{})
	a := i.last(t, i.begin(t, inline(liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId())
	if got := a.GetJudgment().GetFindings()[0].GetCanary(); got.GetCount() != 8 || got.GetMissing() != 2 {
		t.Errorf("the last look judged %d points and missed %d, want 8 and 2", got.GetCount(), got.GetMissing())
	}
	// Somebody who asks for the whole window at that moment sees the same.
	if want := offline(t, a, s.sources(), 10); !proto.Equal(a.GetJudgment(), want) {
		t.Errorf("the judgment is\n%v\noffline it is\n%v", a.GetJudgment(), want)
	}
}

var errDown = &metrics.Error{Op: "query", Source: "shop", Reason: metrics.Unavailable, Err: errors.New("connection refused"), Hint: "is it running?"}

func minutes(q metrics.Query) int { return int(q.Grid.Window().End.Sub(release) / time.Minute) }

// A source that is down at three looks makes them ERROR, and nothing is missing
// when it is back.
func TestSourceDownForSomeLooks(t *testing.T) {
	t.Parallel()
	s := &shop{answer: func(q metrics.Query) (metrics.Result, error) {
		if n := minutes(q); n >= 3 && n <= 5 {
			return metrics.Result{}, errDown
		}
		return series(q, nil), nil
	}}
	i, _ := ticking(t, s, server.Options{})
	a := i.last(t, i.begin(t, inline(liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId())
	for n, look := range i.looks(t, a.GetId()) {
		if down := n >= 2 && n <= 4; (look.GetVerdict() == judgedv1.Verdict_ERROR) != down || down && !strings.Contains(look.GetSummary(), "connection refused") {
			t.Errorf("look %d: %v: %s", n+1, look.GetVerdict(), look.GetSummary())
		}
	}
	if got := a.GetJudgment().GetFindings()[0].GetCanary(); got.GetCount() != 10 || got.GetMissing() != 0 {
		t.Errorf("the last look judged %d points and missed %d", got.GetCount(), got.GetMissing())
	}
	whole := &shop{}
	if want := offline(t, a, whole.sources(), 10); !proto.Equal(a.GetJudgment(), want) {
		t.Errorf("the judgment is\n%v\nwith a source that was never down it is\n%v", a.GetJudgment(), want)
	}
}

// The last look is tried again while its source is down, and says why; after
// five minutes it is an ERROR.
func TestSourceDownAtTheLastLook(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"and back": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			down := true
			s := &shop{answer: func(q metrics.Query) (metrics.Result, error) {
				mu.Lock()
				defer mu.Unlock()
				if minutes(q) == 10 && down {
					return metrics.Result{}, errDown
				}
				return series(q, nil), nil
			}}
			i, c := ticking(t, s, server.Options{})
			id := i.begin(t, inline(liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
			c.set(release.Add(10*time.Minute + 10*time.Second))
			var a *judgedv1.Analysis
			eventually(t, "the last look is in trouble", func() bool {
				a = i.get(t, id)
				return a.GetTrouble() != ""
			})
			if a.GetState() != judgedv1.AnalysisState_RUNNING || a.GetLooks() != 9 || !strings.Contains(a.GetTrouble(), "connection refused (is it running?)") ||
				!a.GetNextLookTime().AsTime().Equal(c.now().Add(15*time.Second)) || a.GetJudgment().GetVerdict() == judgedv1.Verdict_ERROR {
				t.Errorf("in trouble: %v", a)
			}
			if n := len(i.looks(t, id)); n != 9 {
				t.Errorf("%d looks are listed, want 9", n)
			}
			if back {
				mu.Lock()
				down = false
				mu.Unlock()
			} else {
				c.set(release.Add(15*time.Minute + 10*time.Second))
			}
			a = i.last(t, id)
			want := judgedv1.Verdict_ERROR
			if back {
				want = judgedv1.Verdict_FAIL
			}
			if a.GetState() != judgedv1.AnalysisState_COMPLETED || a.GetJudgment().GetVerdict() != want || a.GetLooks() != 10 || a.GetTrouble() != "" {
				t.Errorf("it ended as %v with %v after %d looks, trouble %q", a.GetState(), a.GetJudgment().GetVerdict(), a.GetLooks(), a.GetTrouble())
			}
			if n := len(i.looks(t, id)); n != 10 {
				t.Errorf("%d looks are listed, want 10", n)
			}
		})
	}
}

// An analysis that nobody could look at in time ends, with the judgment it has.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 3} {
		t.Run(fmt.Sprint("after ", before, " looks"), func(t *testing.T) {
			t.Parallel()
			c := newClock(release)
			late := release.Add(10*time.Minute + time.Second + 10*time.Minute + 1)
			s := &shop{answer: func(q metrics.Query) (metrics.Result, error) {
				if minutes(q) == before {
					c.set(late)
				}
				return series(q, nil), nil
			}}
			// It is kept by a server that never works, and found by one that does.
			path := filepath.Join(t.TempDir(), "judged.db")
			first := opened(t, path)
			idle, err := server.New(server.Options{Store: first, Sources: s.sources(), Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			r := inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) {
				c.Schedule.Stop, c.Schedule.Grace = judgedv1.Stop_AT_END, durationpb.New(time.Second)
			}))
			r.ExpireAfter = durationpb.New(10 * time.Minute)
			id := unstarted(t, idle).begin(t, r).GetId()
			if err := errors.Join(idle.Close(), first.Close()); err != nil {
				t.Fatal(err)
			}
			if before == 0 {
				c.set(late)
			}
			second := opened(t, path)
			i := start(t, server.Options{Store: second, Sources: s.sources(), Now: c.now, Limits: server.Limits{Looks: 1}})
			t.Cleanup(func() { _ = i.stop(); _ = second.Close() })
			a := i.last(t, id)
			if a.GetState() != judgedv1.AnalysisState_EXPIRED || int(a.GetLooks()) != before || len(i.looks(t, id)) != before || a.GetNextLookTime() != nil || a.GetEndTime() == nil {
				t.Errorf("it ended as %v after %d looks", a.GetState(), a.GetLooks())
			}
			if before == 0 {
				if j := a.GetJudgment(); j.GetVerdict() != judgedv1.Verdict_ERROR || !strings.Contains(j.GetSummary(), "expired before its first look") {
					t.Errorf("without a look the judgment is %v", j)
				}
			} else if want := offline(t, a, (&shop{}).sources(), before); !proto.Equal(a.GetJudgment(), want) {
				t.Errorf("the judgment is\n%v\nthat of its last look\n%v", a.GetJudgment(), want)
			}
		})
	}
}

// unstarted returns an instance of a server that answers and does no work.
func unstarted(t *testing.T, s *server.Server) *instance {
	t.Helper()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return &instance{url: web.URL, http: web.Client(), analyses: judgedv1connect.NewAnalysisServiceClient(web.Client(), web.URL)}
}

// Cancelling works once, whatever the analysis is doing.
func TestCancel(t *testing.T) {
	t.Parallel()
	i, c := ticking(t, &shop{}, server.Options{})
	cancel := func(id, reason string) *judgedv1.Analysis {
		t.Helper()
		response, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id, Reason: reason}))
		if err != nil {
			t.Fatal(err)
		}
		return response.Msg.GetAnalysis()
	}
	ended := i.last(t, i.begin(t, inline(liveConfig("v2-slow", nil))).GetId())
	if a := cancel(ended.GetId(), "too late"); !proto.Equal(a, ended) {
		t.Errorf("an ended analysis became %v", a)
	}
	c.set(time.Now())
	r := inline(liveConfig("v2", nil))
	r.Start = timestamppb.New(time.Now().Add(time.Hour))
	pending := i.begin(t, r)
	a := cancel(pending.GetId(), "")
	if a.GetState() != judgedv1.AnalysisState_CANCELED || a.GetCancelReason() == "" || a.GetEndTime() == nil || a.GetJudgment() != nil || a.GetNextLookTime() != nil || a.GetVersion() != 2 {
		t.Errorf("a pending analysis became %v", a)
	}
	if again := cancel(pending.GetId(), "another reason"); !proto.Equal(again, a) {
		t.Errorf("cancelled twice: %v, %v", a, again)
	}
}

// Whoever wins, the analysis and its looks agree, and nothing comes after the
// end.
func TestCancelRacesWithLooks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i := start(t, server.Options{Store: kept, Now: newClock(release).now, Sources: (&shop{}).sources(), Limits: server.Limits{Looks: 1}})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		var ids []string
		for range 5 {
			ids = append(ids, i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId())
		}
		canceled := map[string]*judgedv1.Analysis{}
		for n, id := range ids {
			eventually(t, "it is looking", func() bool { return int(i.get(t, id).GetLooks()) >= n%4 })
			response, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id}))
			if err != nil {
				t.Fatal(err)
			}
			canceled[id] = response.Msg.GetAnalysis()
		}
		// Another one goes through all of its looks meanwhile.
		i.last(t, i.begin(t, inline(liveConfig("v2-slow", nil))).GetId())
		for _, id := range ids {
			a := i.get(t, id)
			if !proto.Equal(a, canceled[id]) {
				t.Errorf("after its end %v became %v", canceled[id], a)
			}
			taken := i.looks(t, id)
			if len(taken) != int(a.GetLooks()) {
				t.Errorf("%d looks of %d are listed", len(taken), a.GetLooks())
			}
			for n, look := range taken {
				if int(look.GetNumber()) != n+1 {
					t.Errorf("look %d is the %dth", look.GetNumber(), n+1)
				}
			}
		}
	})
}

// A key means the same analysis to the next process, and no look is taken twice.
func TestIdempotencyOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "judged.db")
	gate := make(chan struct{})
	s := &shop{}
	s.answer = func(q metrics.Query) (metrics.Result, error) {
		if minutes(q) == 5 {
			<-gate
		}
		return series(q, nil), nil
	}
	r := inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))
	r.IdempotencyKey = "deploy-7"
	first := opened(t, path)
	i := start(t, server.Options{Store: first, Sources: s.sources(), Now: newClock(release).now, Grace: 10 * time.Millisecond, Limits: server.Limits{Looks: 1}})
	id := i.begin(t, r).GetId()
	eventually(t, "it is taking look 5", func() bool { return len(s.of("latency of v2")) == 5 })
	stopped := make(chan error, 1)
	go func() { stopped <- i.stop() }()
	time.Sleep(50 * time.Millisecond) // longer than the grace: the look is cut off
	close(gate)
	if err := errors.Join(<-stopped, first.Close()); err != nil {
		t.Fatal(err)
	}
	second := opened(t, path)
	i = start(t, server.Options{Store: second, Sources: s.sources(), Now: newClock(release).now, Limits: server.Limits{Looks: 1}})
	t.Cleanup(func() { _ = i.stop(); _ = second.Close() })
	if again := i.begin(t, r); again.GetId() != id {
		t.Errorf("after a restart the key gives %s, before it gave %s", again.GetId(), id)
	}
	other := proto.CloneOf(r)
	other.ExpireAfter = durationpb.New(time.Minute)
	_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(other))
	wantCode(t, err, connect.CodeAlreadyExists, `"deploy-7"`, id, "a different request")
	a := i.last(t, id)
	taken := i.looks(t, id)
	if a.GetLooks() != 10 || len(taken) != 10 {
		t.Fatalf("%d looks, %d of them listed", a.GetLooks(), len(taken))
	}
	for n, look := range taken {
		if int(look.GetNumber()) != n+1 {
			t.Errorf("look %d is the %dth", look.GetNumber(), n+1)
		}
	}
	if n := len(s.of("latency of v2")); n > 11 {
		t.Errorf("the source was asked %d times for 10 looks and one that was cut off", n)
	}
}

// What ended long ago is forgotten, with its key; what ended lately is not.
func TestRetention(t *testing.T) {
	t.Parallel()
	kept := opened(t, filepath.Join(t.TempDir(), "judged.db"))
	down := &shop{answer: func(metrics.Query) (metrics.Result, error) { return metrics.Result{}, errDown }}
	sources := sourcesOf(map[string]metrics.Source{"shop": &shop{}, "down": down})
	serve := func(at time.Time) *instance {
		return start(t, server.Options{Store: kept, Sources: sources, Now: newClock(at).now, Limits: server.Limits{Looks: 1}})
	}
	i := serve(release)
	r := inline(liveConfig("v2-slow", nil))
	r.IdempotencyKey = "once"
	old := i.begin(t, r).GetId()
	i.last(t, old)
	// This one is tried again and again, until it expires.
	late := i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Metrics[0].Source = "down" }))).GetId()
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{29, 31} {
		at := release.Add(time.Duration(days) * 24 * time.Hour)
		i = serve(at)
		eventually(t, "the keeper has run", func() bool {
			tasks, err := kept.Tasks(t.Context(), "", "keep", "", false, 2)
			return err == nil && len(tasks) == 1 && tasks[0].Due.Equal(at.Add(time.Minute))
		})
		if a := i.last(t, late); a.GetState() != judgedv1.AnalysisState_EXPIRED {
			t.Errorf("day %d: the one that ended on day 29: %v", days, a)
		}
		_, get := i.analyses.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: old}))
		_, looks := i.analyses.ListLooks(t.Context(), connect.NewRequest(&judgedv1.ListLooksRequest{Id: old}))
		_, recording := i.analyses.GetRecording(t.Context(), connect.NewRequest(&judgedv1.GetRecordingRequest{Id: old}))
		for _, err := range []error{get, looks, recording} {
			if days == 31 {
				wantCode(t, err, connect.CodeNotFound, "has been forgotten")
			} else if err != nil {
				t.Errorf("day %d: %v", days, err)
			}
		}
		if again := i.begin(t, r); (again.GetId() == old) != (days == 29) {
			t.Errorf("day %d: the key gives %s, and gave %s", days, again.GetId(), old)
		}
		if err := i.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
}

// A recording that was damaged in the database gives no judgment at all: the
// analysis keeps those it has until it expires, and the others go on.
func TestDamagedRecording(t *testing.T) {
	t.Parallel()
	postgres := storetest.ForTest(t)
	url, err := postgres.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
	if err != nil {
		t.Fatal(err)
	}
	gate, reached := make(chan struct{}), make(chan struct{}, 16)
	s := &shop{answer: func(q metrics.Query) (metrics.Result, error) {
		if minutes(q) == 4 && strings.HasSuffix(q.Expr, "v2") {
			reached <- struct{}{}
			<-gate
			return metrics.Result{}, errDown
		}
		return series(q, nil), nil
	}}
	c := newClock(release)
	// The clock stands, so the damaged one is due again at once: leave room beside.
	i := start(t, server.Options{Store: kept, Sources: s.sources(), Now: c.now, Limits: server.Limits{Looks: 8}})
	t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
	id := i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
	<-reached
	if err := postgres.Exec(t.Context(), url, `UPDATE looks SET points = '\x01ff00ff' WHERE number = 2`); err != nil {
		t.Fatal(err)
	}
	close(gate)
	eventually(t, "the damage is in the log", func() bool { return strings.Contains(i.log.String(), "its recording: a chunk is damaged") })
	before := i.get(t, id)
	if before.GetLooks() > 4 || before.GetState() != judgedv1.AnalysisState_RUNNING {
		t.Errorf("looks were taken of a damaged recording: %v", before)
	}
	if a := i.last(t, i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()); a.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL {
		t.Errorf("another analysis ended with %v", a.GetJudgment().GetVerdict())
	}
	c.set(release.Add(2 * time.Hour))
	if err := kept.Revive(t.Context(), "", "look", store.LookTask(id)); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	a := i.last(t, id)
	if a.GetState() != judgedv1.AnalysisState_EXPIRED || a.GetLooks() != before.GetLooks() || !proto.Equal(a.GetJudgment(), before.GetJudgment()) {
		t.Errorf("it ended as %v after %d looks with %v, before that it had %v", a.GetState(), a.GetLooks(), a.GetJudgment(), before.GetJudgment())
	}
}

// What may be part of an answer is judged, marked and not remembered: the next
// look asks again for all of it.
func TestPartialAnswers(t *testing.T) {
	t.Parallel()
	s := &shop{}
	s.answer = func(q metrics.Query) (metrics.Result, error) {
		if n := minutes(q); n >= 4 && n <= 6 && strings.HasSuffix(q.Expr, "slow") {
			r := series(q, func(at time.Time) bool { return at.Sub(release) <= 3*time.Minute })
			r.Partial, r.Warnings = true, []string{"one of two stores did not answer"}
			return r, nil
		}
		return series(q, nil), nil
	}
	i, _ := ticking(t, s, server.Options{})
	a := i.last(t, i.begin(t, inline(liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId())
	if want := offline(t, a, (&shop{}).sources(), 10); !proto.Equal(a.GetJudgment(), want) {
		t.Errorf("the judgment is\n%v\nof whole answers it is\n%v", a.GetJudgment(), want)
	}
	for n, q := range s.of("latency of v2-slow")[:10] {
		// From look 4 on everything after minute 3 is news until look 7 learns it.
		if want := map[int]int{4: 4, 5: 5, 6: 6, 7: 7, 8: 4}[n+1]; want > 0 && q.Grid.N != want {
			t.Errorf("look %d asked for %d intervals, want %d", n+1, q.Grid.N, want)
		}
	}
	// At the last look it stands in the judgment.
	s.answer = func(q metrics.Query) (metrics.Result, error) {
		r := series(q, nil)
		r.Partial, r.Warnings = true, []string{"one of two stores did not answer"}
		return r, nil
	}
	a = i.last(t, i.begin(t, inline(liveConfig("v3-slow", nil))).GetId())
	if f := a.GetJudgment().GetFindings()[0]; !strings.Contains(strings.Join(f.GetWarnings(), "; "), "one of two stores did not answer") {
		t.Errorf("the finding of a partial answer has the warnings %q", f.GetWarnings())
	}
}

// What a source says is shown as text, whatever its bytes are; it keeps no look
// from being written.
func TestAnswersThatAreNotText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		const bytes = "a\x00b\xffc"
		s := &shop{answer: func(q metrics.Query) (metrics.Result, error) {
			switch minutes(q) {
			case 1:
				return metrics.Result{}, &metrics.Error{Op: "query", Source: "shop", Reason: metrics.BadAnswer, Err: errors.New(bytes), Hint: bytes}
			case 2:
				r := series(q, nil)
				r.Warnings = []string{bytes}
				return r, nil
			case 3:
				r := series(q, nil)
				r.Series[0].Labels = metrics.Labels{bytes: bytes}
				return r, nil
			default:
				return series(q, nil), nil
			}
		}}
		i := start(t, server.Options{Store: kept, Sources: s.sources(), Now: newClock(release).now, Limits: server.Limits{Looks: 1}})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		a := i.last(t, i.begin(t, inline(liveConfig("v2-slow", func(c *judgedv1.CanaryConfig) { c.Schedule.Duration = durationpb.New(4 * time.Minute) }))).GetId())
		if a.GetLooks() != 4 || a.GetState() != judgedv1.AnalysisState_COMPLETED {
			t.Errorf("%v after %d looks", a.GetState(), a.GetLooks())
		}
		if first := i.looks(t, a.GetId())[0]; first.GetVerdict() != judgedv1.Verdict_ERROR || !strings.Contains(first.GetSummary(), "c") {
			t.Errorf("the first look says %q", first.GetSummary())
		}
	})
}
