package judgetest

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// checkFinding tests that a finding does not contradict itself or its sample.
func checkFinding(t testing.TB, j judge.Judge, s judge.Sample, f judge.Finding) {
	t.Helper()
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format+"\nfinding: %+v", append(args, f)...)
	}
	e := f.Effect
	switch {
	case f.Reason == "":
		bad("a finding without a reason")
	case f.Signal != s.Signal:
		bad("the finding's signal is not the sample's")
	case f.Judge != j.Name():
		bad("the finding's judge is %q, want %q", f.Judge, j.Name())
	case f.Needed < 0 || f.Needed > 0 && f.Verdict != judge.Inconclusive:
		bad("Needed is %d with verdict %v", f.Needed, f.Verdict)
	case e.Low > e.Estimate || e.Estimate > e.High:
		bad("the estimate lies outside the interval")
	}
	decided := f.Verdict == judge.Pass || f.Verdict == judge.Fail
	if decided && (math.IsNaN(e.Low) || math.IsNaN(e.High) || math.IsNaN(e.Estimate)) {
		bad("verdict %v without an interval", f.Verdict)
	}
	if decided && (observed(s.Baseline) == 0 || observed(s.Canary) == 0) {
		bad("verdict %v with no data on one side", f.Verdict)
	}

	allowed := map[judge.Verdict][]judge.Classification{
		judge.Pass:         {judge.Similar, judge.High, judge.Low},
		judge.Fail:         {judge.High, judge.Low},
		judge.Inconclusive: {judge.Unclear, judge.NoData},
		judge.Error:        {judge.Failed},
	}[f.Verdict]
	known := false
	for _, c := range allowed {
		known = known || c == f.Classification
	}
	direction := s.Signal.Direction
	switch {
	case !known:
		bad("classification %v does not go with verdict %v", f.Classification, f.Verdict)
	case f.Verdict == judge.Fail && (f.Classification == judge.High && direction == judge.Decrease || f.Classification == judge.Low && direction == judge.Increase):
		bad("a change to the better fails")
	case f.Verdict == judge.Pass && (f.Classification == judge.High && direction != judge.Decrease || f.Classification == judge.Low && direction != judge.Increase):
		bad("a change to the worse passes")
	}

	limit := s.Alpha
	if limit == 0 {
		limit = judge.DefaultAlpha
	}
	level := limit
	if s.Look != nil && limit > 0 && limit < 1 {
		// A look may spend a part of the error. A judge that needs no plan of
		// the looks, as one that bets does, may spend the whole at any.
		level = s.Look(limit)
	}
	if !math.IsNaN(f.PValue) && (f.Verdict == judge.Fail && f.PValue > limit || f.Verdict != judge.Fail && f.PValue <= level) {
		bad("P-value %g at alpha %g, %g of it at this look, with verdict %v", f.PValue, limit, level, f.Verdict)
	}
	if f.Verdict == judge.Fail && math.IsNaN(f.PValue) {
		bad("FAIL without a P-value")
	}
}

// observed counts the intervals of a side that hold a number.
func observed(s judge.Side) int {
	n := 0
	for _, v := range s.Values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			n++
		}
	}
	return n
}
