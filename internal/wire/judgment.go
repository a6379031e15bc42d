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

// JudgmentProto returns the message of a judgment without its surroundings.
func JudgmentProto(j judge.Judgment, version string) *judgedv1.Judgment {
	p := &judgedv1.Judgment{
		Verdict: VerdictProto(j.Verdict), Score: &j.Score, Summary: j.Summary,
		Reasons: j.Reasons, Alpha: j.Alpha, JudgedVersion: version,
	}
	for _, f := range j.Findings {
		p.Findings = append(p.Findings, findingProto(f))
	}
	return p
}

func findingProto(f judge.Finding) *judgedv1.Finding {
	p := &judgedv1.Finding{
		Signal: &judgedv1.Signal{
			Name: f.Signal.Name, Kind: kindProto(f.Signal.Kind), Unit: f.Signal.Unit,
			Direction: directionProto(f.Signal.Direction), Critical: f.Signal.Critical, Weight: f.Signal.Weight,
			Margin: marginProto(f.Signal.Margin), Tolerance: marginProto(f.Signal.Tolerance),
		},
		Judge:          f.Judge,
		Classification: classifications[f.Classification],
		Verdict:        VerdictProto(f.Verdict),
		Baseline:       summaryProto(f.Baseline),
		Canary:         summaryProto(f.Canary),
		Effect:         effectProto(f.Effect),
		PValue:         number(f.PValue),
		AdjustedPValue: number(f.AdjustedPValue),
		EffectiveN:     number(f.EffectiveN),
		Reason:         f.Reason,
		Warnings:       f.Warnings,
		Choice:         f.Choice,
	}
	for _, a := range f.Aspects {
		p.Aspects = append(p.Aspects, &judgedv1.Aspect{Judge: a.Judge, Effect: effectProto(a.Effect), PValue: number(a.PValue)})
	}
	if f.Needed > 0 {
		needed := int32(min(f.Needed, math.MaxInt32))
		p.Needed = &needed
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

func effectProto(e judge.Effect) *judgedv1.Effect {
	return &judgedv1.Effect{
		Measure: string(e.Measure), Estimate: number(e.Estimate), Low: number(e.Low), High: number(e.High), Level: e.Level,
	}
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

func summaryProto(s judge.Summary) *judgedv1.Summary {
	p := &judgedv1.Summary{
		Count: int32(min(s.Count, math.MaxInt32)), Missing: int32(min(s.Missing, math.MaxInt32)),
		Level: number(s.Level), Mean: number(s.Mean), Min: number(s.Min), Max: number(s.Max), Std: number(s.Std),
	}
	if s.Total > 0 || s.Events > 0 {
		p.Events, p.Total = number(s.Events), number(s.Total)
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
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func value(p *float64, absent float64) float64 {
	if p == nil {
		return absent
	}
	return *p
}
