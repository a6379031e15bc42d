package analysis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/metrics"
)

// Result is the judgment of one look, with what it was about.
type Result struct {
	judge.Judgment
	// Config is the config's name.
	Config string
	Scopes Scopes
	// Window is the time that was judged, History what calibrated the judges
	// (zero if nothing did).
	Window, History metrics.Window
	Interval        time.Duration
	// Look says which of the planned looks at the growing window this is; zero
	// where there is one only.
	Look Look
	// Samples are what the judges saw, by signal name.
	Samples map[string]judge.Sample
	// Failures are the reasons of the signals that could not be asked or read.
	Failures []metrics.Reason
}

// Look is one of several at a window that grows: number Number, from 1, of Of.
type Look struct{ Number, Of int }

// Run plans, fetches, judges and decides. The error is about the config or
// the context; a metric that could not be asked or read is an ERROR finding,
// so that whatever else was found is not lost.
func Run(ctx context.Context, c Config, sources *Sources, window, history metrics.Window) (*Result, error) {
	plan, err := NewPlan(c, sources, window, history)
	if err != nil {
		return nil, err
	}
	return plan.Run(ctx, sources)
}

// Run fetches, judges and decides what was planned.
func (p *Plan) Run(ctx context.Context, sources *Sources) (*Result, error) {
	var mined []Input
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		mined = p.mineLogs(ctx, sources)
	}()
	answers := fetch(ctx, p, sources)
	<-reading
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("analysis of config %q stopped before its queries were answered: %w", p.Config.Name, context.Cause(ctx))
	}
	inputs := make([]Input, 0, len(p.Signals)+len(p.Logs))
	for _, s := range p.Signals {
		in := Input{
			Judge: s.Metric.Judge, Own: s.Own, SLO: s.Metric.SLO, Share: s.Share,
			Evidence: s.evidence(), Err: s.Err,
		}
		in.Sample.Signal = s.Metric.Signal
		if s.Err == nil {
			in.Sample, in.Warnings, in.Err = assemble(p, s, answers)
		}
		inputs = append(inputs, in)
	}
	inputs = append(inputs, mined...)
	judgment, err := p.judge(inputs)
	if err != nil {
		return nil, err
	}
	if judgment, err = p.Config.Rules.Decide(ctx, judgment, p.facts()); err != nil {
		return nil, err
	}
	r := &Result{
		Judgment: judgment,
		Config:   p.Config.Name,
		Scopes:   p.Config.Scopes,
		Window:   p.Window,
		History:  p.History,
		Interval: p.Config.Schedule.Interval,
		Look:     p.lookAt(),
		Samples:  make(map[string]judge.Sample, len(inputs)),
	}
	for _, in := range inputs {
		r.Samples[in.Sample.Signal.Name] = in.Sample
		if reason, ok := metrics.ReasonOf(in.Err); ok {
			r.Failures = append(r.Failures, reason)
		}
	}
	return r, nil
}

// judge judges at the look that the window has come to.
func (p *Plan) judge(inputs []Input) (judge.Judgment, error) {
	s := p.Config.Schedule
	switch at := p.lookAt(); {
	case at.Of == 0:
		return Judge(inputs, p.Config.Alpha), nil
	case s.Sliding > 0:
		return judgeApart(inputs, at, p.Config.Alpha), nil
	default:
		horizon, every := p.looks()
		looks, err := NewRegularLooks(horizon, every)
		if err != nil {
			return judge.Judgment{}, fmt.Errorf("config %q: %w", p.Config.Name, err)
		}
		return looks.Judge(inputs, int(p.Window.Duration()/s.Interval), p.Config.Alpha)
	}
}

// looks returns how many intervals the window will have, and how many lie
// between two looks.
func (p *Plan) looks() (horizon, every int) {
	s := p.Config.Schedule
	return int(s.Duration / s.Interval), int(s.LookEvery / s.Interval)
}

// lookAt returns which look this is: the one that was planned, or else the one
// that the window's length tells.
func (p *Plan) lookAt() Look {
	if p.Config.Schedule.LookEvery == 0 {
		return Look{}
	}
	if p.look.Number > 0 {
		return p.look
	}
	horizon, every := p.looks()
	return LookAt(int(p.Window.Duration()/p.Config.Schedule.Interval), horizon, every)
}

// LookAt returns which look n intervals have come to, of those that RegularLooks
// plans for horizon intervals, one every so many.
func LookAt(n, horizon, every int) Look {
	l := Look{Number: n / every, Of: (horizon-1)/every + 1}
	if n >= horizon {
		l.Number = l.Of
	}
	return l
}

// Input is one signal on its way to its judge.
type Input struct {
	Sample judge.Sample
	// Judge is the judge's name; empty chooses by kind.
	Judge string
	// Logs are the compared logs of a signal that is made of them; it then has no
	// sample.
	Logs *compare.Comparison
	// unread is the judge of logs that could not be read.
	unread string
	// Own says that there is no baseline and the canary is compared with its own
	// past, Sample.History.Canary, which ends where the window begins.
	Own bool
	// SLO is Metric.SLO; Share is Traffic.Share, for judge srm.
	SLO, Share float64
	// Err is why there is no sample.
	Err error
	// Warnings about the data, for the finding.
	Warnings []string
	Evidence judge.Evidence
}

// Intervals returns the number of intervals of the window.
func (in Input) Intervals() int {
	n := max(in.Sample.Baseline.Len(), in.Sample.Canary.Len())
	if p := in.Sample.Pods; p != nil {
		for _, side := range [][]judge.Side{p.Baseline, p.Canary} {
			for _, pod := range side {
				n = max(n, pod.Len())
			}
		}
	}
	return n
}

// Judge judges inputs whose data are at hand and decides. It is what Run does
// after fetching, and what a caller who brings samples along needs.
func Judge(inputs []Input, alpha float64) judge.Judgment {
	byName := make(map[string]Input, len(inputs))
	samples := make([]judge.Sample, len(inputs))
	for i, in := range inputs {
		in = in.withSums()
		samples[i] = in.Sample
		if _, taken := byName[in.Sample.Signal.Name]; taken {
			in.Err = fmt.Errorf("two signals are called %q, so that neither can be told from the other: give each a name of its own", in.Sample.Signal.Name)
		}
		byName[in.Sample.Signal.Name] = in
	}
	j := judge.Compare(samples, func(s judge.Sample) judge.Judge {
		return byName[s.Signal.Name].choose()
	}, alpha)
	for i := range j.Findings {
		f := &j.Findings[i]
		if f.Judge == mannwhitney.Name {
			j.Alpha = 0 // it spends what it spends: no promise holds for the whole
		}
		in := byName[f.Signal.Name]
		f.Warnings = append(slices.Clip(in.Warnings), f.Warnings...)
		f.Evidence = in.Evidence
		f.Choice = in.choice()
	}
	return j
}

// unreadable stands in for the judge of a signal without data to judge: its
// finding is the error.
type unreadable struct {
	err error
	// judge is the one that would have judged, if that is certain.
	judge string
}

func (u unreadable) Name() string { return u.judge }

func (u unreadable) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(u.judge, s)
	f.Classification, f.Verdict = judge.Failed, judge.Error
	f.Reason = u.err.Error()
	return f
}
