package policy

import (
	"math"

	"github.com/google/cel-go/cel"

	"github.com/judged-dev/judged/judge"
)

// The words that rules compare with. A verdict is written as everything writes
// it; the others as configs do.
var (
	verdictWords        = []string{"PASS", "FAIL", "INCONCLUSIVE", "ERROR"}
	classificationWords = []string{"unclear", "similar", "high", "low", "noData", "failed"}
	kindWords           = []string{"gauge", "count", "ratio", "histogram"}
	directionWords      = []string{"either", "increase", "decrease"}
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

func classified(name string, as judge.Classification) *field {
	return flag(name, func(f *judge.Finding) bool { return f.Classification == as })
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
	findingClass = newClass("Finding",
		text("name", func(f *judge.Finding) string { return f.Signal.Name }),
		word("kind", kindWords, func(f *judge.Finding) string { return f.Signal.Kind.String() }),
		text("unit", func(f *judge.Finding) string { return f.Signal.Unit }),
		word("direction", directionWords, func(f *judge.Finding) string { return f.Signal.Direction.String() }),
		flag("critical", func(f *judge.Finding) bool { return f.Signal.Critical }),
		number("weight", func(f *judge.Finding) float64 { return weight(f.Signal) }),
		text("judge", func(f *judge.Finding) string { return f.Judge }),
		word("classification", classificationWords, func(f *judge.Finding) string { return classificationWord(f.Classification) }),
		classified("high", judge.High),
		classified("low", judge.Low),
		classified("similar", judge.Similar),
		classified("unclear", judge.Unclear),
		classified("noData", judge.NoData),
		classified("failed", judge.Failed),
		word("verdict", verdictWords, func(f *judge.Finding) string { return f.Verdict.String() }),
		number("pValue", func(f *judge.Finding) float64 { return f.PValue }),
		number("adjustedPValue", func(f *judge.Finding) float64 { return f.AdjustedPValue }),
		number("effectiveN", func(f *judge.Finding) float64 { return f.EffectiveN }),
		part("effect", effectClass, func(f *judge.Finding) *judge.Effect { return &f.Effect }),
		part("baseline", summaryClass, func(f *judge.Finding) *judge.Summary { return &f.Baseline }),
		part("canary", summaryClass, func(f *judge.Finding) *judge.Summary { return &f.Canary }),
		given(count("needed", func(f *judge.Finding) int { return f.Needed }), func(f *judge.Finding) bool { return f.Needed > 0 }),
		text("reason", func(f *judge.Finding) string { return f.Reason }),
		of("warnings", cel.ListType(cel.StringType), func(f *judge.Finding) any { return f.Warnings }),
		text("source", func(f *judge.Finding) string { return f.Evidence.Source }),
	)
)

// scope is a list of variables, as config and rules name them.
func scope[T any](name string, get func(*T) map[string]string) *field {
	return of(name, cel.MapType(cel.StringType, cel.StringType), func(o *T) any { return get(o) })
}
