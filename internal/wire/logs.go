package wire

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/compare"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

func logOf(l *judgedv1.Log) analysis.Log {
	return analysis.Log{
		Signal: judge.Signal{Name: l.GetName(), Critical: l.GetCritical(), Weight: l.GetWeight()},
		Source: l.GetSource(), Query: l.GetQuery(),
		Severity:  compare.Severity{Pins: Pins(l.GetPins()), LevelsOnly: l.GetLevelsOnly()},
		Tolerance: l.GetTolerance().GetValue(), Ratio: l.GetRatio().GetValue(), Share: l.GetShare().GetValue(),
		SilenceFails: l.GetSilence() == judgedv1.Silence_SILENCE_FAIL, Redact: l.GetRedact(),
	}
}

func logProto(l *analysis.Log) *judgedv1.Log {
	p := &judgedv1.Log{
		Name: l.Name, Source: l.Source, Query: l.Query, Critical: l.Critical, Weight: l.Weight,
		Tolerance: wrapped(l.Tolerance), Ratio: wrapped(l.Ratio), Share: wrapped(l.Share),
		LevelsOnly: l.Severity.LevelsOnly, Redact: l.Redact, Pins: PinProtos(l.Severity.Pins),
	}
	if l.SilenceFails {
		p.Silence = judgedv1.Silence_SILENCE_FAIL
	}
	return p
}

// Pins returns the plain form.
func Pins(pins []*judgedv1.Pin) []compare.Pin {
	var out []compare.Pin
	for _, p := range pins {
		out = append(out, compare.Pin{Template: p.GetTemplate(), As: severityOf(p.GetAs()), Until: Time(p.GetUntil()), By: p.GetBy(), Note: p.GetNote()})
	}
	return out
}

// PinProtos is the inverse of Pins.
func PinProtos(pins []compare.Pin) []*judgedv1.Pin {
	var out []*judgedv1.Pin
	for _, p := range pins {
		out = append(out, &judgedv1.Pin{Template: p.Template, As: severityProto(p.As), Until: timestamp(p.Until), By: p.By, Note: p.Note})
	}
	return out
}

// Pinned returns the config with more pins. Those that it has itself come first:
// whoever wrote it knew what it compares.
func Pinned(c analysis.Config, more []*judgedv1.Pin) analysis.Config {
	if len(more) == 0 || len(c.Logs) == 0 {
		return c
	}
	plain := Pins(more)
	c.Logs = slices.Clone(c.Logs)
	for i := range c.Logs {
		s := &c.Logs[i].Severity
		s.Pins = slices.Concat(s.Pins, plain)
	}
	return c
}

// Severities have the same order in both forms, the message's beginning with the
// one that is not given.
func severityProto(s judge.Severity) judgedv1.Severity { return judgedv1.Severity(s + 1) }

func severityOf(s judgedv1.Severity) judge.Severity {
	return judge.Severity(min(max(s, judgedv1.Severity_SEVERITY_IGNORED), judgedv1.Severity_SEVERITY_CRITICAL) - 1)
}

var changeKinds = map[judge.ChangeKind]judgedv1.ChangeKind{
	judge.New: judgedv1.ChangeKind_NEW, judge.Up: judgedv1.ChangeKind_UP, judge.Lost: judgedv1.ChangeKind_LOST,
	judge.Down: judgedv1.ChangeKind_DOWN, judge.Renamed: judgedv1.ChangeKind_RENAMED, judge.SlotShift: judgedv1.ChangeKind_SLOT_SHIFT,
}

var changeKindOf = func() map[judgedv1.ChangeKind]judge.ChangeKind {
	inverse := map[judgedv1.ChangeKind]judge.ChangeKind{}
	for k, p := range changeKinds {
		inverse[p] = k
	}
	return inverse
}()

func changeProtos(changes []judge.Change) []*judgedv1.Change {
	var out []*judgedv1.Change
	for i := range changes {
		out = append(out, changeProto(&changes[i]))
	}
	return out
}

func changeProto(c *judge.Change) *judgedv1.Change {
	p := &judgedv1.Change{
		Kind: changeKinds[c.Kind], Id: c.ID, Name: c.Name, Level: c.Level, Logger: c.Logger,
		Severity: severityProto(c.Severity), Why: c.Why, Baseline: tallyProto(&c.Baseline), Canary: tallyProto(&c.Canary),
		Effect: fillEffect(&judgedv1.Effect{}, &c.Effect), PValue: number(&c.PValue), AdjustedPValue: number(&c.AdjustedPValue),
		FirstSeen: timestamp(c.FirstSeen), Instances: c.Instances, InstanceCount: int32(min(c.InstanceCount, math.MaxInt32)),
		Single: c.Single, Was: c.Was,
	}
	for _, e := range c.Excerpts {
		p.Excerpts = append(p.Excerpts, &judgedv1.Excerpt{Time: timestamp(e.Time), Instance: e.Instance, Trace: e.Trace, Text: e.Text})
	}
	return p
}

func tallyProto(t *judge.Tally) *judgedv1.Tally {
	p := &judgedv1.Tally{Events: number(&t.Events)}
	if t.Exposure > 0 {
		p.Exposure = number(&t.Exposure)
	}
	return p
}

// changesOf is the inverse of changeProtos.
func changesOf(changes []*judgedv1.Change) []judge.Change {
	var out []judge.Change
	for _, p := range changes {
		//nolint:protogetter // an absent number is not 0
		c := judge.Change{
			Kind: changeKindOf[p.GetKind()], ID: p.GetId(), Name: p.GetName(), Level: p.GetLevel(), Logger: p.GetLogger(),
			Severity: severityOf(p.GetSeverity()), Why: p.GetWhy(),
			Baseline: judge.Tally{Events: p.GetBaseline().GetEvents(), Exposure: p.GetBaseline().GetExposure()},
			Canary:   judge.Tally{Events: p.GetCanary().GetEvents(), Exposure: p.GetCanary().GetExposure()},
			Effect:   effectOf(p.GetEffect()), PValue: value(p.PValue, math.NaN()), AdjustedPValue: value(p.AdjustedPValue, math.NaN()),
			FirstSeen: Time(p.GetFirstSeen()), Instances: p.GetInstances(), InstanceCount: int(p.GetInstanceCount()),
			Single: p.GetSingle(), Was: p.GetWas(),
		}
		if math.IsNaN(c.Effect.Estimate) && c.Baseline.Events == 0 && c.Canary.Events > 0 {
			c.Effect.Estimate = math.Inf(1) // which messages have no word for
		}
		for _, e := range p.GetExcerpts() {
			c.Excerpts = append(c.Excerpts, judge.Excerpt{Time: Time(e.GetTime()), Instance: e.GetInstance(), Trace: e.GetTrace(), Text: e.GetText()})
		}
		out = append(out, c)
	}
	return out
}
