package wire

import (
	"slices"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Inputs returns the signals of a JudgeRequest, margins filled in.
func Inputs(r *judgedv1.JudgeRequest) []analysis.Input {
	inputs := make([]analysis.Input, 0, len(r.GetSignals()))
	for _, s := range r.GetSignals() {
		in := input(s)
		in.Sample.Step = r.GetInterval().AsDuration()
		in.Sample.Assignment = assignmentOf(r.GetAssignment())
		inputs = append(inputs, in)
	}
	return inputs
}

func input(s *judgedv1.SignalSamples) analysis.Input {
	kind := openKind(s)
	signal := judge.Signal{
		Name: s.GetName(), Kind: kind, Unit: s.GetUnit(), Direction: directionOf(s.GetDirection(), kind, s.GetJudge()),
		Critical: s.GetCritical(), Weight: s.GetWeight(),
		Margin: marginOf(s.GetMargin()), Tolerance: marginOf(s.GetTolerance()),
	}
	in := analysis.Input{
		Judge: s.GetJudge(), Own: s.GetJudge() == ownJudge,
		SLO: s.GetSlo().GetValue(), Share: s.GetShare().GetValue(),
		Sample: judge.Sample{
			Signal: analysis.DefaultMargins(signal, analysis.Given{
				Margin: s.GetMargin() != nil, Tolerance: s.GetTolerance() != nil, Judge: s.GetJudge(),
			}),
			Pair: judge.Pair{Baseline: sideOf(s.GetBaseline()), Canary: sideOf(s.GetCanary())},
			Pods: podsOf(s),
		},
	}
	if (s.GetBaselineHistory() != nil || in.Own) && s.GetCanaryHistory() != nil {
		in.Sample.History = &judge.Pair{Baseline: sideOf(s.GetBaselineHistory()), Canary: sideOf(s.GetCanaryHistory())}
	}
	return in
}

// openKind fills in a kind that was left open from what was sent.
func openKind(s *judgedv1.SignalSamples) judge.Kind {
	if s.GetKind() == judgedv1.Kind_KIND_UNSPECIFIED && (len(s.GetCanary().GetHistograms()) > 0 || len(s.GetBaseline().GetHistograms()) > 0) {
		return judge.Distribution
	}
	totals := func(pods []*judgedv1.PodSamples) bool {
		return slices.ContainsFunc(pods, func(p *judgedv1.PodSamples) bool { return len(p.GetSamples().GetTotals()) > 0 })
	}
	return kindOf(s.GetKind(), len(s.GetCanary().GetTotals()) > 0 || len(s.GetBaseline().GetTotals()) > 0 ||
		totals(s.GetCanaryPods()) || totals(s.GetBaselinePods()))
}

// podsOf returns the pods of both sides, nil if there are none.
func podsOf(s *judgedv1.SignalSamples) *judge.Pods {
	if len(s.GetBaselinePods()) == 0 && len(s.GetCanaryPods()) == 0 {
		return nil
	}
	p := &judge.Pods{}
	p.Baseline, p.BaselineHistory, p.BaselineNames = podSides(s.GetBaselinePods())
	p.Canary, p.CanaryHistory, p.CanaryNames = podSides(s.GetCanaryPods())
	return p
}

// podSides returns one side's pods. A pod that is new has no history, that is
// an empty one; where no pod has any, history is nil.
func podSides(pods []*judgedv1.PodSamples) (now, history []judge.Side, names []string) {
	old := false
	for _, p := range pods {
		now = append(now, sideOf(p.GetSamples()))
		history = append(history, sideOf(p.GetHistory()))
		names = append(names, p.GetName())
		old = old || p.GetHistory() != nil
	}
	if !old {
		history = nil
	}
	return now, history, names
}

func sideOf(s *judgedv1.Samples) judge.Side {
	side := judge.Side{Values: s.GetValues()}
	if len(s.GetTotals()) > 0 {
		side.Totals = s.GetTotals()
	}
	if h := s.GetHistograms(); len(h) > 0 {
		side.Histograms = make([]judge.Histogram, len(h))
		for i, one := range h {
			side.Histograms[i] = judge.Histogram{Bounds: one.GetBounds(), Counts: one.GetCounts()}
		}
	}
	return side
}
