package server

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/logs/compare"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// settledAnalyses keeps n ended analyses in which a template had changed, a minute
// apart, and others in which it had not.
func settledAnalyses(t testing.TB, s *store.Store, n int, template string, now time.Time) {
	t.Helper()
	ctx := context.Background()
	for i := range n {
		at := timestamppb.New(now.Add(-time.Duration(n-i) * time.Minute))
		change := &judgedv1.Change{Kind: judgedv1.ChangeKind_NEW, Id: template, Name: "refused", Level: "error", Severity: judgedv1.Severity_SEVERITY_ERROR}
		if i%10 == 9 {
			change.Id = "ffffffffffffffff"
		}
		p, overlooked, tolerance := 0.0001, 0.01, 0.25
		change.AdjustedPValue = &p
		a := &judgedv1.Analysis{
			Id: fmt.Sprintf("%08d", i), State: judgedv1.AnalysisState_RUNNING, Version: 1, CreateTime: at, UpdateTime: at,
			Config: &judgedv1.CanaryConfig{Name: "c", Application: "shop", Logs: []*judgedv1.Log{{Source: "lines", Query: "a"}}},
			Judgment: &judgedv1.Judgment{Verdict: judgedv1.Verdict_FAIL, Alpha: .05, Findings: []*judgedv1.Finding{{
				Signal: &judgedv1.Signal{Name: "logs", Tolerance: &judgedv1.Margin{Relative: &tolerance}}, Judge: compare.Name, Verdict: judgedv1.Verdict_FAIL, Classification: judgedv1.Classification_HIGH,
				Effect: &judgedv1.Effect{Level: .95}, Changes: []*judgedv1.Change{change}, Overlooked: &overlooked,
			}}},
		}
		row, err := write("", a, a.GetJudgment())
		if err != nil {
			t.Fatal(err)
		}
		row.Request = []byte("x")
		if row.Config, err = pack(a.GetConfig()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Start(ctx, row, n+1); err != nil {
			t.Fatal(err)
		}
		after := row
		after.State, after.Ended = int(judgedv1.AnalysisState_COMPLETED), at.AsTime()
		if err := s.Apply(ctx, store.Change{Before: row, After: after}); err != nil {
			t.Fatal(err)
		}
	}
}

// A call looks through so many analyses at most, and says where the next one goes on.
func TestRescoreIsBounded(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), store.Options{URL: "memory:", Replica: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const template, n = "0123456789abcdef", maxRescored + 20
	settledAnalyses(t, s, n, template, now)
	clock := func() time.Time { return now }
	r := &rescorer{store: s, pins: &pins{store: s, now: clock}, now: clock}
	pin := &judgedv1.Pin{Template: template, As: judgedv1.Severity_SEVERITY_IGNORED}
	if err := r.pins.set(t.Context(), "", "shop", pin); err != nil {
		t.Fatal(err)
	}
	said := &judgedv1.Feedback{By: "ann", Pin: pin}
	first, next, err := r.since(t.Context(), "", "shop", time.Time{}, "", said)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != maxRescored*9/10 || next != fmt.Sprintf("%08d", n-maxRescored) || first[0].row.ID != fmt.Sprintf("%08d", n-2) {
		t.Errorf("the first call judged %d again, from %s on, and goes on after %q", len(first), first[0].row.ID, next)
	}
	second, last, err := r.since(t.Context(), "", "shop", time.Time{}, next, said)
	if err != nil || len(second) != 18 || last != "" {
		t.Errorf("the second call judged %d again and goes on after %q: %v", len(second), last, err)
	}
	for _, one := range append(first, second...) {
		if one.before.GetVerdict() != judgedv1.Verdict_FAIL || one.after.GetVerdict() != judgedv1.Verdict_PASS {
			t.Fatalf("%s was %v and is %v", one.row.ID, one.before.GetVerdict(), one.after.GetVerdict())
		}
	}
	if recent, _, err := r.since(t.Context(), "", "shop", now.Add(-10*time.Minute), "", said); err != nil || len(recent) != 9 {
		t.Errorf("of ten minutes %d were judged again: %v", len(recent), err)
	}
	if none, _, err := r.since(t.Context(), "other", "shop", time.Time{}, "", said); err != nil || len(none) != 0 {
		t.Errorf("another tenant's: %v, %v", none, err)
	}
	row, err := s.Analysis(t.Context(), "", first[0].row.ID)
	if err != nil || row.Version != 3 {
		t.Errorf("said twice, the analysis is at version %d, want 3: started, ended and judged again: %v", row.Version, err)
	}
}

func BenchmarkRescore(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{URL: "memory:", Replica: "test"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const template, n = "0123456789abcdef", 100
	settledAnalyses(b, s, n, template, now)
	clock := func() time.Time { return now }
	r := &rescorer{store: s, pins: &pins{store: s, now: clock}, now: clock}
	as := []judgedv1.Severity{judgedv1.Severity_SEVERITY_IGNORED, judgedv1.Severity_SEVERITY_WARN}
	b.ReportAllocs()
	for round := 0; b.Loop(); round++ { // each changes all of them
		pin := &judgedv1.Pin{Template: template, As: as[round%2]}
		if err := r.pins.set(b.Context(), "", "shop", pin); err != nil {
			b.Fatal(err)
		}
		if done, _, err := r.since(b.Context(), "", "shop", time.Time{}, "", &judgedv1.Feedback{Pin: pin}); err != nil || len(done) != n*9/10 {
			b.Fatal(len(done), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/analysis")
}
