package wire

import (
	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Inputs returns the signals of a JudgeRequest, margins filled in.
func Inputs(r *judgedv1.JudgeRequest) []analysis.Input {
	inputs := make([]analysis.Input, 0, len(r.GetSignals()))
	for _, s := range r.GetSignals() {
		kind := kindOf(s.GetKind(), len(s.GetCanary().GetTotals()) > 0 || len(s.GetBaseline().GetTotals()) > 0)
		signal := judge.Signal{
			Name: s.GetName(), Kind: kind, Unit: s.GetUnit(), Direction: directionOf(s.GetDirection(), kind),
			Critical: s.GetCritical(), Weight: s.GetWeight(),
			Margin: marginOf(s.GetMargin()), Tolerance: marginOf(s.GetTolerance()),
		}
		in := analysis.Input{
			Judge: s.GetJudge(),
			Sample: judge.Sample{
				Signal: analysis.DefaultMargins(signal, analysis.Given{
					Margin: s.GetMargin() != nil, Tolerance: s.GetTolerance() != nil,
				}),
				Pair: judge.Pair{Baseline: sideOf(s.GetBaseline()), Canary: sideOf(s.GetCanary())},
				Step: r.GetInterval().AsDuration(),
			},
		}
		if s.GetBaselineHistory() != nil && s.GetCanaryHistory() != nil {
			in.Sample.History = &judge.Pair{Baseline: sideOf(s.GetBaselineHistory()), Canary: sideOf(s.GetCanaryHistory())}
		}
		inputs = append(inputs, in)
	}
	return inputs
}

func sideOf(s *judgedv1.Samples) judge.Side {
	side := judge.Side{Values: s.GetValues()}
	if len(s.GetTotals()) > 0 {
		side.Totals = s.GetTotals()
	}
	return side
}
