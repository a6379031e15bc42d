package wire

import (
	"math"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// ResultProto returns the message of an analysis' result.
func ResultProto(r *analysis.Result, version string) *judgedv1.Judgment {
	p := JudgmentProto(r.Judgment, version)
	p.Config = r.Config
	p.Scopes = ScopesProto(r.Scopes)
	p.Window = WindowProto(r.Window)
	p.History = WindowProto(r.History)
	p.Interval = duration(r.Interval)
	p.Look = LookProto(r.Look)
	return p
}

// Result is the inverse of ResultProto. The samples stay where they were
// judged.
func Result(p *judgedv1.Judgment) *analysis.Result {
	r := &analysis.Result{
		Judgment: judge.Judgment{
			Verdict: Verdict(p.GetVerdict()), Score: p.GetScore(), Summary: p.GetSummary(),
			Reasons: p.GetReasons(), Alpha: p.GetAlpha(),
		},
		Config: p.GetConfig(), Scopes: Scopes(p.GetScopes()),
		Window: Window(p.GetWindow()), History: Window(p.GetHistory()),
		Interval: p.GetInterval().AsDuration(),
		Look:     analysis.Look{Number: int(p.GetLook().GetNumber()), Of: int(p.GetLook().GetOf())},
	}
	for _, f := range p.GetFindings() {
		r.Findings = append(r.Findings, findingOf(f))
	}
	return r
}

// LookProto returns the message of a look; nil if there is one only.
func LookProto(l analysis.Look) *judgedv1.Look {
	if l.Of == 0 {
		return nil
	}
	return &judgedv1.Look{Number: int32(min(l.Number, math.MaxInt32)), Of: int32(min(l.Of, math.MaxInt32))}
}

// JudgmentProto returns the message of a judgment without its surroundings. It
// points to numbers of j.Findings, so neither may be changed after.
func JudgmentProto(j judge.Judgment, version string) *judgedv1.Judgment {
	p := &judgedv1.Judgment{
		Verdict: VerdictProto(j.Verdict), Score: &j.Score, Summary: j.Summary,
		Reasons: j.Reasons, Alpha: j.Alpha, JudgedVersion: version,
	}
	if len(j.Findings) == 0 {
		return p
	}
	// One piece of memory for all: a judgment of many signals is as many times
	// forty small messages.
	messages := make([]findingMessages, len(j.Findings))
	p.Findings = make([]*judgedv1.Finding, len(j.Findings))
	for i := range j.Findings {
		p.Findings[i] = messages[i].fill(&j.Findings[i])
	}
	return p
}

// findingMessages are the messages that a finding always has.
type findingMessages struct {
	finding           judgedv1.Finding
	signal            judgedv1.Signal
	margin, tolerance judgedv1.Margin
	baseline, canary  judgedv1.Summary
	effect            judgedv1.Effect
	needed            int32
}

// fill returns the message of f, which points to numbers of f.
func (m *findingMessages) fill(f *judge.Finding) *judgedv1.Finding {
	s, p := &m.signal, &m.finding
	s.Name, s.Kind, s.Unit = f.Signal.Name, kindProto(f.Signal.Kind), f.Signal.Unit
	s.Direction, s.Critical, s.Weight = DirectionProto(f.Signal.Direction), f.Signal.Critical, f.Signal.Weight
	s.Margin, s.Tolerance = fillMargin(&m.margin, &f.Signal.Margin), fillMargin(&m.tolerance, &f.Signal.Tolerance)
	p.Signal = s
	p.Judge = f.Judge
	p.Classification = classifications[f.Classification]
	p.Verdict = VerdictProto(f.Verdict)
	p.Baseline = fillSummary(&m.baseline, &f.Baseline)
	p.Canary = fillSummary(&m.canary, &f.Canary)
	p.Effect = fillEffect(&m.effect, &f.Effect)
	p.PValue = number(&f.PValue)
	p.AdjustedPValue = number(&f.AdjustedPValue)
	p.EffectiveN = number(&f.EffectiveN)
	p.Reason = f.Reason
	p.Warnings = f.Warnings
	p.Choice = f.Choice
	if len(f.Aspects) > 0 {
		aspects := make([]struct {
			aspect judgedv1.Aspect
			effect judgedv1.Effect
		}, len(f.Aspects))
		p.Aspects = make([]*judgedv1.Aspect, len(f.Aspects))
		for i := range f.Aspects {
			a := &aspects[i].aspect
			a.Judge, a.PValue = f.Aspects[i].Judge, number(&f.Aspects[i].PValue)
			a.Effect = fillEffect(&aspects[i].effect, &f.Aspects[i].Effect)
			p.Aspects[i] = a
		}
	}
	p.Changes = changeProtos(f.Changes)
	p.Overlooked = number(&f.Overlooked)
	if f.Needed > 0 {
		m.needed = int32(min(f.Needed, math.MaxInt32))
		p.Needed = &m.needed
	}
	if f.Evidence != (judge.Evidence{}) {
		p.Evidence = &judgedv1.Evidence{
			Source:             f.Evidence.Source,
			BaselineQuery:      f.Evidence.BaselineQuery,
			CanaryQuery:        f.Evidence.CanaryQuery,
			BaselineTotalQuery: f.Evidence.BaselineTotalQuery,
			CanaryTotalQuery:   f.Evidence.CanaryTotalQuery,
		}
	}
	return p
}

func fillEffect(p *judgedv1.Effect, e *judge.Effect) *judgedv1.Effect {
	p.Measure = string(e.Measure)
	p.Estimate, p.Low, p.High, p.Level = number(&e.Estimate), number(&e.Low), number(&e.High), e.Level
	return p
}

func fillMargin(p *judgedv1.Margin, m *judge.Margin) *judgedv1.Margin {
	p.Relative = &m.Relative
	if m.Absolute != 0 {
		p.Absolute = &m.Absolute
	}
	return p
}

func effectOf(p *judgedv1.Effect) judge.Effect {
	if p == nil {
		p = &judgedv1.Effect{}
	}
	return judge.Effect{
		Measure: judge.Measure(p.GetMeasure()), Estimate: value(p.Estimate, math.NaN()),
		Low: value(p.Low, math.Inf(-1)), High: value(p.High, math.Inf(1)), Level: p.GetLevel(),
	}
}

func findingOf(p *judgedv1.Finding) judge.Finding {
	s := p.GetSignal()
	kind := kindOf(s.GetKind(), false)
	var aspects []judge.Aspect
	for _, a := range p.GetAspects() {
		aspects = append(aspects, judge.Aspect{Judge: a.GetJudge(), Effect: effectOf(a.GetEffect()), PValue: value(a.PValue, math.NaN())})
	}
	return judge.Finding{
		Signal: judge.Signal{
			Name: s.GetName(), Kind: kind, Unit: s.GetUnit(), Direction: directionOf(s.GetDirection(), kind, p.GetJudge()),
			Critical: s.GetCritical(), Weight: s.GetWeight(),
			Margin: marginOf(s.GetMargin()), Tolerance: marginOf(s.GetTolerance()),
		},
		Judge:          p.GetJudge(),
		Classification: classificationOf(p.GetClassification()),
		Verdict:        Verdict(p.GetVerdict()),
		Baseline:       summaryOf(p.GetBaseline()),
		Canary:         summaryOf(p.GetCanary()),
		Effect:         effectOf(p.GetEffect()),
		Choice:         p.GetChoice(),
		Aspects:        aspects,
		Changes:        changesOf(p.GetChanges()),
		Overlooked:     value(p.Overlooked, math.NaN()),
		PValue:         value(p.PValue, math.NaN()),
		AdjustedPValue: value(p.AdjustedPValue, math.NaN()),
		EffectiveN:     p.GetEffectiveN(),
		Needed:         int(p.GetNeeded()),
		Reason:         p.GetReason(),
		Warnings:       p.GetWarnings(),
		Evidence: judge.Evidence{
			Source:             p.GetEvidence().GetSource(),
			BaselineQuery:      p.GetEvidence().GetBaselineQuery(),
			CanaryQuery:        p.GetEvidence().GetCanaryQuery(),
			BaselineTotalQuery: p.GetEvidence().GetBaselineTotalQuery(),
			CanaryTotalQuery:   p.GetEvidence().GetCanaryTotalQuery(),
		},
	}
}

func fillSummary(p *judgedv1.Summary, s *judge.Summary) *judgedv1.Summary {
	p.Count, p.Missing = int32(min(s.Count, math.MaxInt32)), int32(min(s.Missing, math.MaxInt32))
	p.Level, p.Mean, p.Min, p.Max, p.Std = number(&s.Level), number(&s.Mean), number(&s.Min), number(&s.Max), number(&s.Std)
	if s.Total > 0 || s.Events > 0 {
		p.Events, p.Total = number(&s.Events), number(&s.Total)
	}
	return p
}

func summaryOf(p *judgedv1.Summary) judge.Summary {
	nan := math.NaN()
	if p == nil {
		p = &judgedv1.Summary{}
	}
	return judge.Summary{
		Count: int(p.GetCount()), Missing: int(p.GetMissing()),
		Level: value(p.Level, nan), Mean: value(p.Mean, nan), Min: value(p.Min, nan), Max: value(p.Max, nan), Std: value(p.Std, nan),
		Events: p.GetEvents(), Total: p.GetTotal(),
	}
}

// number leaves out what is not finite: JSON has no word for it, and an
// absent number cannot be mistaken for a measurement.
func number(v *float64) *float64 {
	if math.IsNaN(*v) || math.IsInf(*v, 0) {
		return nil
	}
	return v
}

func value(p *float64, absent float64) float64 {
	if p == nil {
		return absent
	}
	return *p
}
