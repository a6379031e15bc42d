package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/compat/internal/gate"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// service keeps analyses as the contract says, in memory.
type service struct {
	mu       sync.Mutex
	analyses []*judgedv1.Analysis // oldest first
	keys     map[string]*judgedv1.Analysis
	asked    []*judgedv1.GetAnalysisRequest
	// next is what Get answers one after the other; the last stays.
	next []*judgedv1.Analysis
	err  error
}

func (s *service) StartAnalysis(_ context.Context, r *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	key := r.Msg.GetIdempotencyKey()
	a := s.keys[key]
	if a == nil {
		a = &judgedv1.Analysis{Id: fmt.Sprint("a", len(s.analyses)+1), State: judgedv1.AnalysisState_PENDING, Labels: r.Msg.GetLabels(), Version: 1}
		s.analyses = append(s.analyses, a)
		if s.keys == nil {
			s.keys = map[string]*judgedv1.Analysis{}
		}
		s.keys[key] = a
	}
	return connect.NewResponse(&judgedv1.StartAnalysisResponse{Analysis: proto.CloneOf(a)}), nil
}

func (s *service) GetAnalysis(_ context.Context, r *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Msg)
	if s.err != nil {
		return nil, s.err
	}
	a := s.next[0]
	if len(s.next) > 1 {
		s.next = s.next[1:]
	}
	return connect.NewResponse(&judgedv1.GetAnalysisResponse{Analysis: a}), nil
}

func (s *service) ListAnalyses(_ context.Context, r *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	out := &judgedv1.ListAnalysesResponse{}
	for i := len(s.analyses) - 1; i >= 0 && len(out.GetAnalyses()) < int(r.Msg.GetPageSize()); i-- {
		if s.analyses[i].GetLabels()[gate.KeyLabel] == r.Msg.GetLabels()[gate.KeyLabel] {
			out.Analyses = append(out.Analyses, proto.CloneOf(s.analyses[i]))
		}
	}
	return connect.NewResponse(out), nil
}

func (s *service) CancelAnalysis(_ context.Context, r *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.analyses {
		if a.GetId() == r.Msg.GetId() {
			a.State, a.CancelReason = judgedv1.AnalysisState_CANCELED, r.Msg.GetReason()
			return connect.NewResponse(&judgedv1.CancelAnalysisResponse{Analysis: proto.CloneOf(a)}), nil
		}
	}
	return nil, connect.NewError(connect.CodeNotFound, errors.New("no such analysis"))
}

func never(*judgedv1.Analysis) bool { return false }

func TestOneAnalysisAKey(t *testing.T) {
	s := &service{}
	g := gate.Gate{Service: s}
	request := &judgedv1.StartAnalysisRequest{Labels: map[string]string{"release": "v2"}}
	first, err := g.Start(t.Context(), "k", request, never)
	if err != nil {
		t.Fatal(err)
	}
	if first.GetLabels()[gate.KeyLabel] != "k" || first.GetLabels()["release"] != "v2" {
		t.Errorf("the labels are %v", first.GetLabels())
	}
	if len(request.GetLabels()) != 1 || request.GetIdempotencyKey() != "" {
		t.Errorf("the caller's request was changed: %v", request)
	}
	same, err := g.Start(t.Context(), "k", request, never)
	if err != nil || same.GetId() != first.GetId() {
		t.Errorf("the second call got %s, %v, want %s", same.GetId(), err, first.GetId())
	}
	other, err := g.Start(t.Context(), "l", request, never)
	if err != nil || other.GetId() == first.GetId() {
		t.Errorf("another key got %s, %v", other.GetId(), err)
	}
	renewed, err := g.Start(t.Context(), "k", request, func(latest *judgedv1.Analysis) bool { return latest.GetId() == first.GetId() })
	if err != nil || renewed.GetId() == first.GetId() {
		t.Errorf("renewed is %s, %v", renewed.GetId(), err)
	}
	if latest, err := g.Latest(t.Context(), "k"); err != nil || latest.GetId() != renewed.GetId() {
		t.Errorf("the latest is %s, %v, want %s", latest.GetId(), err, renewed.GetId())
	}
	if none, err := g.Latest(t.Context(), "nobody's"); none != nil || err != nil {
		t.Errorf("a key that was never used has %v, %v", none, err)
	}
}

