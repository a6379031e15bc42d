package policy

import (
	"math"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/judged-dev/judged/judge"
)

// The words that rules compare with. A verdict is written as everything writes
// it; the others as configs do.
var (
	verdictWords        = []string{"PASS", "FAIL", "INCONCLUSIVE", "ERROR"}
	classificationWords = []string{"unclear", "similar", "high", "low", "noData", "failed"}
	kindWords           = []string{"gauge", "count", "ratio", "histogram"}
	directionWords      = []string{"either", "increase", "decrease"}
	changeWords         = []string{"new", "up", "lost", "down", "renamed", "slot-shift"}
	severityWords       = []string{"ignored", "info", "warn", "error", "critical"}
	levelWords          = []string{"", "debug", "info", "warn", "error", "critical"}
	measureWords        = []string{"ratio", "difference", "rate-ratio", "tail-ratio", "spread-ratio"}
)

func classificationWord(c judge.Classification) string {
	if int(c) < 0 || int(c) >= len(classificationWords) {
		return ""
	}
	return classificationWords[c]
}

// weight is a signal's share of the score, where 0 counts as 1.
func weight(s judge.Signal) float64 {
	if !(s.Weight > 0) || math.IsInf(s.Weight, 0) {
		return 1
	}
	return s.Weight
}

// found is a finding with its changes, which are made into a list once and not each
// time that a rule reads them.
type found struct {
	*judge.Finding

	changes ref.Val
}

// findingsOf returns the findings as rules see them.
func findingsOf(findings []judge.Finding) ref.Val {
	all := make([]found, len(findings))
	none := listOf(changeClass, []judge.Change(nil))
	for i := range findings {
		all[i] = found{&findings[i], none}
		if changes := findings[i].Changes; len(changes) > 0 {
			all[i].changes = listOf(changeClass, changes)
		}
	}
	return listOf(findingClass, all)
}

func classified(name string, as judge.Classification) *field {
	return flag(name, func(f *found) bool { return f.Classification == as })
}

var (
	effectClass = newClass("Effect",
		word("measure", measureWords, func(e *judge.Effect) string { return string(e.Measure) }),
		number("estimate", func(e *judge.Effect) float64 { return e.Estimate }),
		number("low", func(e *judge.Effect) float64 { return e.Low }),
		number("high", func(e *judge.Effect) float64 { return e.High }),
		number("level", func(e *judge.Effect) float64 { return e.Level }),
	)
	summaryClass = newClass("Summary",
		count("count", func(s *judge.Summary) int { return s.Count }),
		count("missing", func(s *judge.Summary) int { return s.Missing }),
		number("level", func(s *judge.Summary) float64 { return s.Level }),
		number("mean", func(s *judge.Summary) float64 { return s.Mean }),
		number("min", func(s *judge.Summary) float64 { return s.Min }),
		number("max", func(s *judge.Summary) float64 { return s.Max }),
		number("std", func(s *judge.Summary) float64 { return s.Std }),
		number("events", func(s *judge.Summary) float64 { return s.Events }),
		number("total", func(s *judge.Summary) float64 { return s.Total }),
	)
	tallyClass = newClass("Tally",
		number("events", func(t *judge.Tally) float64 { return t.Events }),
		number("exposure", func(t *judge.Tally) float64 {
			if t.Exposure > 0 {
				return t.Exposure
			}
			return math.NaN() // lines were counted, which have none
		}),
	)
	changeClass = newClass("Change",
		word("kind", changeWords, func(c *judge.Change) string { return string(c.Kind) }),
		text("id", func(c *judge.Change) string { return c.ID }),
		text("name", func(c *judge.Change) string { return c.Name }),
		word("level", levelWords, func(c *judge.Change) string { return c.Level }),
		text("logger", func(c *judge.Change) string { return c.Logger }),
		word("severity", severityWords, func(c *judge.Change) string { return c.Severity.String() }),
		part("baseline", tallyClass, func(c *judge.Change) *judge.Tally { return &c.Baseline }),
		part("canary", tallyClass, func(c *judge.Change) *judge.Tally { return &c.Canary }),
	)
	findingClass = newClass("Finding",
		text("name", func(f *found) string { return f.Signal.Name }),
		word("kind", kindWords, func(f *found) string { return f.Signal.Kind.String() }),
		text("unit", func(f *found) string { return f.Signal.Unit }),
		word("direction", directionWords, func(f *found) string { return f.Signal.Direction.String() }),
		flag("critical", func(f *found) bool { return f.Signal.Critical }),
		number("weight", func(f *found) float64 { return weight(f.Signal) }),
		text("judge", func(f *found) string { return f.Judge }),
		word("classification", classificationWords, func(f *found) string { return classificationWord(f.Classification) }),
		classified("high", judge.High),
		classified("low", judge.Low),
		classified("similar", judge.Similar),
		classified("unclear", judge.Unclear),
		classified("noData", judge.NoData),
		classified("failed", judge.Failed),
		word("verdict", verdictWords, func(f *found) string { return f.Verdict.String() }),
		number("pValue", func(f *found) float64 { return f.PValue }),
		number("adjustedPValue", func(f *found) float64 { return f.AdjustedPValue }),
		number("effectiveN", func(f *found) float64 { return f.EffectiveN }),
		part("effect", effectClass, func(f *found) *judge.Effect { return &f.Effect }),
		part("baseline", summaryClass, func(f *found) *judge.Summary { return &f.Baseline }),
		part("canary", summaryClass, func(f *found) *judge.Summary { return &f.Canary }),
		given(count("needed", func(f *found) int { return f.Needed }), func(f *found) bool { return f.Needed > 0 }),
		text("reason", func(f *found) string { return f.Reason }),
		of("warnings", cel.ListType(cel.StringType), func(f *found) any { return f.Warnings }),
		text("source", func(f *found) string { return f.Evidence.Source }),
		many("changes", changeClass, func(f *found) ref.Val { return f.changes }),
	)
)

// scope is a list of variables, as config and rules name them.
func scope[T any](name string, get func(*T) map[string]string) *field {
	return of(name, cel.MapType(cel.StringType, cel.StringType), func(o *T) any { return get(o) })
}
