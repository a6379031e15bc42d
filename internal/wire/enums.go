package wire

import (
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
	default:
		return judgedv1.Kind_GAUGE
	}
}

// directionOf fills in an open direction: more events are bad, and of a level
// nobody knows.
func directionOf(d judgedv1.Direction, k judge.Kind) judge.Direction {
	switch d {
	case judgedv1.Direction_INCREASE:
		return judge.Increase
	case judgedv1.Direction_DECREASE:
		return judge.Decrease
	case judgedv1.Direction_EITHER:
		return judge.Either
	default:
		if k == judge.Gauge {
			return judge.Either
		}
		return judge.Increase
	}
}

func directionProto(d judge.Direction) judgedv1.Direction {
	switch d {
	case judge.Increase:
		return judgedv1.Direction_INCREASE
	case judge.Decrease:
		return judgedv1.Direction_DECREASE
	default:
		return judgedv1.Direction_EITHER
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
