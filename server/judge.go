package server

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// judgeService judges samples that callers bring along.
type judgeService struct {
	version   string
	telemetry *telemetry
	guard     *guard
}

// Judge implements judgedv1connect.JudgeServiceHandler.
func (s *judgeService) Judge(ctx context.Context, request *connect.Request[judgedv1.JudgeRequest]) (*connect.Response[judgedv1.JudgeResponse], error) {
	if err := s.guard.allow(ctx, access{action: "judge"}); err != nil {
		return nil, err
	}
	if err := checkSamples(request.Msg); err != nil {
		return nil, err
	}
	alpha := request.Msg.GetDecision().GetAlpha()
	if alpha == 0 {
		alpha = judge.DefaultAlpha
	}
	judged, look, err := s.judge(request.Msg, alpha)
	if err != nil {
		return nil, err
	}
	d := request.Msg.GetDecision()
	rules := analysis.Rules{Fail: d.GetFail(), Inconclusive: d.GetInconclusive(), Pass: d.GetPass()}
	if judged, err = rules.Decide(ctx, judged, policy.Facts{Look: policy.Look(look)}); err != nil {
		return nil, err
	}
	judgment := wire.JudgmentProto(judged, s.version)
	judgment.Look = wire.LookProto(look)
	judgment.Interval = request.Msg.GetInterval()
	s.telemetry.judged(ctx, "judge", judgment.GetVerdict())
	return connect.NewResponse(&judgedv1.JudgeResponse{Judgment: judgment}), nil
}

// judge judges the samples, at the look that they have come to.
func (s *judgeService) judge(r *judgedv1.JudgeRequest, alpha float64) (judge.Judgment, analysis.Look, error) {
	inputs := wire.Inputs(r)
	if r.GetLooks() == nil {
		return analysis.Judge(inputs, alpha), analysis.Look{}, nil
	}
	horizon, every := int(r.GetLooks().GetPlannedIntervals()), int(r.GetLooks().GetEvery())
	looks, err := analysis.NewRegularLooks(horizon, every)
	if err != nil {
		return judge.Judgment{}, analysis.Look{}, invalid("LOOKS", "looks: %v", err)
	}
	n := 0
	for _, in := range inputs {
		n = max(n, in.Intervals())
	}
	if n > horizon {
		return judge.Judgment{}, analysis.Look{}, invalid("LOOKS", "looks: %d intervals of a window that was planned to have %d: plan as many as there will be", n, horizon)
	}
	judged, err := looks.Judge(inputs, n, alpha)
	if err != nil {
		return judge.Judgment{}, analysis.Look{}, invalid("LOOKS", "looks: %v", err)
	}
	return judged, analysis.LookAt(n, horizon, every), nil
}

// checkSamples refuses what cannot be laid on one grid. A judge would see a
// shorter side as one with missing intervals at the end, which it is not.
func checkSamples(r *judgedv1.JudgeRequest) error {
	if d := r.GetInterval(); d != nil && (!d.IsValid() || d.AsDuration() < 0) {
		return invalid("INTERVAL", "interval: the length of an interval is not negative")
	}
	for _, s := range r.GetSignals() {
		if s.GetJudge() != "" {
			if _, err := analysis.JudgeByName(s.GetJudge()); err != nil {
				return invalid("JUDGE", "signal %q: %v", s.GetName(), err)
			}
		}
		// A series against its own past has but one side.
		own := s.GetJudge() == anomalyJudge && s.GetBaseline() == nil
		for _, side := range []*judgedv1.Samples{s.GetBaseline(), s.GetCanary(), s.GetBaselineHistory(), s.GetCanaryHistory()} {
			if len(side.GetHistograms()) > 0 && len(side.GetValues()) > 0 {
				return invalid("SAMPLES", "signal %q has values and histograms on one side: send one of the two", s.GetName())
			}
		}
		if err := checkPods(s); err != nil {
			return err
		}
		if own {
			for _, side := range []*judgedv1.Samples{s.GetCanary(), s.GetCanaryHistory()} {
				if err := checkSides(s.GetName(), "", side, side); err != nil {
					return err
				}
			}
			continue
		}
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
	}
	return nil
}

// anomalyJudge is the judge that needs no baseline.
const anomalyJudge = "anomaly"

// checkPods refuses pods that do not fit on the grid of the others.
func checkPods(s *judgedv1.SignalSamples) error {
	if len(s.GetBaselinePods()) == 0 {
		return nil
	}
	first := s.GetBaselinePods()[0].GetSamples()
	if s.GetCanary() != nil {
		first = s.GetCanary()
	}
	history := -1
	if s.GetCanaryHistory() != nil {
		history = len(s.GetCanaryHistory().GetValues())
	}
	for _, side := range [][]*judgedv1.PodSamples{s.GetBaselinePods(), s.GetCanaryPods()} {
		for i, p := range side {
			what := fmt.Sprintf(" pod %q", cmp.Or(p.GetName(), strconv.Itoa(i+1)))
			if len(p.GetSamples().GetHistograms())+len(p.GetHistory().GetHistograms()) > 0 {
				return invalid("SAMPLES", "signal %q:%s has histograms, which are judged for sides as a whole: send their sums as baseline and canary", s.GetName(), what)
			}
			if n, want := len(p.GetSamples().GetValues()), len(first.GetValues()); n != want {
				return invalid("SAMPLES", "signal %q:%s has %d values and others have %d: value i of all pods belongs to the same interval, so send as many (NaN where one is missing)", s.GetName(), what, n, want)
			}
			if h := p.GetHistory(); h != nil {
				if history < 0 {
					history = len(h.GetValues())
				}
				if n := len(h.GetValues()); n != history {
					return invalid("SAMPLES", "signal %q:%s has %d values of history and others have %d: send as many (NaN where one is missing)", s.GetName(), what, n, history)
				}
			}
			for _, one := range []*judgedv1.Samples{p.GetSamples(), p.GetHistory()} {
				if v, t := len(one.GetValues()), len(one.GetTotals()); t > 0 && t != v {
					return invalid("SAMPLES", "signal %q:%s has %d values and %d totals: send one total a value", s.GetName(), what, v, t)
				}
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
	if b, c := len(baseline.GetHistograms()), len(canary.GetHistograms()); b != c {
		return invalid("SAMPLES", "signal %q: baseline%s has %d histograms and canary%s has %d: one an interval on both sides (without counts where one is missing)",
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
