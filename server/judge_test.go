package server_test

import (
	"math"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

func TestJudgeRefuses(t *testing.T) {
	i := start(t, server.Options{})
	values := func(n int) *judgedv1.Samples { return &judgedv1.Samples{Values: make([]float64, n)} }
	for name, c := range map[string]struct {
		change func(*judgedv1.JudgeRequest, *judgedv1.SignalSamples)
		text   []string
	}{
		"sides of different length": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.Canary = values(19) },
			[]string{`signal "latency-0"`, "baseline has 20 values and canary has 19"},
		},
		"a side without values": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.Canary = values(0) },
			[]string{"baseline has 20 values and canary has 0"},
		},
		"no side": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.Canary = nil },
			[]string{"signals[0]: a signal needs the samples of both sides"},
		},
		"totals of one side": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.Canary.Totals = make([]float64, 20) },
			[]string{`signal "latency-0"`, "only one side has totals"},
		},
		"too few totals": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) {
				s.Baseline.Totals, s.Canary.Totals = make([]float64, 20), make([]float64, 3)
			},
			[]string{"canary has 20 values and 3 totals"},
		},
		"history of one side": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.BaselineHistory = values(5) },
			[]string{"send baselineHistory and canaryHistory, or neither"},
		},
		"histories of different length": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) {
				s.BaselineHistory, s.CanaryHistory = values(5), values(6)
			},
			[]string{"baseline history has 5 values and canary history has 6"},
		},
		"an unknown judge": {
			func(_ *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { s.Judge = "coin" },
			[]string{`there is no judge "coin"`, "paired"},
		},
		"an interval backwards": {
			func(r *judgedv1.JudgeRequest, _ *judgedv1.SignalSamples) { r.Interval = durationpb.New(-time.Minute) },
			[]string{"interval"},
		},
		"two signals of one name": {
			func(r *judgedv1.JudgeRequest, s *judgedv1.SignalSamples) { r.Signals = append(r.Signals, s) },
			[]string{"two signals have the same name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := samples(1, 20, 1)
			c.change(r, r.GetSignals()[0])
			_, err := i.judge.Judge(t.Context(), connect.NewRequest(r))
			wantCode(t, err, connect.CodeInvalidArgument, c.text...)
		})
	}
}

// The family-wise error is the caller's, or the default.
func TestJudgeAlpha(t *testing.T) {
	i := start(t, server.Options{})
	strict := 0.001
	for want, decision := range map[float64]*judgedv1.Decision{0.05: nil, 0.001: {Alpha: &strict}} {
		r := samples(1, 30, 1)
		r.Decision = decision
		response, err := i.judge.Judge(t.Context(), connect.NewRequest(r))
		if err != nil {
			t.Fatal(err)
		}
		j := response.Msg.GetJudgment()
		// A PASS is at twice the error, one-sided alpha on either side.
		if level := j.GetFindings()[0].GetEffect().GetLevel(); j.GetAlpha() != want || math.Abs(level-(1-2*want)) > 1e-12 || j.GetInterval().AsDuration() != time.Minute {
			t.Errorf("alpha %v, level %v, want %v", j.GetAlpha(), j.GetFindings()[0].GetEffect().GetLevel(), want)
		}
	}
}

// Looks spend the error together: an early one must show more, and what cannot
// be a look is refused.
func TestJudgeLooks(t *testing.T) {
	i := start(t, server.Options{})
	level := func(n int, looks *judgedv1.Looks) (float64, error) {
		r := samples(1, n, 1.2)
		r.Looks = looks
		response, err := i.judge.Judge(t.Context(), connect.NewRequest(r))
		if err != nil {
			return 0, err
		}
		return response.Msg.GetJudgment().GetFindings()[0].GetEffect().GetLevel(), nil
	}
	var levels []float64
	for _, n := range []int{20, 40, 60} {
		l, err := level(n, &judgedv1.Looks{PlannedIntervals: 60, Every: 10})
		if err != nil {
			t.Fatal(err)
		}
		levels = append(levels, l)
	}
	if !(levels[0] > levels[1] && levels[1] > levels[2]) {
		t.Errorf("levels %v do not fall", levels)
	}
	for _, looks := range []*judgedv1.Looks{{PlannedIntervals: 10, Every: 5}, {PlannedIntervals: 1_000_000, Every: 1}, {Every: 1}, {PlannedIntervals: 9}} {
		if l, err := level(20, looks); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%v: level %v, %v", looks, l, err)
		}
	}
}
