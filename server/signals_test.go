package server_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// around returns n values of 2 % noise around a level.
func around(level float64, n int, seed uint64) *judgedv1.Samples {
	r := rand.New(rand.NewPCG(seed, 3))
	s := &judgedv1.Samples{}
	for range n {
		s.Values = append(s.Values, level*math.Exp(0.02*r.NormFloat64()))
	}
	return s
}

// latencies returns n histograms of a thousand requests, of which so many are
// slow.
func latencies(slow float64, n int, seed uint64) *judgedv1.Samples {
	s := &judgedv1.Samples{}
	for _, v := range around(slow, n, seed).GetValues() {
		s.Histograms = append(s.Histograms, &judgedv1.Histogram{
			Bounds: []float64{0, 0.05, 0.1, 0.2, 0.4, math.Inf(1)}, Counts: []float64{300, 400, 300 - v, v * 0.75, v / 4},
		})
	}
	return s
}

func fleetOf(names string, level float64, sick string, seed uint64) []*judgedv1.PodSamples {
	var pods []*judgedv1.PodSamples
	for name := range strings.FieldsSeq(names) {
		seed++
		now := level
		if name == sick {
			now *= 2
		}
		pods = append(pods, &judgedv1.PodSamples{Name: name, Samples: around(now, 30, seed), History: around(level, 60, 100+seed)})
	}
	return pods
}

func judgeOne(t *testing.T, i *instance, s *judgedv1.SignalSamples) *judgedv1.Finding {
	t.Helper()
	s.Name = "signal"
	response, err := i.judge.Judge(t.Context(), connect.NewRequest(&judgedv1.JudgeRequest{Signals: []*judgedv1.SignalSamples{s}}))
	if err != nil {
		t.Fatal(err)
	}
	return response.Msg.GetJudgment().GetFindings()[0]
}

func TestJudgeSignals(t *testing.T) {
	i := start(t, server.Options{})
	margin := 0.3
	for name, c := range map[string]struct {
		signal        *judgedv1.SignalSamples
		verdict       judgedv1.Verdict
		judge, reason string
	}{
		"histograms": {
			&judgedv1.SignalSamples{Unit: "s", Slo: wrapperspb.Double(0.2), Baseline: latencies(50, 30, 1), Canary: latencies(120, 30, 2)},
			judgedv1.Verdict_FAIL, "distribution", "share above 200 ms",
		},
		"alike histograms": {
			&judgedv1.SignalSamples{Unit: "s", Baseline: latencies(50, 30, 1), Canary: latencies(50, 30, 2)},
			judgedv1.Verdict_PASS, "distribution", "within the tolerance",
		},
		"a sick pod": {
			&judgedv1.SignalSamples{
				Margin:       &judgedv1.Margin{Relative: &margin},
				BaselinePods: fleetOf("a b c d", 10, "", 10), CanaryPods: fleetOf("w x y z", 10, "y", 20),
			},
			judgedv1.Verdict_FAIL, "pods", "pod y of the canary's 4",
		},
		"its own past": {
			&judgedv1.SignalSamples{Judge: "anomaly", Canary: around(15, 30, 1), CanaryHistory: around(10, 300, 2)},
			judgedv1.Verdict_FAIL, "anomaly", "",
		},
		"a split": {
			&judgedv1.SignalSamples{Judge: "srm", Kind: judgedv1.Kind_COUNT, Share: wrapperspb.Double(0.1), Baseline: around(900, 30, 1), Canary: around(20, 30, 2)},
			judgedv1.Verdict_FAIL, "srm", "instead of 10%",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := judgeOne(t, i, c.signal)
			if f.GetVerdict() != c.verdict || f.GetJudge() != c.judge || !strings.Contains(f.GetReason(), c.reason) || f.GetChoice() == "" {
				t.Errorf("%v by %s (%s): %s", f.GetVerdict(), f.GetJudge(), f.GetChoice(), f.GetReason())
			}
		})
	}
}

