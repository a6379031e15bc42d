package pods

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "pods"

// Judge compares two sides pod by pod. The zero value is ready to use.
type Judge struct{}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// share of the error that goes to the comparison of the sides; the rest goes
// to the search for one sick pod.
const share = 0.5

// Judge implements judge.Judge. A sample without Pods is INCONCLUSIVE.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	if s.Pods == nil {
		verdict.NoData(&f, "there are no series of single pods")
		return f
	}
	if alpha := verdict.TotalAlpha(s); !(alpha > 0 && alpha < 1) {
		verdict.Refuse(&f, "cannot judge: the error probability must lie between 0 and 1, got %v", alpha)
		return f
	}
	f.Effect.Measure = judge.RatioOfLevels
	u := collect(s.Pods)
	f.Baseline.Count, f.Canary.Count = len(u.baseline), len(u.canary)
	f.EffectiveN = float64(len(u.baseline) + len(u.canary))
	arms := u.arms()
	if !arms.ok || 2*len(u.baseline) < len(s.Pods.Baseline) || 2*len(u.canary) < len(s.Pods.Canary) {
		f.Reason = fmt.Sprintf("cannot compare pod by pod: %d pods of the baseline and %d of the canary reported enough", len(u.baseline), len(u.canary))
		return f
	}
	limits := verdict.RatioLimits(s.Signal, u.level)
	plain := limits
	if !u.since && s.Assignment != judge.Randomized {
		limits = limits.Widen(verdict.DriftAllowance(verdict.TotalAlpha(s)))
	}
	whole, single := share, 0.0
	if len(u.canary) > 1 && len(u.baseline) > 2 {
		single = 1 - share
	} else {
		whole = 1
	}
	alpha := verdict.ShareAlpha(s, whole)
	arms.settle(&f, limits, alpha, verdict.PassAlpha(s))
	plain.Doubt(&f)
	least := f.PValue / whole
	f.Reason = j.words(f, u)
	if single > 0 {
		each := verdict.ShareAlpha(s, single/float64(len(u.canary)))
		worst, p := -1, math.Inf(1)
		for i, pod := range u.canary {
			if q := u.one(pod.change).pValue(limits, s.Signal.Direction); q < p {
				worst, p = i, q
			}
		}
		least = min(least, p*float64(len(u.canary))/single)
		if p <= each && f.Verdict != judge.Fail {
			t := u.one(u.canary[worst].change)
			t.settle(&f, limits, each, each)
			f.Reason = fmt.Sprintf("%s of the canary's %d got worse than the baseline's pods differ", s.Pods.CanaryName(u.canary[worst].pod), len(s.Pods.Canary))
		}
	}
	f.PValue = min(1, least)
	verdict.AlignPValue(&f, verdict.Alpha(s))
	return f
}

func (Judge) words(f judge.Finding, u units) string {
	pods := fmt.Sprintf("%d pods against %d", len(u.canary), len(u.baseline))
	if u.since {
		pods += ", each against its own history"
	}
	switch f.Verdict {
	case judge.Fail:
		return "worse by more than the pods differ (" + pods + ")"
	case judge.Pass:
		return "within the tolerance (" + pods + ")"
	default:
		return "too few pods, or too unlike, to tell (" + pods + ")"
	}
}

// settle writes the test into f.
func (t test) settle(f *judge.Finding, l verdict.Limits, alpha, pass float64) {
	interval := func(alpha float64) judge.Effect {
		half := stat.StudentQuantile(alpha/2, t.df) * t.err
		return judge.Effect{
			Measure: judge.RatioOfLevels, Estimate: math.Exp(t.estimate),
			Low: math.Exp(t.estimate - half), High: math.Exp(t.estimate + half), Level: 1 - alpha,
		}
	}
	f.Effect = interval(alpha)
	f.PValue = t.pValue(l, f.Signal.Direction)
	l.SettleApart(f, alpha, interval(pass))
}

func (t test) pValue(l verdict.Limits, bad judge.Direction) float64 {
	if !t.ok {
		return 1
	}
	return verdict.TwoSided(
		stat.StudentTail((t.estimate-math.Log(l.MarginHigh))/t.err, t.df),
		stat.StudentTail((math.Log(l.MarginLow)-t.estimate)/t.err, t.df), bad)
}
