package server

import (
	"context"
	"sync"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// judgeService judges samples that callers bring along.
type judgeService struct {
	version   string
	telemetry *telemetry
	looks     lookPlans
}

// Judge implements judgedv1connect.JudgeServiceHandler.
func (s *judgeService) Judge(ctx context.Context, request *connect.Request[judgedv1.JudgeRequest]) (*connect.Response[judgedv1.JudgeResponse], error) {
	if err := checkSamples(request.Msg); err != nil {
		return nil, err
	}
	alpha := request.Msg.GetDecision().GetAlpha()
	if alpha == 0 {
		alpha = judge.DefaultAlpha
	}
	judged, err := s.judge(request.Msg, alpha)
	if err != nil {
		return nil, err
	}
	judgment := wire.JudgmentProto(judged, s.version)
	judgment.Interval = request.Msg.GetInterval()
	s.telemetry.judged(ctx, "judge", judgment.GetVerdict())
	return connect.NewResponse(&judgedv1.JudgeResponse{Judgment: judgment}), nil
}

// judge judges the samples, at the look that they have come to.
func (s *judgeService) judge(r *judgedv1.JudgeRequest, alpha float64) (judge.Judgment, error) {
	inputs := wire.Inputs(r)
	if r.GetLooks() == nil {
		return analysis.Judge(inputs, alpha), nil
	}
	plan := lookPlan{int(r.GetLooks().GetPlannedIntervals()), int(r.GetLooks().GetEvery())}
	looks, err := s.looks.get(plan)
	if err != nil {
		return judge.Judgment{}, invalid("LOOKS", "looks: %v", err)
	}
	n := 0
	for _, in := range inputs {
		n = max(n, len(in.Sample.Baseline.Values))
	}
	if n > plan.horizon {
		return judge.Judgment{}, invalid("LOOKS", "looks: %d intervals of a window that was planned to have %d: plan as many as there will be", n, plan.horizon)
	}
	judged, err := looks.Judge(inputs, n, alpha)
	if err != nil {
		return judge.Judgment{}, invalid("LOOKS", "looks: %v", err)
	}
	return judged, nil
}

// lookPlan is how often a window of which length is judged.
type lookPlan struct{ horizon, every int }

// lookPlans keeps the levels of plans that were asked for: deployers look with
// few different ones, and computing them takes longer than a judgment.
type lookPlans struct {
	mu    sync.Mutex
	plans map[lookPlan]*analysis.RegularLooks
}

// mostPlans bounds the memory of lookPlans.
const mostPlans = 64

func (l *lookPlans) get(p lookPlan) (*analysis.RegularLooks, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if looks := l.plans[p]; looks != nil {
		return looks, nil
	}
	looks, err := analysis.NewRegularLooks(p.horizon, p.every)
	if err != nil {
		return nil, err
	}
	if l.plans == nil || len(l.plans) >= mostPlans {
		l.plans = map[lookPlan]*analysis.RegularLooks{}
	}
	l.plans[p] = looks
	return looks, nil
}

// checkSamples refuses what cannot be laid on one grid. A judge would see a
// shorter side as one with missing intervals at the end, which it is not.
func checkSamples(r *judgedv1.JudgeRequest) error {
	if d := r.GetInterval(); d != nil && (!d.IsValid() || d.AsDuration() < 0) {
		return invalid("INTERVAL", "interval: the length of an interval is not negative")
	}
	for _, s := range r.GetSignals() {
		if err := checkSides(s.GetName(), "", s.GetBaseline(), s.GetCanary()); err != nil {
			return err
		}
		b, c := s.GetBaselineHistory(), s.GetCanaryHistory()
		if (b == nil) != (c == nil) {
			return invalid("SAMPLES", "signal %q: history calibrates only if both sides have it: send baselineHistory and canaryHistory, or neither", s.GetName())
		}
		if err := checkSides(s.GetName(), " history", b, c); err != nil {
			return err
		}
		if s.GetJudge() != "" {
			if _, err := analysis.JudgeByName(s.GetJudge()); err != nil {
				return invalid("JUDGE", "signal %q: %v", s.GetName(), err)
			}
		}
	}
	return nil
}

func checkSides(signal, what string, baseline, canary *judgedv1.Samples) error {
	if b, c := len(baseline.GetValues()), len(canary.GetValues()); b != c {
		return invalid("SAMPLES", "signal %q: baseline%s has %d values and canary%s has %d: value i of both sides belongs to the same interval, so send as many (NaN where one is missing)",
			signal, what, b, what, c)
	}
	if (len(baseline.GetTotals()) > 0) != (len(canary.GetTotals()) > 0) {
		return invalid("SAMPLES", "signal %q: only one side%s has totals: send them for both, or for neither", signal, what)
	}
	for _, side := range []struct {
		name    string
		samples *judgedv1.Samples
	}{{"baseline", baseline}, {"canary", canary}} {
		if v, t := len(side.samples.GetValues()), len(side.samples.GetTotals()); t > 0 && t != v {
			return invalid("SAMPLES", "signal %q: %s%s has %d values and %d totals: send one total a value", signal, side.name, what, v, t)
		}
	}
	return nil
}