func TestJudgeRefusesSignals(t *testing.T) {
	i := start(t, server.Options{})
	pod := func(values, history int) []*judgedv1.PodSamples {
		p := &judgedv1.PodSamples{Name: "web", Samples: around(1, values, 1)}
		if history > 0 {
			p.History = around(1, history, 1)
		}
		return []*judgedv1.PodSamples{p}
	}
	for want, s := range map[string]*judgedv1.SignalSamples{
		"baseline has 3 histograms and canary has 2":    {Baseline: latencies(1, 3, 1), Canary: latencies(1, 2, 1)},
		"values and histograms on one side":             {Baseline: &judgedv1.Samples{Values: []float64{1}, Histograms: latencies(1, 1, 1).GetHistograms()}, Canary: around(1, 1, 1)},
		`pod "web" has 4 values and others have 5`:      {BaselinePods: pod(5, 0), CanaryPods: pod(4, 0)},
		`has 7 values of history and others have 6`:     {BaselinePods: pod(5, 6), CanaryPods: pod(5, 7)},
		`pod "web" has histograms`:                      {BaselinePods: pod(5, 0), CanaryPods: []*judgedv1.PodSamples{{Name: "web", Samples: latencies(1, 5, 1)}}},
		"pods are compared with pods":                   {Baseline: around(1, 3, 1), Canary: around(1, 3, 1), CanaryPods: pod(3, 0)},
		"a threshold in the signal's unit":              {Baseline: latencies(1, 3, 1), Canary: latencies(1, 3, 1), Slo: wrapperspb.Double(-1)},
		"a share is more than 0 and less than 1":        {Baseline: around(1, 3, 1), Canary: around(1, 3, 1), Share: wrapperspb.Double(1)},
		"only judge anomaly needs no baseline":          {Canary: around(1, 3, 1)},
		"a pod's name has at most 253":                  {BaselinePods: pod(3, 0), CanaryPods: []*judgedv1.PodSamples{{Name: strings.Repeat("x", 300), Samples: around(1, 3, 1)}}},
		`baseline has 3 values and canary has 2: value`: {Baseline: around(1, 3, 1), Canary: around(1, 2, 1), BaselinePods: pod(2, 0), CanaryPods: pod(2, 0)},
	} {
		s.Name = "signal"
		_, err := i.judge.Judge(t.Context(), connect.NewRequest(&judgedv1.JudgeRequest{Signals: []*judgedv1.SignalSamples{s}}))
		wantCode(t, err, connect.CodeInvalidArgument, want)
	}
}

// A look is told which of how many it is; pods are intervals, too.
func TestJudgeTellsTheLook(t *testing.T) {
	i := start(t, server.Options{})
	r := &judgedv1.JudgeRequest{
		Looks:   &judgedv1.Looks{PlannedIntervals: 60, Every: 10},
		Signals: []*judgedv1.SignalSamples{{Name: "signal", BaselinePods: fleetOf("a b c", 10, "", 1), CanaryPods: fleetOf("x y z", 10, "", 9)}},
	}
	response, err := i.judge.Judge(t.Context(), connect.NewRequest(r))
	if err != nil {
		t.Fatal(err)
	}
	if l := response.Msg.GetJudgment().GetLook(); l.GetNumber() != 3 || l.GetOf() != 6 {
		t.Errorf("look %v, want 3 of 6", l)
	}
	r.Looks = nil
	if response, err = i.judge.Judge(t.Context(), connect.NewRequest(r)); err != nil || response.Msg.GetJudgment().GetLook() != nil {
		t.Errorf("%v, %v: want no look", response.Msg.GetJudgment().GetLook(), err)
	}
}

// The traffic's source is a name, as that of every metric.
func TestTrafficSource(t *testing.T) {
	i := start(t, server.Options{})
	c := shopConfig("shop")
	c.Traffic = &judgedv1.Traffic{Source: "http://169.254.0.1", Query: "q", Share: wrapperspb.Double(0.5)}
	_, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c}))
	wantCode(t, err, connect.CodeInvalidArgument, "traffic", "is no source's name")
	c.Traffic.Source = "shop"
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c})); err != nil {
		t.Error(err)
	}
}