// Callers that saw the same past start the same analysis, whoever comes first.
func TestRacingCallersGetTheSame(t *testing.T) {
	s := &service{}
	g := gate.Gate{Service: s}
	if _, err := g.Start(t.Context(), "k", &judgedv1.StartAnalysisRequest{}, never); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 8)
	var callers, waiting sync.WaitGroup
	waiting.Add(len(ids))
	for i := range ids {
		callers.Go(func() {
			a, err := g.Start(t.Context(), "k", &judgedv1.StartAnalysisRequest{}, func(*judgedv1.Analysis) bool {
				waiting.Done()
				waiting.Wait() // until all have the same latest
				return true
			})
			if err != nil {
				t.Error(err)
			}
			ids[i] = a.GetId()
		})
	}
	callers.Wait()
	for _, id := range ids {
		if id != "a2" {
			t.Errorf("the racing callers got %v, want the second analysis", ids)
			break
		}
	}
}

func TestCancel(t *testing.T) {
	s := &service{}
	g := gate.Gate{Service: s}
	if a, err := g.Cancel(t.Context(), "k", "why"); a != nil || err != nil {
		t.Errorf("cancelling nothing gave %v, %v", a, err)
	}
	if _, err := g.Start(t.Context(), "k", &judgedv1.StartAnalysisRequest{}, never); err != nil {
		t.Fatal(err)
	}
	a, err := g.Cancel(t.Context(), "k", "rolled back")
	if err != nil || a.GetState() != judgedv1.AnalysisState_CANCELED || a.GetCancelReason() != "rolled back" {
		t.Errorf("cancelled: %v, %v", a, err)
	}
	if a, err = g.Cancel(t.Context(), "k", "again"); err != nil || a.GetCancelReason() != "rolled back" {
		t.Errorf("cancelled again: %v, %v", a, err)
	}
}

func TestErrorsPass(t *testing.T) {
	want := connect.NewError(connect.CodeUnavailable, errors.New("no database"))
	g := gate.Gate{Service: &service{err: want}}
	if _, err := g.Start(t.Context(), "k", &judgedv1.StartAnalysisRequest{}, never); !errors.Is(err, want) {
		t.Errorf("Start: %v", err)
	}
	if _, err := g.Cancel(t.Context(), "k", ""); !errors.Is(err, want) {
		t.Errorf("Cancel: %v", err)
	}
	if _, err := g.Wait(t.Context(), &judgedv1.Analysis{}, time.Second, time.Now); !errors.Is(err, want) {
		t.Errorf("Wait: %v", err)
	}
}

func TestWait(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	running := &judgedv1.Analysis{Id: "a", State: judgedv1.AnalysisState_RUNNING, Version: 1}
	newer := &judgedv1.Analysis{Id: "a", State: judgedv1.AnalysisState_RUNNING, Version: 2}
	done := &judgedv1.Analysis{Id: "a", State: judgedv1.AnalysisState_COMPLETED, Version: 3}
	for _, c := range []struct {
		name  string
		from  *judgedv1.Analysis
		next  []*judgedv1.Analysis
		most  time.Duration
		want  *judgedv1.Analysis
		calls int
	}{
		{"ended before", done, nil, time.Hour, done, 0},
		{"no time", running, nil, 0, running, 0},
		{"to its end", running, []*judgedv1.Analysis{newer, done}, time.Hour, done, 2},
		{"no news", running, []*judgedv1.Analysis{running}, time.Hour, running, 1},
		{"news, then none", running, []*judgedv1.Analysis{newer, newer}, time.Hour, newer, 2},
	} {
		s := &service{next: c.next}
		a, err := gate.Gate{Service: s}.Wait(t.Context(), c.from, c.most, now)
		if err != nil || a != c.want || len(s.asked) != c.calls {
			t.Errorf("%s: got %v, %v after %d calls, want %v after %d", c.name, a, err, len(s.asked), c.want, c.calls)
		}
		for i, r := range s.asked {
			if wait := r.GetWait().AsDuration(); wait != min(c.most, time.Minute) || i == 0 && r.GetAfterVersion() != c.from.GetVersion() {
				t.Errorf("%s: asked for %v", c.name, r)
			}
		}
	}
}

