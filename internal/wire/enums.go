package wire

import (
	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// kindOf fills in an open kind: events out of a total, or a level.
func kindOf(k judgedv1.Kind, hasTotal bool) judge.Kind {
	switch k {
	case judgedv1.Kind_COUNT:
		return judge.Count
	case judgedv1.Kind_RATIO:
		return judge.Ratio
	case judgedv1.Kind_GAUGE:
		return judge.Gauge
	case judgedv1.Kind_HISTOGRAM:
		return judge.Distribution
	default:
		if hasTotal {
			return judge.Ratio
		}
		return judge.Gauge
	}
}

func kindProto(k judge.Kind) judgedv1.Kind {
	switch k {
	case judge.Count:
		return judgedv1.Kind_COUNT
	case judge.Ratio:
		return judgedv1.Kind_RATIO
	case judge.Distribution:
		return judgedv1.Kind_HISTOGRAM
	default:
		return judgedv1.Kind_GAUGE
	}
}

// splitJudge is the judge of how traffic is split: too much is as bad as too
// little.
const splitJudge = "srm"

// ownJudge is the judge that compares with the past and needs no baseline.
const ownJudge = "anomaly"

// directionOf fills in an open direction: more events are bad, and of a level
// nobody knows.
func directionOf(d judgedv1.Direction, k judge.Kind, judgeName string) judge.Direction {
	switch d {
	case judgedv1.Direction_INCREASE:
		return judge.Increase
	case judgedv1.Direction_DECREASE:
		return judge.Decrease
	case judgedv1.Direction_EITHER:
		return judge.Either
	default:
		if k == judge.Gauge || k == judge.Distribution || judgeName == splitJudge {
			return judge.Either
		}
		return judge.Increase
	}
}

// DirectionProto returns the message's word.
func DirectionProto(d judge.Direction) judgedv1.Direction {
	switch d {
	case judge.Increase:
		return judgedv1.Direction_INCREASE
	case judge.Decrease:
		return judgedv1.Direction_DECREASE
	default:
		return judgedv1.Direction_EITHER
	}
}

func assignmentOf(a judgedv1.Assignment) judge.Assignment {
	if a == judgedv1.Assignment_RANDOMIZED {
		return judge.Randomized
	}
	return judge.Instances
}

// assignmentProto leaves out the default, as people do.
func assignmentProto(a judge.Assignment) judgedv1.Assignment {
	if a == judge.Randomized {
		return judgedv1.Assignment_RANDOMIZED
	}
	return judgedv1.Assignment_ASSIGNMENT_UNSPECIFIED
}

func stopOf(s judgedv1.Stop) analysis.Stop {
	switch s {
	case judgedv1.Stop_ON_FAIL:
		return analysis.StopOnFail
	case judgedv1.Stop_AT_END:
		return analysis.StopAtEnd
	default:
		return analysis.StopEarly
	}
}

func stopProto(s analysis.Stop) judgedv1.Stop {
	switch s {
	case analysis.StopOnFail:
		return judgedv1.Stop_ON_FAIL
	case analysis.StopAtEnd:
		return judgedv1.Stop_AT_END
	default:
		return judgedv1.Stop_STOP_UNSPECIFIED
	}
}

// VerdictProto returns the message's form.
func VerdictProto(v judge.Verdict) judgedv1.Verdict {
	switch v {
	case judge.Pass:
		return judgedv1.Verdict_PASS
	case judge.Fail:
		return judgedv1.Verdict_FAIL
	case judge.Error:
		return judgedv1.Verdict_ERROR
	default:
		return judgedv1.Verdict_INCONCLUSIVE
	}
}

// Verdict returns the plain form. What is not known decides nothing.
func Verdict(v judgedv1.Verdict) judge.Verdict {
	switch v {
	case judgedv1.Verdict_PASS:
		return judge.Pass
	case judgedv1.Verdict_FAIL:
		return judge.Fail
	case judgedv1.Verdict_ERROR:
		return judge.Error
	default:
		return judge.Inconclusive
	}
}

var classifications = map[judge.Classification]judgedv1.Classification{
	judge.Unclear: judgedv1.Classification_UNCLEAR,
	judge.Similar: judgedv1.Classification_SIMILAR,
	judge.High:    judgedv1.Classification_HIGH,
	judge.Low:     judgedv1.Classification_LOW,
	judge.NoData:  judgedv1.Classification_NO_DATA,
	judge.Failed:  judgedv1.Classification_FAILED,
}

func classificationOf(c judgedv1.Classification) judge.Classification {
	for plain, message := range classifications {
		if message == c {
			return plain
		}
	}
	return judge.Unclear
}