func TestKey(t *testing.T) {
	if got := gate.Key("argo", "checkout", "7d9f"); got != "argo/checkout/7d9f" {
		t.Errorf("got %q", got)
	}
	long := strings.Repeat("é", 200)
	a, b := gate.Key("argo", long, "1"), gate.Key("argo", long, "2")
	// The contract's label: values of at most 253 bytes.
	if len(a) > 253 || len(b) > 253 || a == b || strings.ToValidUTF8(a, "") != a {
		t.Errorf("long keys are %q and %q", a, b)
	}
}

func TestRead(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC))
	judged := func(v judgedv1.Verdict) *judgedv1.Judgment {
		return &judgedv1.Judgment{Verdict: v, Score: proto.Float64(40), Summary: v.String() + ": so it is"}
	}
	for _, c := range []struct {
		name    string
		a       *judgedv1.Analysis
		verdict judgedv1.Verdict
		final   bool
		score   float64
		says    string
	}{
		{"pending", &judgedv1.Analysis{State: judgedv1.AnalysisState_PENDING, NextLookTime: at}, judgedv1.Verdict_INCONCLUSIVE, false, 0, "the first look is due at 2026-03-01T12:30:00Z"},
		{"in trouble", &judgedv1.Analysis{State: judgedv1.AnalysisState_RUNNING, Trouble: "prod: 503"}, judgedv1.Verdict_INCONCLUSIVE, false, 0, "trouble: prod: 503"},
		{"good so far", &judgedv1.Analysis{State: judgedv1.AnalysisState_RUNNING, Judgment: judged(judgedv1.Verdict_PASS), Looks: 2, PlannedLooks: 9, NextLookTime: at}, judgedv1.Verdict_INCONCLUSIVE, false, 40, "look 2 of 9"},
		{"bad already", &judgedv1.Analysis{State: judgedv1.AnalysisState_RUNNING, Judgment: judged(judgedv1.Verdict_FAIL)}, judgedv1.Verdict_FAIL, false, 40, "FAIL: so it is"},
		{"error so far", &judgedv1.Analysis{State: judgedv1.AnalysisState_RUNNING, Judgment: judged(judgedv1.Verdict_ERROR)}, judgedv1.Verdict_INCONCLUSIVE, false, 40, "ERROR: so it is"},
		{"passed", &judgedv1.Analysis{State: judgedv1.AnalysisState_COMPLETED, Judgment: judged(judgedv1.Verdict_PASS)}, judgedv1.Verdict_PASS, true, 40, "PASS: so it is"},
		{"error", &judgedv1.Analysis{State: judgedv1.AnalysisState_COMPLETED, Judgment: judged(judgedv1.Verdict_ERROR)}, judgedv1.Verdict_ERROR, true, 40, "ERROR: so it is"},
		{"cancelled", &judgedv1.Analysis{State: judgedv1.AnalysisState_CANCELED, Judgment: judged(judgedv1.Verdict_PASS), CancelReason: "rolled back"}, judgedv1.Verdict_INCONCLUSIVE, true, 40, "rolled back"},
		{"expired on a pass", &judgedv1.Analysis{State: judgedv1.AnalysisState_EXPIRED, Judgment: judged(judgedv1.Verdict_PASS), Looks: 2, PlannedLooks: 9}, judgedv1.Verdict_INCONCLUSIVE, true, 40, "expired after look 2 of 9"},
		{"expired on a fail", &judgedv1.Analysis{State: judgedv1.AnalysisState_EXPIRED, Judgment: judged(judgedv1.Verdict_FAIL)}, judgedv1.Verdict_FAIL, true, 40, "FAIL: so it is"},
		{"expired on nothing", &judgedv1.Analysis{State: judgedv1.AnalysisState_EXPIRED}, judgedv1.Verdict_ERROR, true, 0, "without a judgment"},
	} {
		got := gate.Read(c.a)
		if got.Verdict != c.verdict || got.Final != c.final || got.Score != c.score || !strings.Contains(got.Summary, c.says) {
			t.Errorf("%s: got %+v, want %v, final %v, score %v, %q", c.name, got, c.verdict, c.final, c.score, c.says)
		}
	}
}
